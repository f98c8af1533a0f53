/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table entries of guests: which are acceptable, and how one is changed in a live table.
 *
 * An entry owns what it refers to: a writable L1 entry to RAM one general and one PT_WRITABLE
 * reference, a read-only one a general reference, an entry of level n one general and one
 * reference of type level n-1 (I2).  So what an entry holds can be told from its value alone, and
 * an update is: acquire for the new value, swap, release for the old.  The swap is a
 * compare-and-swap of eight bytes, so that updates of one table need no lock against each other,
 * nor against the processor setting accessed and dirty bits.
 */
#pragma once

#include "cpu/x86.h"
#include "mem/frame.h"
#include "mem/page_type.h"

typedef uint64_t pte_t;

#define PTE_ENTRIES      512
#define PTE_GUEST_KERNEL BIT(52) /* software: the guest's kernel asked for US=0 */
#define PTE_CACHE        (PTE_PWT | PTE_PCD | PTE_PAT) /* of a 4 KiB entry; 0: write-back */
#define PTE_AVAIL_LOW    (7UL << 9)
#define PTE_AVAIL_HIGH   (0x7fUL << 52) /* 52-58; 59-62 are protection keys where they exist */

static inline mfn_t pte_mfn(pte_t e)
{
    return MFN((e & PTE_ADDR) >> PAGE_SHIFT);
}

static inline pte_t pte_make(mfn_t mfn, uint64_t flags)
{
    return (mfn.n << PAGE_SHIFT) | flags;
}

/* A validated table that the caller keeps from changing its type by a reference. */
struct pte_table {
    struct frame *frame;
    pte_t *entry;            /* in the direct map */
    struct mem_owner *owner; /* of the table */
    unsigned level;          /* 1-4; 0: not a table but a writable page of the owner */
};

/* For whom an update is made, and what came of it.  One per hypercall, reused for its entries. */
struct pte_context {
    struct mem_owner *page_owner; /* owner the mapped frame must have; NULL: the table's */
    struct frame *deferred; /* out: an old table whose demotion was interrupted, see pte_finish() */
    bool changed_upper; /* out: a present entry of level 2-4 was changed: flush the owner's CPUs */
};

/*
 * Opens the frame at `mfn` for updates.  0; -EINVAL: not the owner's frame, or of a type that
 * updates cannot go to; -EBUSY; -ERESTART: a promotion had been left half done and goes on.
 */
int pte_table_open(struct pte_table *t, struct mem_owner *owner, mfn_t mfn);
void pte_table_close(struct pte_table *t);
/* As pte_table_close, where the close itself may demote a large table; -ERESTART: see pte_finish().
 */
int pte_table_close_preempt(struct pte_table *t, struct pte_context *c);

/*
 * Opens the L1 table that maps `va` under the root `l4` (a frame the caller knows to be a validated
 * L4) for an owner; *index is the entry.  -EINVAL: no such table.
 */
int pte_find_l1(struct pte_table *t, unsigned *index, struct mem_owner *owner, mfn_t l4,
                uint64_t va);

#define PTEF_PRESERVE_AD                                                                           \
    1u                  /* keep accessed and dirty bits that the processor has set meanwhile       \
                         */
#define PTEF_COMPARE 2u /* only if the entry is *old; else -EAGAIN, and *old is what it is */

/*
 * Replaces entry `index`.  `next` is as a guest writes it; it is checked and completed (US, G, the
 * kernel mark).  `old` may be NULL: else in: see COMPARE; out: the entry that was replaced.
 * 0; -EINVAL, -EPERM, -EBUSY: refused, nothing changed; -EAGAIN: see COMPARE; -ERESTART: a lower
 * table was not ready in time, call again (only levels 2-4).  Whatever is returned, if c->deferred
 * comes back set then pte_finish() must be called until 0 before the next update.
 */
int pte_update(struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old,
               struct pte_context *c);
/* Goes on with what an update left behind.  0, or -ERESTART: call again later.  The frame in
 * c->deferred carries a general reference, so it may also be kept and put in a context later. */
int pte_finish(struct pte_context *c);

/*
 * The two halves of a grant mapping in an L1 entry.  For map, the caller has taken the references
 * that the new entry needs (general; and PT_WRITABLE if `writable`), and they become the entry's
 * when 0 is returned; what was mapped there before is dropped.  `flags` are the guest's wishes
 * (access, availability, software bits). For unmap, entry `index` must map exactly `mfn` with that
 * access; it is cleared, and its references go to the caller, to be put after a flush.  -EINVAL:
 * not that mapping.
 */
