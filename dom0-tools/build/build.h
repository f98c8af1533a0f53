/* SPDX-License-Identifier: GPL-2.0-only */
/* The domain builder: from a kernel file and some numbers to a paused domain.
 *
 * What it makes is what Xen's own tools make of the same request, so Debian's xl, xenstored and
 * xenconsoled serve such a domain like any other.  It touches neither the store nor devices; who
 * calls it introduces the domain to the store with the numbers of struct built_domain.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/cpuid.h"
#include "lib/hypercall.h"
#include "lib/problem.h"

#define BUILD_CACHE "/var/cache/pavis" /* where unpacked kernels are kept */

/* BUILD_DEFAULTS gives everything that has a default; the rest must be said. */
struct build_request {
    const char *kernel;  /* a file: bzImage, ELF, PV-GRUB; packed or not */
    const char *ramdisk; /* a file, or NULL */
    const char *cmdline; /* or NULL */
    uint64_t memory_kib;
    uint64_t max_memory_kib; /* what the guest may grow to; 0: memory_kib */
    unsigned max_vcpus;
    uint8_t handle[16]; /* its uuid */
    unsigned domid;     /* 0: the hypervisor chooses */

    unsigned max_event_channels; /* the highest port */
    int max_grant_frames;        /* these two: -1 for the hypervisor's default */
    int max_maptrack_frames;
    unsigned store_domid, console_domid; /* who serves it */

    unsigned tsc_mode;                   /* 0 default, 1 emulated, 2 native */
    int64_t time_offset;                 /* seconds that its clock is ahead of UTC */
    const struct xen_cpuid_leaf *leaves; /* changes to the hypervisor's CPUID policy */
    unsigned nr_leaves;
    unsigned weight, cap; /* credit2's; weight 0: the default of both */

    const char *cache; /* folder of unpacked kernels, NULL: none */
    /* The program ends before the guest is unpaused, so unmapping may be left to its end, which is
     * cheaper.  A guest that ran while its frames are mapped here could not make page tables and
     * descriptor tables of them, and would crash. */
    bool program_ends;
    /* Called when the domain has its number and nothing else; the building stops where it does not
     * return 0, with the problem that it has set.  May be NULL. */
    int (*created)(void *ctx, unsigned domid, struct problem *why);
    void *ctx;
};

#define BUILD_DEFAULTS                                                                             \
    (struct build_request)                                                                         \
    {                                                                                              \
        .max_vcpus = 1, .max_event_channels = 1023, .max_grant_frames = -1,                        \
        .max_maptrack_frames = -1, .cache = BUILD_CACHE                                            \
    }

struct built_domain {
    unsigned domid;
    uint64_t nr_pages;
    uint64_t store_mfn, console_mfn;
    uint32_t store_port, console_port; /* the domain's own */
    bool from_cache;                   /* the unpacked kernel was there already */
};

/* Builds the domain, paused.  On failure nothing is left of it. */
int build_domain(struct hypercalls *h, const struct build_request *req, struct built_domain *out,
                 struct problem *why);
