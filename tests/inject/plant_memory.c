/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults in frame records, free memory, page tables and owners' books: see plant.h. */
#include "plant.h"

#include "mem/m2p.h"
#include "mem/rangeset.h"

#define TYPE_IS(type) ((uint64_t)(type) << TYPE_SHIFT)

/* The planted writable word is at most one of several; each function changes as little as it can.
 */
static bool change_ref(struct frame *f, uint64_t value)
{
    if (f)
        POKE(f->ref, value);
    return f != NULL;
}

static bool change_type(struct frame *f, uint64_t value)
{
    if (f)
        POKE(f->type, value);
    return f != NULL;
}

static bool change_entry(pte_t *e, pte_t value)
{
    POKE(*e, value);
    return true;
}

/* An entry with the flags of an ordinary one of that level, leading to `f`. */
static pte_t entry_like(const struct side *s, unsigned level, const struct frame *f)
{
    return (*s->entry[level] & ~PTE_ADDR) | mfn_to_paddr(frame_mfn(f));
}

/* --- records -----------------------------------------------------------------------------------
 */

bool plant_reference_dropped(void)
{
    return change_ref(w.their.page, w.their.page->ref - 1);
}

bool plant_reference_taken_twice(void)
{
    return change_ref(w.their.page, w.their.page->ref + 1);
}

bool plant_reference_of_table_dropped(void)
{
    return change_ref(w.their.table[2], w.their.table[2]->ref - 1);
}

/* Frames that nobody uses as anything, only the allocation holds. */
static bool is_idle(const struct frame *f)
{
    return frame_state(f) == FRAME_IN_USE && frame_owner(f) == w.their.d->mem.id &&
           frame_count(f) == 1 && !(f->type & TYPE_COUNT_MASK);
}

bool plant_reference_of_allocation_lost(void)
{
    struct frame *f = find_frame(is_idle);

    return f && change_ref(f, f->ref & ~REF_ALLOC);
}

bool plant_type_use_dropped(void)
{
    return change_type(w.their.page, w.their.page->type - 1);
}

bool plant_type_use_taken_twice(void)
{
    return change_type(w.their.page, w.their.page->type + 1);
}

bool plant_type_use_of_table_dropped(void)
{
    return change_type(w.their.table[3], w.their.table[3]->type - 1);
}

bool plant_type_changed_in_use(void)
{
    return change_type(w.their.page, TYPE_IS(PT_SHARED) | TYPE_VALIDATED | 1);
}

bool plant_table_of_other_level(void)
{
    return change_type(w.their.table[1], (w.their.table[1]->type & ~TYPE_MASK) | TYPE_IS(PT_L2));
}

bool plant_table_not_validated(void)
{
    return change_type(w.their.table[1], w.their.table[1]->type & ~TYPE_VALIDATED);
}

bool plant_flags_without_use(void)
{
    return change_type(find_frame(is_idle), TYPE_IS(PT_L1) | TYPE_VALIDATED);
}

static bool is_pinned(const struct frame *f)
{
    return frame_state(f) == FRAME_IN_USE && f->type & TYPE_PINNED;
}

bool plant_pin_lost(void)
{
    struct frame *f = find_frame(is_pinned);

    return f && change_type(f, f->type & ~TYPE_PINNED);
}

bool plant_pin_forged(void)
{
    return change_type(w.their.table[1], w.their.table[1]->type | TYPE_PINNED);
}

bool plant_pin_of_no_table(void)
{
    return change_type(w.their.page, w.their.page->type | TYPE_PINNED);
}

bool plant_state_between_two(void)
{
    return change_ref(find_frame(is_idle), REF_STATE(FRAME_MOVING));
}

static bool change_owner(domid_t id)
{
    struct frame *f = find_frame(is_idle);

    return f && change_ref(f, (f->ref & ~REF_OWNER_MASK) | (uint64_t)id << REF_OWNER_SHIFT);
}

bool plant_owner_of_nobody(void)
{
    return change_owner(12345);
}

bool plant_owner_another(void)
{
    return change_owner(dom0->mem.id);
}

