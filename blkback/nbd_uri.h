/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of disks that another program serves by the Network Block Device protocol:
 *
 *     nbd://HOST[:PORT]/EXPORT            by TCP; an IPv6 address is in brackets
 *     nbd+unix:///EXPORT?socket=PATH      by a Unix socket
 *
 * Pure.  %XX stands for a byte.  What would be encrypted (nbds:) is refused: there is no TLS here.
 */
#pragma once

#include <stdbool.h>

struct nbd_uri {
    char host[256]; /* empty: the Unix socket */
    char port[6];
    char socket[108]; /* as long as such a path may be */
    char export[256];
};

/* Does it begin like one? */
bool nbd_uri_is(const char *text);
/* False with @why. */
bool nbd_uri_parse(struct nbd_uri *uri, const char *text, const char **why);
