/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules for one page-table entry: which bits, which frame, which references.
 *
 * Bits are judged by lists of what is allowed, never of what is forbidden: a bit that a future
 * processor gives a meaning to is refused until somebody has thought about it (I5).  Pure.
 */
#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/hot.h"
#include "mem/pte.h"
#include "mem/rangeset.h"

pte_t hv_l4_slots[HV_SLOT_LAST - HV_SLOT_FIRST + 1];
uint64_t mem_address_mask = PTE_ADDR;
struct rangeset *mem_io_read_only;
paddr_t mem_l1tf_limit = ~0UL;

enum mem_io mem_io_access(const struct mem_owner *o, mfn_t mfn)
{
    if (!rangeset_contains(o->iomem, mfn.n))
        return MEM_IO_NONE;
    return rangeset_contains(mem_io_read_only, mfn.n) ? MEM_IO_READ : MEM_IO_WRITE;
}

/* An L1 entry to what is not RAM: no references, only permission (I9). */
static int io_entry_get(pte_t *e, const struct mem_owner *table_owner,
                        const struct mem_owner *page_owner)
{
    enum mem_io access = mem_io_access(table_owner, pte_mfn(*e));

    if (page_owner != table_owner && page_owner != &mem_owner_io &&
        mem_io_access(page_owner, pte_mfn(*e)) == MEM_IO_NONE)
        access = MEM_IO_NONE;
    if (access == MEM_IO_NONE)
        return guest_error(-EPERM, "l1 entry maps I/O memory without permission");
    if (access == MEM_IO_READ)
        *e &= ~PTE_RW;
    return 0;
}

int l1_entry_get(pte_t *e, struct mem_owner *table_owner, struct mem_owner *page_owner)
{
    struct frame *f;
    int rc;

    if (!frame_is_ram(pte_mfn(*e)))
        return io_entry_get(e, table_owner, page_owner);
    if (page_owner != table_owner) {
        if (!table_owner->is_privileged)
            return guest_error(-EPERM, "l1 entry maps a foreign frame");
        if (page_owner->is_dying)
            return guest_error(-EINVAL, "l1 entry maps a frame of a dying domain");
    }

    f = frame_of(pte_mfn(*e));
    if (*e & PTE_RW) {
        rc = frame_get_type(f, page_owner->id, PT_WRITABLE, 0);
        if (unlikely(rc))
            return rc;
    } else if (unlikely(!frame_get(f, page_owner->id))) {
        return guest_error(-EINVAL, "l1 entry maps a frame that is not the named domain's");
    }
    /* Marked before the mapping exists, so that no flush is spared that it would need. */
    if (unlikely(page_owner != table_owner))
        frame_mark(f, REF_FOREIGN);
    if (unlikely(*e & PTE_CACHE))
        frame_mark(f, REF_UNCACHED);
    return 0;
}

int entry_get(unsigned level, pte_t *e, struct mem_owner *table_owner, struct mem_owner *page_owner,
              unsigned flags)
{
    if (!entry_bits_ok(level, *e, table_owner))
        return guest_error(-EINVAL, "page-table entry has a bit that this level must not have");
    if (level == 1)
        return l1_entry_get_fast(e, table_owner, page_owner);
    if (!frame_is_ram(pte_mfn(*e)))
        return guest_error(-EINVAL, "page-table entry leads outside RAM");
    return frame_get_type(frame_of(pte_mfn(*e)), table_owner->id, (enum page_type)(level - 1),
                          flags);
}

void l1_entry_put(pte_t e)
{
    l1_entry_put_fast(e);
}

int entry_put(unsigned level, pte_t e, unsigned flags, struct frame **left)
{
    struct frame *f = frame_of(pte_mfn(e));

    if (level == 1) {
        l1_entry_put_fast(e);
        return 0;
    }
    if (!(e & PTE_P))
        return 0;
    if (page_type_put(f, flags) == -ERESTART) {
        *left = f;
        return -ERESTART;
    }
    frame_put(f);
    return 0;
}