int pte_grant_map(struct pte_table *t, unsigned index, mfn_t mfn, bool writable, uint64_t flags);
int pte_grant_unmap(struct pte_table *t, unsigned index, mfn_t mfn, bool writable);

/* --- rules (mem/entry.c), shared by update, validation and audit ---------------------------------
 */

/* I/O frames: MEM_IO_NONE, MEM_IO_READ or MEM_IO_WRITE.  mem_io_read_only holds what nobody may
 * write (MSI-X tables): a writable entry to it is made read-only. */
enum mem_io { MEM_IO_NONE, MEM_IO_READ, MEM_IO_WRITE };
enum mem_io mem_io_access(const struct mem_owner *o, mfn_t mfn);
extern struct rangeset *mem_io_read_only;

/* The address bits that this processor has: any other is a reserved bit (I5).  All of PTE_ADDR
 * until mem_init() knows better. */
extern uint64_t mem_address_mask;

/* What an entry may have: the processor's meaning is harmless, or the entry is completed by us. */
#define PTE_UPPER_ALLOWED                                                                          \
    (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVAIL_LOW | PTE_AVAIL_HIGH | PTE_NX)
#define PTE_L1_ALLOWED (PTE_UPPER_ALLOWED | PTE_G)

/* Whether bits of a present entry of this level are acceptable for a table of `o`. */
static inline bool entry_bits_ok(unsigned level, pte_t e, const struct mem_owner *o)
{
    uint64_t allowed = (level == 1 ? PTE_L1_ALLOWED : PTE_UPPER_ALLOWED) | mem_address_mask;

    /* Index 0 of the PAT is write-back, every other index is something else; a domain without
     * devices maps write-back only, or it could make our view of its tables differ from its own. */
    if (level == 1 && o->has_io)
        allowed |= PTE_CACHE;
    return !(e & ~allowed);
}

/* The entry as it is stored. */
static inline pte_t entry_complete(unsigned level, pte_t e)
{
    if (level > 1)
        return e | PTE_US;
    /* The guest's kernel runs in ring 3 too.  What it marked as supervisor is remembered in a
     * software bit, which comes back to us when it rewrites an entry it has read. */
    if (!(e & PTE_US))
        e |= PTE_US | PTE_GUEST_KERNEL;
    /* Global if not the kernel's: bit 52 upside down is bit 8. */
    return (e & ~PTE_G) | (~(e >> (52 - 8)) & PTE_G);
}
/* Takes the references of a present entry; may lower *e to read-only (mem_io_read_only). */
int entry_get(unsigned level, pte_t *e, struct mem_owner *table_owner, struct mem_owner *page_owner,
              unsigned flags);
/* Gives them back; nothing for an entry that is not present. -ERESTART: see page_type_put(); then
 * *left is that frame, with the entry's general reference. */
int entry_put(unsigned level, pte_t e, unsigned flags, struct frame **left);
/* The same for L1 entries whose bits have been judged; never -ERESTART. */
int l1_entry_get(pte_t *e, struct mem_owner *table_owner, struct mem_owner *page_owner);
void l1_entry_put(pte_t e);
/* Slots 256-271 of an L4 are the hypervisor's. */
static inline bool l4_slot_is_hv(unsigned index)
{
    return index >= HV_SLOT_FIRST && index <= HV_SLOT_LAST;
}
/* The hypervisor's own entries for slots 256-271 of each L4; set once at boot. */
extern pte_t hv_l4_slots[HV_SLOT_LAST - HV_SLOT_FIRST + 1];

/* The end of RAM, up to which a non-present entry is unsafe. */
extern paddr_t mem_l1tf_limit;
/*
 * Could a non-present entry be used for L1TF?  Its address bits, present or not, reach what the L1
 * data cache holds of that address.  Frame 0 holds the firmware's vectors, nobody's data (as in
 * Xen).  A large page would reach further than its address says.
 */
static inline bool entry_l1tf_unsafe(const struct mem_owner *o, unsigned level, pte_t e)
{
    paddr_t addr = e & mem_address_mask;

    return unlikely(o->l1tf_check) &&
           ((level > 1 && e & PTE_PSE) || (addr && addr < mem_l1tf_limit));
}
