/* SPDX-License-Identifier: GPL-2.0-only */
/* A network's way out: a TAP device in dom0 with headers for offloads, put on a Linux bridge by
 * netlink, on a bridge of Open vSwitch by ovs-vsctl, or handed to one of Xen's vif scripts.
 *
 * The TAP lives as long as its descriptors: if the process is killed the kernel removes it, and a
 * successor makes it anew under the same name.  So a jailed process can be given the descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPLINK_QUEUES 4
#define UPLINK_NAME   16 /* IFNAMSIZ */
#define UPLINK_WHY    256

struct uplink_config {
    const char *name; /* of the TAP */
    const char
        *bridge;     /* Linux' or Open vSwitch's; "" or NULL: none, guests reach only each other */
    unsigned mtu;    /* 0: the bridge's */
    unsigned queues; /* descriptors: 1 to UPLINK_QUEUES */
    const char *script; /* NULL: none.  A path, or a name below /etc/xen/scripts */
    const char *path;   /* the device's node for the script: "/local/domain/0/backend/pvnet/1/0" */
};

struct uplink {
    char name[UPLINK_NAME];
    char bridge[UPLINK_NAME];
    unsigned mtu;
    bool is_ovs; /* the bridge is Open vSwitch's */
    unsigned nr_fds;
    int fds[UPLINK_QUEUES]; /* non-blocking; a frame for each read and write, behind a header of
                               struct virtio_net_hdr_v1's first UPLINK_HEADER bytes, in little
                               endian */
    const struct uplink_config *config; /* for uplink_close() */
};

#define UPLINK_HEADER 10 /* struct virtio_net_hdr, without the number of buffers */

/* 0; or -errno and a sentence in @why.  @config has to live as long.  The device gives and takes
 * frames with partial checksums and segments of TCP over IPv4 and IPv6 (TUN_F_CSUM, _TSO4, _TSO6).
 */
int uplink_open(struct uplink *uplink, const struct uplink_config *config, char why[UPLINK_WHY]);
void uplink_close(struct uplink *uplink);

/* Plugs it in again where its Linux bridge was made anew since, as pavis does when a network's next
 * first guest comes. To be called when a card joins.  As uplink_open(), but nothing is closed on
 * failure. */
int uplink_mend(struct uplink *uplink, char why[UPLINK_WHY]);

/* What the device may give to us, a set of TUN_F_*: as much as the worst of those can take that it
 * is for. 0 or -errno. */
int uplink_offloads(const struct uplink *uplink, unsigned flags);