bool plant_shared_mark_lost(void)
{
    struct frame *f = frame_of(w.their.d->shared_info_mfn);

    return change_ref(f, f->ref & ~REF_SHARED);
}

/* Mapped by themselves and by us: what the two talk through. */
static bool is_mapped_by_both(const struct frame *f)
{
    return frame_state(f) == FRAME_IN_USE && frame_owner(f) == w.their.d->mem.id &&
           f->ref & REF_FOREIGN && page_type(f) == PT_WRITABLE && (f->type & TYPE_COUNT_MASK) >= 2;
}

bool plant_foreign_mark_lost(void)
{
    struct frame *f = find_frame(is_mapped_by_both);

    return f && change_ref(f, f->ref & ~REF_FOREIGN);
}

bool plant_m2p_frame_writable(void)
{
    return change_type(frame_of(m2p_piece(0)), TYPE_IS(PT_WRITABLE) | TYPE_VALIDATED | 1);
}

static bool is_descriptors(const struct frame *f)
{
    return frame_state(f) == FRAME_IN_USE && page_type(f) == PT_SEGDESC && f->type & TYPE_VALIDATED;
}

static bool change_descriptor(unsigned i, uint64_t value)
{
    struct frame *f = find_frame(is_descriptors);

    if (f)
        POKE(((uint64_t *)frame_virt(f))[i], value);
    return f != NULL;
}

bool plant_descriptor_of_ring_0(void)
{
    return change_descriptor(5, 0x00cf93000000ffffUL);
}

bool plant_descriptor_call_gate(void)
{
    return change_descriptor(6, 0x0000ec0000080000UL);
}

/* --- free memory: small blocks, which the audit's own allocation leaves alone -------------------
 */

static unsigned order_of(const struct frame *f)
{
    return (f->ref & REF_ORDER_MASK) >> REF_ORDER_SHIFT;
}

static bool is_small_free_block(const struct frame *f)
{
    return frame_state(f) == FRAME_FREE && f->ref & REF_HEAD && order_of(f) <= 6;
}

static bool is_dirty_free_block(const struct frame *f)
{
    return is_small_free_block(f) && !(f->ref & REF_ALL_CLEAN);
}

bool plant_free_frame_in_use(void)
{
    return change_ref(find_frame(is_small_free_block),
                      REF_STATE(FRAME_IN_USE) | REF_ALLOC | 1 |
                          (uint64_t)w.their.d->mem.id << REF_OWNER_SHIFT);
}

bool plant_free_frame_held(void)
{
    struct frame *f = find_frame(is_small_free_block);

    return f && change_entry(w.their.empty[1], entry_like(&w.their, 1, f));
}

bool plant_free_block_of_other_order(void)
{
    struct frame *f = find_frame(is_small_free_block);

    return f && change_ref(f, f->ref ^ 1UL << REF_ORDER_SHIFT);
}

static const struct frame *first_block;

static bool is_block_of_other_order(const struct frame *f)
{
    return is_small_free_block(f) && order_of(f) != order_of(first_block);
}

/* The list's next block is one of another list. */
bool plant_free_block_in_two_lists(void)
{
    struct frame *f = find_frame(is_small_free_block), *other;

    first_block = f;
    other = f ? find_frame(is_block_of_other_order) : NULL;
    return other && change_type(f, (f->type & ~0xffffffffUL) | frame_mfn(other).n);
}

bool plant_free_block_said_clean(void)
{
    struct frame *f = find_frame(is_dirty_free_block);

    return f && change_ref(f, f->ref | REF_ALL_CLEAN);
}

/* --- entries -----------------------------------------------------------------------------------
 */

bool plant_entry_lost(void)
{
    return change_entry(w.their.entry[1], 0);
}

bool plant_entry_twice(void)
{
    return change_entry(w.their.empty[1], *w.their.entry[1]);
}

bool plant_entry_became_read_only(void)
{
    return change_entry(w.their.entry[1], *w.their.entry[1] & ~PTE_RW);
}

bool plant_entry_writable_to_table(void)
{
    return change_entry(w.their.empty[1], entry_like(&w.their, 1, w.their.table[2]));
}

