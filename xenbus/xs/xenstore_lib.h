/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smaller half of libxenstore's interface: permissions, where the daemon listens, a write that
 * does not stop halfway.  Programs include xenstore.h, which includes this.
 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parts of a watch event and limits of the protocol.  They belong to <xen/io/xs_wire.h>, which
 * libxen-dev installs; without it these are all of it that a client uses.
 */
#ifndef XENSTORE_PAYLOAD_MAX
#if __has_include(<xen/io/xs_wire.h>)
#include <xen/io/xs_wire.h>
#else
enum xs_watch_type { XS_WATCH_PATH = 0, XS_WATCH_TOKEN = 1 };
#define XENSTORE_PAYLOAD_MAX  4096
#define XENSTORE_ABS_PATH_MAX 3072
#define XENSTORE_REL_PATH_MAX 2048
#endif
#endif

/* One entry of a node's list of permissions.  The first entry names the node's owner, who may do
 * everything, and what domains may do that no later entry names.
 */
struct xs_permissions {
    unsigned int id;    /* a domain */
    unsigned int perms; /* XS_PERM_* */
};

#define XS_PERM_NONE  0x00
#define XS_PERM_READ  0x01
#define XS_PERM_WRITE 0x02
/* These three never come from a daemon; programs find them here because they always did. */
#define XS_PERM_ENOENT_OK 0x04
#define XS_PERM_OWNER     0x08
#define XS_PERM_IGNORE    0x10

/* Enough characters for a number of x's type in decimal, its sign and the NUL: three digits for ten
 * bits.
 */
#define MAX_STRLEN(x) ((sizeof(x) * CHAR_BIT + CHAR_BIT - 1) / 10 * 3 + 2)

#ifdef __cplusplus
extern "C" {
#endif

/* The daemon's directory, XENSTORED_RUNDIR or /var/run/xenstored, and its socket, XENSTORED_PATH or
 * `socket` in that directory; NULL if that name is longer than PATH_MAX.  The result belongs to the
 * library.  There is one socket for all: the second name is an old one.
 */
const char *xs_daemon_rundir(void);
const char *xs_daemon_socket(void);
const char *xs_daemon_socket_ro(void);

/* Writes all @len bytes, however often the kernel takes only a part; false with errno. */
bool xs_write_all(int fd, const void *data, unsigned int len);

/* Turns @num strings, one behind the other, such as "n0" "r5", into @perms.  False with EINVAL. */
bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings);

#ifdef __cplusplus
}
#endif
