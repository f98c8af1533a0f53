/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to be measured at one moment: the machine, each domain, and what its disks and
 * network cards have done since they began, whoever serves them.  For `pavis metrics` and `top`.
 */
#pragma once

#include "lib/domains.h"

struct disk_sample {
    unsigned domid, device;
    const char *who; /* blkback, xen-blkback */
    uint64_t reads, writes, flushes, discards;
    uint64_t bytes_read, bytes_written;
    /* What the kernel's does not count is 0. */
    uint64_t refused, failed, throttled, in_line, ns, worst_ns;
};

/* As the guest sees it: tx is what it sends. */
struct nic_sample {
    unsigned domid, device;
    const char *who; /* netback, xen-netback */
    uint64_t tx_packets, tx_bytes, tx_dropped;
    uint64_t rx_packets, rx_bytes, rx_dropped;
};

struct domain_sample {
    struct domain_info info;
    char name[DOMAIN_NAME_MAX]; /* of any bytes; "(null)" where the store knows none */
};

struct sample {
    uint64_t ns; /* when: of a clock that only goes forward */
    struct xen_sysctl_physinfo host;
    uint64_t *cpu_idle_ns;
    unsigned nr_cpus;
    struct domain_sample *domains; /* by number */
    struct disk_sample *disks;
    struct nic_sample *nics;
    unsigned nr_domains, nr_disks, nr_nics;
};

/* @store may be NULL: then there are no names. */
int sample_take(struct sample *s, struct hypercalls *h, struct xs_handle *store,
                struct problem *why);
void sample_free(struct sample *s);

/* What blkback's and netback's files and the kernel's in /sys say. */
void sample_devices(struct sample *s);
/* Of that: netback's. */
void sample_cards(struct sample *s);

/* Room for one more, all zero: NULL where memory is out. */
struct disk_sample *sample_add_disk(struct sample *s, unsigned domid, unsigned device,
                                    const char *who);
struct nic_sample *sample_add_nic(struct sample *s, unsigned domid, unsigned device,
                                  const char *who);
