/* SPDX-License-Identifier: GPL-2.0-only */
/* Network interfaces of dom0 by rtnetlink, in this process: what scripts do with `ip` and `brctl`.
 *
 * Every function opens a socket of its own, asks, waits for the kernel's answer and closes it; 0,
 * or -errno as the kernel gave it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LINK_NAME 16 /* IFNAMSIZ: 15 letters */

/* Whether @name can be an interface's: length, and no letters that the kernel refuses. */
bool link_name_ok(const char *name);

struct link_info {
    unsigned index, mtu;
    unsigned master; /* index of the bridge that it is a port of; 0: none */
    bool is_bridge, is_up;
};

/* 0; or -ENODEV, and *info is all zero. */
int link_look(const char *name, struct link_info *info);

/* A bridge with a MAC address that does not change when ports come; -EEXIST: there is an interface
 * of this name. */
int link_make_bridge(const char *name, const uint8_t mac[6]);
int link_remove(const char *name);

struct link_change {
    const char *master; /* the bridge that it joins; NULL: no change */
    const uint8_t *mac; /* NULL: no change */
    unsigned mtu;       /* 0: no change */
    bool up;            /* it is switched on; never off */
    bool quiet;         /* the kernel sends nothing of its own there: no link-local IPv6 address */
};

/* All of it, or nothing where the kernel refuses the first. */
int link_set(const char *name, const struct link_change *change);

/* dom0's IPv4 address on it; that it is there already is no error. */
int link_add_address(const char *name, const uint8_t address[4], unsigned bits);

/* Each IPv4 prefix that dom0 has a route to, in any table, with the interface's index, 0 where it
 * has several or none.  The default route has 0 bits. */
int link_each_route(void (*see)(void *ctx, const uint8_t prefix[4], unsigned bits, unsigned index),
                    void *ctx);
