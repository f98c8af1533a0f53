/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: memory that one domain lends to another, version 1.
 *
 * A domain writes what it lends into its shared entries (domain/grant_entry.h has the protocol).
 * For each shared entry the hypervisor keeps an active entry: who uses it, how often, and which
 * frame it named when first used.  From then on only the active entry counts, never the shared one,
 * whatever the guest writes there.  Who maps keeps a record per mapping (domain/maptrack.h).
 *
 * Who holds what, while mapped:
 *   a live handle holds a reference on the granter's struct domain, so that it can always be
 *   closed, however dead the granter is (I8);
 *   a host mapping's references on the frame (general, and writable type if so) belong to the
 *   page-table entry, like those of any entry (I2);
 *   a device mapping's belong to its maptrack entry, and are reported to the audit.
 *
 * Locks: table.lock (growth), maptrack.lock (free list of handles), active.lock (one entry).  None
 * is taken in an interrupt.  active.lock is innermost and never held over a copy, a page-table
 * update or a flush; no two active locks are held at once.  Frames of the table are published by
 * nr_frames with release order and stay until the domain is freed, so looking up needs no lock.
 *
 * If this is wrong: a domain reads or writes memory that nobody lent to it (I3).
 */
#pragma once

#include "domain/maptrack.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;
struct grant_entry_v1;

#define GRANT_DEFAULT_FRAMES          64   /* Xen 4.17: gnttab_max_frames */
#define GRANT_DEFAULT_MAPTRACK_FRAMES 1024 /* Xen 4.17: gnttab_max_maptrack_frames */
#define GRANT_ENTRIES_PER_FRAME       512  /* 8-byte entries in a page */

/* The pin word: four counters of 8 bits. */
#define GNTPIN_HOST_READ   (1U << 0)
#define GNTPIN_HOST_WRITE  (1U << 8)
#define GNTPIN_DEV_READ    (1U << 16)
#define GNTPIN_DEV_WRITE   (1U << 24)
#define GNTPIN_WRITERS     0xff00ff00U
#define GNTPIN_NEARLY_FULL 0x80808080U /* a counter at 128 or above takes no more */

struct active_grant {
    spinlock_t lock;
    uint32_t pin;     /* who uses it: see GNTPIN_* */
    uint32_t mfn;     /* valid while pin != 0; frames have 32-bit numbers in version 1 */
    domid_t domid;    /* whom it is lent to; valid while pin != 0 */
    uint16_t recount; /* scratch of the audit */
};
_Static_assert(sizeof(struct active_grant) == 16, "two pages of active entries per shared frame");

/* One frame of the shared table and what belongs to it. */
struct grant_frame {
    struct grant_entry_v1 *shared; /* hypervisor's mapping of the shared page */
    struct active_grant *active;   /* two pages */
};

struct grant_table {
    spinlock_t lock;
    unsigned nr_frames; /* grows only, under lock */
    unsigned max_frames;
    unsigned nr_unshared;       /* death: frames [0, here) are not the domain's any more */
    struct grant_frame *frames; /* max_frames of them */
    struct maptrack maptrack;
    unsigned release_next;                  /* death: handles below are closed */
    uint64_t maps, unmaps, copies, flushes; /* approximate, for the debug key */
    unsigned audit_handles; /* of all domains to this one: the audit's count, while it runs */
};

/*
 * Life.  Limits in frames, negative: the default; beyond what the machine allows (the default, or
 * options gnttab_max_frames/gnttab_max_maptrack_frames): -EINVAL.  The first frame exists from the
 * start.  0, -EINVAL, -ENOMEM (nothing is left behind).
 * relinquish drops what d mapped of others, a bounded number per call; -ERESTART: call again.  d is
 * dying and none of its vCPUs runs; best after its page tables are gone.
 * destroy frees the table itself: at the last domain_put(), when nobody has a pin any more.
 */
int grant_table_init(struct domain *d, int max_frames, int max_maptrack_frames);
int grant_table_relinquish(struct domain *d);
void grant_table_destroy(struct domain *d);

/* Machine-wide upper limits, from the command line; 0 keeps the default. */
void grant_set_limits(unsigned max_frames, unsigned max_maptrack_frames);

/* Hypercall 20; `uop` is the guest address of `count` structures.  0, -errno, or a continuation. */
long do_grant_table_op(unsigned cmd, uint64_t uop, unsigned count);

/*
 * d's shared table gets at least `nr` frames: 0, -EINVAL beyond the limit, -ENOMEM, -ERESTART after
 * some of them when other work waits.
 */
int grant_table_grow(struct domain *d, unsigned nr);
/* Frame `idx` of it, for XENMEM_acquire_resource.  -EINVAL where the table does not reach it. */
int grant_resource_frame(const struct domain *d, unsigned idx, mfn_t *mfn);

/* Registered with mem/audit: the references that device mappings hold; checks pins against
 * handles, and the free list of handles.  All domains are paused. */
void grant_audit_register(void);

/* Debug key 'g': tables, pins and handles of every domain, to the log. */
void grant_dump_all(void);
