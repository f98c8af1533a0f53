// SPDX-License-Identifier: GPL-2.0-only
/* A guest's disks and network cards: what stands for them in dom0, who serves them, and their two
 * ends in the store.
 *
 * Two back ends serve each sort: ours (blkback, netback) and the Linux kernel's (xen-blkback,
 * xen-netback).  They look for their devices in different folders of the store, the kinds, so
 * there is never a race for one; the guest's end is the same.  What dom0 has to know of a device
 * later (where its back end is) has a copy below /libxl, which the guest can neither read nor
 * write.
 */
#pragma once

#include "config/guest_config.h"
#include "guest/disk.h"
#include "guest/nodes.h"
#include "network/network.h"

enum device_sort { SORT_DISK, SORT_NIC };

/* Who serves devices. */
struct device_kind {
    enum device_sort sort;
    const char *front; /* what the guest calls it: vbd, vif */
    const char *back;  /* the folder of the back ends in the store */
    const char *who;   /* for people */
    const char *start; /* what to do where it does not answer */
    bool kernel;       /* the kernel's */
};

extern const struct device_kind kind_vbd, kind_vif, kind_pvblk, kind_pvnet;

/* The kind that serves devices in this folder; NULL: none that is known. */
const struct device_kind *kind_named(const char *back);

/* Whether something serves such devices at the moment. */
bool kind_runs(const struct device_kind *kind);

struct nic_device {
    const struct guest_nic *spec;
    const struct device_kind *kind;
    struct guest_nic
        joined; /* what spec is in a network of pavis' own: with its bridge and address */
    struct network_card card; /* which are here */
};

/* Devices on their way into a guest. */
struct device_set {
    struct disk_device *disks;
    struct nic_device *nics;
    unsigned nr_disks, nr_nics;
};

/* Chooses who serves each device of @config, the guest with this uuid, and opens what they stand
 * for: most mistakes are there.  Networks of pavis' own are made; network_release() gives them
 * back.
 * @ours false: the kernel's where the configuration does not say.  -1: nothing is open. */
int devices_open(struct device_set *set, const struct guest_config *config,
                 const uint8_t uuid[UUID_BYTES], bool ours, struct problem *why);
void devices_close(struct device_set *set);

/* Writes all their nodes. @why is for a disk that another guest has already; -1 then. */
int devices_write(struct nodes *n, unsigned domid, const uint8_t uuid[UUID_BYTES],
                  const struct device_set *set, struct problem *why);

/* Waits until the back ends have all of them and the guest may begin. */
int devices_connect(struct xs_handle *xs, unsigned domid, const struct device_set *set,
                    struct problem *why);

/* The two ends of a device, and the copy of the back end's nodes. */
struct device_ends {
    unsigned domid, number;
    char frontend[NODE_PATH], backend[NODE_PATH], copy[NODE_PATH];
};

/* Writes what devices of all kinds have.  @home: the front end is in a place of its own. */
void device_ends_write(struct nodes *n, struct device_ends *d, const char *front, const char *back,
                       const char *home);

/* One node of the back end, and its copy. */
void device_back(struct nodes *n, const struct device_ends *d, const char *name, const char *value);

/* The back end of a guest's device in the store. */
void backend_path(char path[NODE_PATH], const char *kind, unsigned domid, unsigned device);
