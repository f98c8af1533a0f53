/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a PV vCPU is made of besides struct vcpu: its descriptor area, its trap table, the area for
 * its extended state.
 */
#include "abi/errno.h"
#include "cpu/desc.h"
#include "cpu/fpu.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/bitmap.h"
#include "lib/spinlock.h"
#include "mem/heap.h"
#include "mem/layout.h"
#include "mem/map.h"
#include "pv/emulate.h"
#include "pv/pv.h"

/* One bit per descriptor area: 32768 live vCPUs are 64 GiB of addresses. */
#define NR_DESC_SLOTS 32768
static uint64_t desc_slots[NR_DESC_SLOTS / 64];
static spinlock_t desc_slots_lock;

static int alloc_desc_slot(void)
{
    int slot = -1;

    spin_lock(&desc_slots_lock);
    for (unsigned w = 0; w < ARRAY_SIZE(desc_slots); w++) {
        if (!~desc_slots[w])
            continue;
        slot = w * 64 + __builtin_ctzl(~desc_slots[w]);
        desc_slots[w] |= BIT(slot & 63);
        break;
    }
    spin_unlock(&desc_slots_lock);
    return slot;
}

static void free_desc_slot(unsigned slot)
{
    spin_lock(&desc_slots_lock);
    desc_slots[slot / 64] &= ~BIT(slot & 63);
    spin_unlock(&desc_slots_lock);
}

/* Shared by all vCPUs and mapped read-only: nothing is ever written to it, since only a descriptor
 * that is present gets marked as accessed. */
static const uint64_t no_descriptors[PAGE_SIZE / 8] __aligned(PAGE_SIZE);

mfn_t pv_no_descriptors(void)
{
    return image_to_mfn(no_descriptors);
}

/*
 * The GDT's limit spans all 16 pages, so each of them must be mapped: a selector that the guest
 * does not have is to be #GP, not a page fault at an address that it does not know.  The LDT has a
 * limit of its own, and its pages come when they are asked for.
 */
static bool map_gdt(const struct vcpu *v)
{
    uint64_t va = pv_descriptor_area(v);

    for (unsigned i = 0; i < FIRST_HV_GDT_PAGE; i++)
        if (!map_pages(va + i * PAGE_SIZE, pv_no_descriptors(), 1, MAP_RO))
            return false;
    return map_pages(va + FIRST_HV_GDT_BYTE, desc_gdt_frame(), 1, MAP_RW);
}

static void unmap_gdt(const struct vcpu *v)
{
    unmap_with_table(pv_descriptor_area(v));
}

int pv_vcpu_init(struct vcpu *v)
{
    int slot = alloc_desc_slot();

    _Static_assert(256 * sizeof(struct trap_entry) <= PAGE_SIZE, "a trap table is one page");
    if (slot < 0)
        return guest_error(-ENOMEM, "no memory for it");
    v->desc_slot = slot;
    v->trap_table = hv_alloc_page();
    v->fpu = hv_zalloc(max(fpu_area_size(), (unsigned)PAGE_SIZE));
    if (!v->trap_table || !v->fpu || !map_gdt(v)) {
        unmap_gdt(v);
        hv_free(v->fpu);
        if (v->trap_table)
            hv_free_page(v->trap_table);
        free_desc_slot(slot);
        return guest_error(-ENOMEM, "no memory for it");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(v->gdt_frames); i++)
        v->gdt_frames[i] = INVALID_MFN;
    fpu_area_init(v->fpu); /* a page or more: aligned to 64 bytes as XSAVE wants */
    v->xcr0 = fpu_xcr0_supported() ? 1 : 0;
    v->guest_cr4 = pv_initial_cr4(v->domain);
    v->debugreg[6] = 0xffff0ff0UL; /* the processor's values after reset */
    v->debugreg[7] = 0x400;
    v->in_kernel = true;
    return 0;
}

void pv_vcpu_destroy(struct vcpu *v)
{
    unmap_gdt(v);
    hv_free(v->fpu);
    hv_free_page(v->trap_table);
    free_desc_slot(v->desc_slot);
}
