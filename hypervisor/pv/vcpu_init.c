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

/* One bit per descriptor area: 32768 live vCPUs are 4 GiB of addresses. */
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

static uint64_t hv_gdt_page(const struct vcpu *v)
{
    return VCPU_DESC_BASE + (uint64_t)v->desc_slot * VCPU_DESC_SIZE + FIRST_HV_GDT_BYTE;
}

int pv_vcpu_init(struct vcpu *v)
{
    int slot = alloc_desc_slot();

    _Static_assert(256 * sizeof(struct trap_entry) <= PAGE_SIZE, "a trap table is one page");
    if (slot < 0)
        return -ENOMEM;
    v->desc_slot = slot;
    v->trap_table = hv_alloc_page();
    v->fpu = hv_zalloc(max(fpu_area_size(), (unsigned)PAGE_SIZE));
    if (!v->trap_table || !v->fpu ||
        !map_pages(hv_gdt_page(v), desc_gdt_frame(), 1, MAP_RW)) {
        hv_free(v->fpu);
        if (v->trap_table)
            hv_free_page(v->trap_table);
        free_desc_slot(slot);
        return -ENOMEM;
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
    unmap_pages(hv_gdt_page(v), 1);
    hv_free(v->fpu);
    hv_free_page(v->trap_table);
    free_desc_slot(v->desc_slot);
}
