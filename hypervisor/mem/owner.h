/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory layer knows of a domain: an owner of frames.
 *
 * struct domain embeds one of these, first; mem/ never looks further.  That is what lets the type
 * machine, the validator and the audit be compiled into host tests with a handful of plain owners.
 */
#pragma once

#include "lib/types.h"
#include "lib/spinlock.h"

struct rangeset;

struct mem_owner {
    domid_t id;
    bool is_dying;      /* no new page, reference or pin is given out for it */
    bool is_privileged; /* may map frames of other domains (foreign maps) */
    bool has_io;        /* owns devices: may map I/O memory and use cache attributes */
    bool l1tf_check;    /* non-present entries must not name RAM (entry_l1tf_unsafe) */

    uint32_t nodes; /* where its memory had better come from, 0: anywhere; one word, no lock */

    spinlock_t lock;       /* guards the five fields below */
    uint64_t tot_pages;    /* frames assigned, shared hypervisor pages not counted */
    uint64_t max_pages;    /* limit for tot_pages */
    uint64_t shared_pages; /* hypervisor pages given to this domain (shared_info, grant table...) */
    uint64_t claimed;      /* frames promised by XENMEM_claim_pages and not yet assigned */
    uint64_t exchanging;   /* frames stolen that others or themselves will take the place of: they
                            * count towards the limit, or it could be passed meanwhile (XSA-385) */

    /* One bit per 2 MiB chunk of machine memory that may hold a frame of this owner.  Set at
     * assignment, never cleared before death: a stale bit costs a scan of 512 records.  This
     * stands in for a list through the frame records, which would cost 8 bytes per frame. */
    uint64_t *chunk_map;

    /* CPUs whose TLB may hold translations of this owner's address spaces.  A CPU sets its bit
     * before it loads such a table and clears it after it has loaded another domain's. */
    cpumask_t dirty_cpus;

    /* Counts changes of its L4 tables, from 1 on, atomic: copies in restricted roots that are of an
     * earlier generation are stale (pv/restricted.c). */
    uint64_t root_generation;

    uint64_t audit_pages, audit_shared; /* mem/audit.c's own counts, while it runs */

    struct rangeset *iomem; /* I/O frames that this owner may map (NULL: none) */
};
