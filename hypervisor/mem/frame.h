/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame table: one record of 16 bytes for each machine frame, which says whose the frame is,
 * how many hold it, and as what it is used.  This record is what guests are protected by.
 *
 *   ref    bits 0-31   general reference count (while free: flush stamp of the last use, 0: none)
 *               32-47  owner's domain number
 *               48     ALLOC    one of the references is the allocation's own
 *               49     SHARED   a hypervisor page that a domain may map; not freed by the last put
 *               50     FOREIGN  was mapped by a domain that is not the owner, or by grant
 *               51     UNCACHED was mapped by the owner with a type other than write-back
 *               52     HEAD     first frame of a free block, of order bits 56-60
 *               53     CLEAN    free and known to be zero
 *               54     ALL_CLEAN (with HEAD) each frame of the block is
 *               55     FREE_LAST (with SHARED) the last put frees the page
 *               56-60  order of a free block (HEAD) or of a hypervisor allocation
 *               61-63  state
 *   type   bits 0-23   type count
 *               24-26  type, enum page_type
 *               27-30  PINNED VALIDATED PARTIAL DOWN: mem/page_type.h
 *               32-63  count 0: flush stamp of the last use; PARTIAL: progress
 *          (while free: the free list, two 32-bit frame numbers)
 *
 * Each word is changed by compare-and-swap alone once the frame is in use.  A zero record is RAM
 * that was not handed out (the hypervisor's image, boot modules, the inside of a free block that
 * was never split), so the table needs no filling per frame; what is not RAM is marked at boot.
 *
 * If a count here is wrong, a guest writes page tables.  mem/audit.c recounts.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/types.h"
#include "mem/world.h"

struct frame {
    uint64_t ref;
    uint64_t type;
};

_Static_assert(sizeof(struct frame) == 16,
               "one record is 16 bytes: the memory budget counts on it");

#define REF_COUNT_MASK  0xffffffffUL
#define REF_COUNT_MAX   0xffff0000UL /* above: only the references a frame holds on itself */
#define REF_OWNER_SHIFT 32
#define REF_OWNER_MASK  (0xffffUL << REF_OWNER_SHIFT)
#define REF_ALLOC       BIT(48)
#define REF_SHARED      BIT(49)
#define REF_FOREIGN     BIT(50)
#define REF_UNCACHED    BIT(51)
#define REF_HEAD        BIT(52)
#define REF_CLEAN       BIT(53)
#define REF_ALL_CLEAN   BIT(54)
#define REF_FREE_LAST   BIT(55)
#define REF_ORDER_SHIFT 56
#define REF_ORDER_MASK  (0x1fUL << REF_ORDER_SHIFT)
#define REF_STATE_SHIFT 61
#define REF_STATE_MASK  (7UL << REF_STATE_SHIFT)

enum frame_state {
    FRAME_RESERVED = 0, /* RAM, not handed out to anybody */
    FRAME_FREE = 1,     /* in the allocator */
    FRAME_IN_USE = 2,   /* has an owner and at least one reference */
    FRAME_HV = 3,       /* the hypervisor's own; no guest can reference it (I3) */
    FRAME_IO = 4,       /* not RAM; never referenced, mapped by I/O permission only (I9) */
    FRAME_MOVING = 5,   /* between two states, private to one CPU */
};

#define REF_STATE(s) ((uint64_t)(s) << REF_STATE_SHIFT)

/* Frame records exist by chunks of 2 MiB, which is 131072 records or 512 MiB of machine memory. */
#define FRAME_CHUNK_SHIFT 17
#define FRAME_CHUNKS      (DIRECT_MAP_SIZE >> (FRAME_CHUNK_SHIFT + PAGE_SHIFT))
extern uint64_t frame_chunk_present[FRAME_CHUNKS / 64];
extern uint64_t frame_limit; /* first frame number above all records */

static inline struct frame *frame_of(mfn_t mfn)
{
    return &FRAME_TABLE[mfn.n];
}

static inline mfn_t frame_mfn(const struct frame *f)
{
    return MFN((uint64_t)(f - FRAME_TABLE));
}

static inline void *frame_virt(const struct frame *f)
{
    return mfn_to_virt(frame_mfn(f));
}

