/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting the trampoline of ap.S in place.  The boot's page tables serve the other processors too:
 * they still map low memory one to one, and get the hypervisor's slots as they are now.
 */
#include "boot/ap.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "mem/map.h"

extern char ap_start[], ap_end[], ap_gdtr_base[], ap_jump[], ap_cr3[], ap_stack[], ap_entry[];
extern uint64_t boot_l4[512];

static char *trampoline __boot_bss;

static void *__boot_text in_page(const char *sym)
{
    return trampoline + ((uint64_t)sym - (uint64_t)ap_start);
}

void __boot_text ap_trampoline_install(mfn_t page)
{
    uint32_t base = (uint32_t)mfn_to_paddr(page);

    trampoline = mfn_to_virt(page);
    memcpy(trampoline, ap_start, (size_t)(ap_end - ap_start));
    *(uint32_t *)in_page(ap_gdtr_base) += base;
    *(uint32_t *)in_page(ap_jump) += base;
    *(uint32_t *)in_page(ap_cr3) = (uint32_t)mfn_to_paddr(image_to_mfn(boot_l4));
    for (unsigned int i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
        boot_l4[i] = hv_l4[i];
}

void __boot_text ap_trampoline_set(uint64_t stack, void (*entry)(void))
{
    *(uint64_t *)in_page(ap_stack) = stack;
    *(uint64_t *)in_page(ap_entry) = (uint64_t)entry;
    smp_mb();
}

void __boot_text ap_trampoline_remove(void)
{
    memset(trampoline, 0, PAGE_SIZE);
    boot_l4[0] = 0;
}