bool plant_entry_of_supervisor(void)
{
    return change_entry(w.their.entry[1], *w.their.entry[1] & ~PTE_US);
}

bool plant_entry_of_kernel_global(void)
{
    return change_entry(w.their.entry[1], *w.their.entry[1] ^ PTE_G);
}

bool plant_entry_reserved_bit(void)
{
    return change_entry(w.their.entry[1], *w.their.entry[1] | BIT(60));
}

bool plant_entry_superpage(void)
{
    return change_entry(w.their.entry[2], *w.their.entry[2] | PTE_PSE);
}

bool plant_entry_uncached(void)
{
    return change_entry(w.their.entry[1], *w.their.entry[1] | PTE_PCD);
}

bool plant_entry_to_own_level(void)
{
    return change_entry(w.their.empty[2], entry_like(&w.their, 2, w.their.table[2]));
}

static bool map_read_only(struct side *s, mfn_t mfn)
{
    return change_entry(s->empty[1], (*s->entry[1] & ~(PTE_ADDR | PTE_RW)) | mfn_to_paddr(mfn));
}

bool plant_entry_to_free_frame(void)
{
    struct frame *f = find_frame(is_small_free_block);

    return f && map_read_only(&w.their, frame_mfn(f));
}

bool plant_entry_to_hypervisor(void)
{
    return map_read_only(&w.their, virt_to_mfn(w.their.v->trap_table));
}

bool plant_entry_to_other_domain(void)
{
    return map_read_only(&w.their, frame_mfn(w.our.page));
}

bool plant_entry_table_of_other_domain(void)
{
    return change_entry(w.their.empty[2], entry_like(&w.their, 2, w.our.table[1]));
}

#define VGA_TEXT   MFN(0xb8)
#define LOCAL_APIC MFN(0xfee00)

bool plant_entry_to_io(void)
{
    return map_read_only(&w.their, VGA_TEXT);
}

bool plant_entry_to_local_apic(void)
{
    return map_read_only(&w.our, LOCAL_APIC);
}

static void permit_again(void)
{
    BUG_ON(rangeset_add(dom0->mem.iomem, VGA_TEXT.n, VGA_TEXT.n));
}

/* dom0 has it mapped writable. */
bool plant_io_permission_lost(void)
{
    plant_undo(permit_again);
    return !rangeset_remove(dom0->mem.iomem, VGA_TEXT.n, VGA_TEXT.n);
}

static void unprotect_again(void)
{
    BUG_ON(rangeset_remove(mem_io_read_only, VGA_TEXT.n, VGA_TEXT.n));
}

bool plant_msix_table_writable(void)
{
    plant_undo(unprotect_again);
    return !rangeset_add(mem_io_read_only, VGA_TEXT.n, VGA_TEXT.n);
}

static bool change_slot(unsigned slot, pte_t value)
{
    return change_entry((pte_t *)frame_virt(w.their.table[4]) + slot, value);
}

bool plant_hypervisor_slot_changed(void)
{
    return change_slot(HV_SLOT_FIRST, hv_l4_slots[0] ^ PTE_RW);
}

bool plant_hypervisor_slot_filled(void)
{
    return change_slot(HV_SLOT_LAST, entry_like(&w.their, 4, w.their.table[3]));
}

/* --- owners ------------------------------------------------------------------------------------
 */

bool plant_owner_total_off(void)
{
    POKE(w.their.d->mem.tot_pages, w.their.d->mem.tot_pages - 1);
    return true;
}

bool plant_owner_shared_total_off(void)
{
    POKE(w.their.d->mem.shared_pages, w.their.d->mem.shared_pages + 1);
    return true;
}

bool plant_owner_chunk_missing(void)
{
    POKE(w.their.d->mem.chunk_map[frame_mfn(w.their.page).n / 512 / 64], 0);
    return true;
}

bool plant_claim_lost(void)
{
    POKE(w.their.d->mem.claimed, w.their.d->mem.claimed + 5);
    return true;
}

bool plant_dirty_cpu_lost(void)
{
    POKE(dom0->mem.dirty_cpus, 0);
    return true;
}