/* Records without a gap, as the two stretches that a PC has: from 0, and up to frame_limit. */
extern uint64_t frame_low_end, frame_high_start, frame_high_count;

/* Whether a frame has a record at all; any number may be asked. */
static inline bool frame_valid(mfn_t mfn)
{
    uint64_t chunk = mfn.n >> FRAME_CHUNK_SHIFT;

    if (likely(mfn.n < frame_low_end || mfn.n - frame_high_start < frame_high_count))
        return true;
    return mfn.n < frame_limit && (frame_chunk_present[chunk / 64] >> (chunk & 63) & 1);
}

static inline enum frame_state frame_state(const struct frame *f)
{
    return (enum frame_state)(load_once(&f->ref) >> REF_STATE_SHIFT);
}

/* Whether a frame is RAM, and so in the direct map.  Never changes after boot. */
static inline bool frame_is_ram(mfn_t mfn)
{
    return frame_valid(mfn) && frame_state(frame_of(mfn)) != FRAME_IO;
}

static inline domid_t frame_owner(const struct frame *f)
{
    return (domid_t)(load_once(&f->ref) >> REF_OWNER_SHIFT);
}

static inline uint32_t frame_count(const struct frame *f)
{
    return (uint32_t)load_once(&f->ref);
}

/* --- references ---------------------------------------------------------------------------------
 */

/* Takes a general reference if the frame is in use by `owner`.  False: it is not, or its count is
 * at the limit.  A frame with a reference keeps its owner and is not freed. */
bool __must_check frame_get(struct frame *f, domid_t owner);
/* One more by somebody who already holds one; for references a frame holds on itself. */
void frame_get_held(struct frame *f);
/* Gives a reference back; the last one frees the frame (SHARED: returns it to the hypervisor). */
void frame_put(struct frame *f);
/* Drops the allocation's own reference; false if it was dropped before. */
bool frame_put_alloc(struct frame *f);
/* Sticky marks, REF_FOREIGN or REF_UNCACHED, on a frame the caller has a reference on. */
void frame_mark(struct frame *f, uint64_t mark);

/* --- ownership (mem/assign.c) -------------------------------------------------------------------
 */

#define MEMF_NO_SCRUB   BIT(0) /* the caller overwrites all of it */
#define MEMF_KEEP_LIMIT BIT(1) /* takes the place of as many stolen: max_pages is not looked at */
#define MEMF_EXACT_NODE BIT(2) /* from MEMF_NODE's node or not at all */

/* Preferred to the owner's nodes; n < NR_NODES.  Bits 8-15: n + 1. */
#define MEMF_NODE_SHIFT 8
#define MEMF_NODE(n)    (((n) + 1u) << MEMF_NODE_SHIFT)

#define FRAME_MAX_ORDER 18 /* 1 GiB */

/*
 * Allocates 2^order frames in one block, aligned to its size.  With an owner each frame is IN_USE
 * with one reference (ALLOC) and counted in tot_pages; without one the block is the hypervisor's.
 * `addr_bits`: machine addresses below 2^addr_bits only, 0: any.  Memory of the owner's nodes, or
 * of MEMF_NODE's, is taken where there is any.  Contents are zero unless MEMF_NO_SCRUB.  No TLB
 * holds a translation of what is returned.  NULL: no memory, limit reached, or the owner is dying.
 * May flush TLBs: no lock that is taken with interrupts off may be held.
 */
struct frame *frame_alloc(struct mem_owner *o, unsigned order, unsigned flags, unsigned addr_bits);
/* The same, stopping when other work is pending: -ERESTART, but only after several frames have been
 * scrubbed, which are found clean the next time, so that whoever begins again comes further.
 * `scrubbed` counts for all blocks that a caller gives back if one is not had; from 0.  0, with the
 * block in *block; -ENOMEM, -EINVAL. */
int frame_alloc_preempt(struct mem_owner *o, unsigned order, unsigned flags, unsigned addr_bits,
                        unsigned *scrubbed, struct frame **block);
/* Frees a block allocated without an owner (the whole block). */
void frame_free_hv(struct frame *f, unsigned order);
/* The same for one that is as it was allocated: zero, and never mapped by a guest. */
void frame_free_unused(struct frame *f, unsigned order);
/* Gives a block allocated without an owner to one.  0; -ENOMEM: limit; -EINVAL: dying. */
int frame_assign(struct frame *f, unsigned order, struct mem_owner *o, unsigned flags);

/*
 * Takes a frame from its owner without freeing it, if nobody but the allocation holds it and it has
 * no type: it is then the hypervisor's block of order 0.  For XENMEM_exchange: goes on counting
 * towards the owner's limit until one is assigned with MEMF_KEEP_LIMIT.
 * 0; -EBUSY: somebody else holds it; -EINVAL: not the owner's.
 */
int frame_steal(struct frame *f, struct mem_owner *o);

/*
 * Makes a hypervisor page (hv_alloc_page) mappable by `o`, writable or read-only for ever.  It has
 * then one reference (ALLOC).  frame_unshare drops that; when the last mapping is gone too the page
 * is the hypervisor's again: it may be freed with hv_free_page as soon as frame_unshare or
 * frame_is_unshared says true.  0, or -EINVAL when the owner is dying.
 */
int frame_share(void *page, struct mem_owner *o, bool writable);
bool frame_unshare(void *page);
bool frame_is_unshared(const void *page);
/* As frame_unshare, and whoever drops the last reference frees the page. */
void frame_unshare_and_free(void *page);

/* Promises `pages` frames to an owner (0: gives up the claim).  0, -ENOMEM, -EINVAL. */
int mem_claim(struct mem_owner *o, uint64_t pages);
uint64_t mem_outstanding_claims(void);

/*
 * Gives back every assigned frame of a dying owner: unpins, finishes what was left half done, drops
 * the allocation's reference.  Frames that others still map stay until they let go (I8).  All of
 * its CPUs' roots and descriptor tables must have been dropped.  -ERESTART: call again with the
 * same cursor (0 at first).
 */
int mem_relinquish(struct mem_owner *o, uint64_t *cursor);
/* The part of it that takes the page tables apart, with a cursor of its own: done first, no table
 * frees what it mapped while it goes. */
int mem_relinquish_tables(struct mem_owner *o, uint64_t *cursor);

/* --- owners (mem/owner.c) -----------------------------------------------------------------------
 */

extern struct mem_owner mem_owner_xen; /* DOMID_XEN: the M2P as guests may map it */
extern struct mem_owner mem_owner_io;  /* DOMID_IO: names frames that are not RAM */

/* After the fields were filled in; allocates chunk_map and enters the number.  0, -ENOMEM, -EEXIST.
 */
int mem_owner_init(struct mem_owner *o);
/* When no frame is left. */
void mem_owner_destroy(struct mem_owner *o);
/* NULL when the number is not registered.  The caller must know that it cannot go away (a frame of
 * it is referenced, or the domain list lock is held). */
struct mem_owner *mem_owner_by_id(domid_t id);
/* Every registered owner; none may come or go meanwhile. */
void mem_owner_for_each(void (*fn)(struct mem_owner *o, void *arg), void *arg);

/* --- boot (mem/frame.c) -------------------------------------------------------------------------
 */

struct mem_range {
    mfn_t start; /* first frame */
    mfn_t end;   /* first frame behind */
};

struct mem_boot_ops {
    /* 2 MiB of RAM, aligned to their size, for ever; panics when there is none. */
    mfn_t (*alloc_2m)(void);
    /* Maps them at va with one large page: hypervisor only and writable, or for guests read-only.
     */
    void (*map_2m)(uint64_t va, mfn_t mfn, bool guest_readable);
};

/* Creates the records.  `ram`: all RAM of the machine below the end of the direct map, sorted, not
 * overlapping, whether in use already or not; everything else becomes FRAME_IO. */
void frame_table_init(const struct mem_range *ram, unsigned nr, const struct mem_boot_ops *ops);

/* The column of calls that starts this layer, from machine_map, ACPI's tables and the boot
 * allocator (mem/init.c).  `numa_wanted` false: the machine is one node, whatever the tables say.
 * After map_init(); hv_alloc_* and frame_alloc() work afterwards. */
void mem_init(bool numa_wanted);
