/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restricted root tables, against Meltdown: what a guest runs on where a program can read by
 * speculation whatever its tables map.
 *
 * Each CPU has two roots, for guest user and guest kernel mode.  Their guest slots are a copy of
 * those of the guest's own L4.  Of the hypervisor they show what is touched between the guest's
 * last instruction and the load of a full root, and after that of a restricted one: the code of
 * pv/entry.S, this CPU's SYSCALL stub, IDT and TSS, the exceptions' stacks and the topmost page of
 * the ordinary one (where struct cpu_info is), and the descriptor area of the vCPU that is loaded.
 * Not the direct map, nor the frame table, nor any other vCPU's descriptors.  The hypervisor itself
 * always runs on the guest's L4, or on hv_l4.
 *
 * When a copy is stale: the owner counts changes of its L4 entries (root_generation, mem/pte.c),
 * and the way out compares (pv_restricted_root(), and the short ways of entry_syscall.S).  A stale
 * copy is as bad as a stale paging-structure cache and no worse, and for that every removal is
 * flushed: the flush interrupts the CPU, which must then pass the way out.  An addition is not
 * flushed; who meets the old copy faults, and tries again (restricted_root_stale()).
 *
 * If this is wrong a guest reads other domains' memory, or runs on tables that were taken from it.
 */
#include "abi/xen.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/mitigations.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mem/audit.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/map.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "pv/pv.h"

#define MAX_ENTRY_PAGES 8
#define MAX_SHOWN       (MAX_ENTRY_PAGES + STACK_IST_PAGES + 4)

extern const char entry_start[], entry_end[];

static struct restricted_cpu {
    uint64_t *l4[2];   /* guest user mode, guest kernel mode */
    paddr_t source[2]; /* the guest's L4 that each is a copy of; 0: none yet */
    uint64_t *l2;      /* the one table over whatever descriptor area is shown */
    uint64_t area;     /* which that is, 0: none */
} __cache_aligned restricted[NR_CPUS];

static unsigned index_at(uint64_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * (level - 1)) & (PTE_ENTRIES - 1);
}

static uint64_t *table_of(pte_t e)
{
    return paddr_to_virt(e & PTE_ADDR);
}

/* The pages that stay the same; returns how many. */
static unsigned shown_pages(unsigned cpu, uint64_t va[MAX_SHOWN])
{
    uint64_t stack = HV_STACKS_BASE + (uint64_t)cpu * STACK_STRIDE;
    unsigned n = 0;

    BUG_ON(entry_end - entry_start > (long)(MAX_ENTRY_PAGES * PAGE_SIZE));
    for (uint64_t a = (uint64_t)entry_start; a < (uint64_t)entry_end; a += PAGE_SIZE)
        va[n++] = a;
    for (unsigned i = 0; i < STACK_IST_PAGES; i++)
        va[n++] = stack + i * PAGE_SIZE;
    va[n++] = stack + STACK_SIZE - PAGE_SIZE;
    va[n++] = HV_STUBS_BASE;
    va[n++] = desc_idt_va() & PAGE_MASK;
    va[n++] = desc_tss_va(cpu) & PAGE_MASK;
    return n;
}

/* --- making them: at boot, where lack of memory is the end ----------------------------------- */

static uint64_t *new_table(void)
{
    uint64_t *t = hv_alloc_page();

    if (!t)
        panic("Not enough memory for restricted root tables");
    return t;
}

/* The table of `level` that is over `va`, made if there is none. */
static uint64_t *table_over(uint64_t *l4, uint64_t va, unsigned level)
{
    uint64_t *t = l4;

    for (unsigned l = 4; l > level; l--) {
        uint64_t *e = &t[index_at(va, l)];

        if (!(*e & PTE_P))
            *e = virt_to_paddr(new_table()) | PTE_P | PTE_RW | PTE_A;
        t = table_of(*e);
    }
    return t;
}

static unsigned make_roots(unsigned cpu)
{
    struct cpu_info *info =
        (struct cpu_info *)(HV_STACKS_BASE + (uint64_t)cpu * STACK_STRIDE + STACK_SIZE) - 1;
    struct restricted_cpu *r = &restricted[cpu];
    uint64_t va[MAX_SHOWN];
    unsigned nr = shown_pages(cpu, va);

    r->l4[0] = new_table();
    r->l4[1] = new_table();
    for (unsigned i = 0; i < nr; i++)
        table_over(r->l4[0], va[i], 1)[index_at(va[i], 1)] = map_lookup(va[i]);
    r->l2 = new_table();
    table_over(r->l4[0], VCPU_DESC_BASE, 3);
    for (unsigned i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
        r->l4[1][i] = r->l4[0][i];
    for (unsigned mode = 0; mode < 2; mode++)
        info->root[mode] = (struct restricted_root){.cr3 = virt_to_paddr(r->l4[mode])};
    return nr;
}

static void report(struct audit *a);

void restricted_init(void)
{
    unsigned cpu, nr = 0;

    if (map_global)
        return;
    for_each_cpu (cpu, cpu_online_map)
        nr = make_roots(cpu);
    audit_register(report);
    printk(XENLOG_INFO
           "Restricted roots show %u pages of the hypervisor, and a guest's descriptors\n",
           nr);
}

/* --- using them ---------------------------------------------------------------------------------
 */

static void hide_area(struct restricted_cpu *r)
{
    uint64_t *l3 = table_over(r->l4[0], VCPU_DESC_BASE, 3);

    r->l2[index_at(r->area, 2)] = 0;
    l3[index_at(r->area, 3)] = 0;
    r->area = 0;
}

static void show_area(struct restricted_cpu *r, uint64_t area)
{
    uint64_t *l3 = table_over(r->l4[0], VCPU_DESC_BASE, 3);

    r->l2[index_at(area, 2)] = map_l2_entry(area);
    l3[index_at(area, 3)] = virt_to_paddr(r->l2) | PTE_P | PTE_RW | PTE_A;
    r->area = area;
}

void restricted_unload(void)
{
    struct cpu_info *info = cpu_info();

    if (!info->restricted)
        return;
    info->restricted = false;
    hide_area(&restricted[info->cpu]);
}

void restricted_load(struct vcpu *v)
{
    struct cpu_info *info = cpu_info();

    restricted_unload();
    if (!v->domain->restricted)
        return;
    info->root[0].generation = info->root[1].generation = 0;
    show_area(&restricted[info->cpu], pv_descriptor_area(v));
    info->restricted = true;
}

/*
 * For entry.S, with interrupts off: the root to run the guest on, up to date.  The generation is
 * read before the entries, so that a change in between makes the copy older than it is.
 */
uint64_t pv_restricted_root(void);
uint64_t pv_restricted_root(void)
{
    struct cpu_info *info = cpu_info();
    const struct domain *d = current_domain;
    unsigned mode = current->in_kernel;
    struct restricted_root *root = &info->root[mode];
    uint64_t generation = load_acquire(&d->mem.root_generation);
    struct restricted_cpu *r;
    const uint64_t *from;

    if (likely(root->generation == generation))
        return root->cr3;
    r = &restricted[info->cpu];
    from = paddr_to_virt(info->cr3);
    memcpy(r->l4[mode], from, HV_SLOT_FIRST * sizeof(*from));
    memcpy(&r->l4[mode][HV_SLOT_LAST + 1], &from[HV_SLOT_LAST + 1],
           (PTE_ENTRIES - 1 - HV_SLOT_LAST) * sizeof(*from));
    /* The machine-to-physical table: some kernels do not want their programs to see it. */
    r->l4[mode][HV_SLOT_FIRST] =
        !mode && d->vm_assist & BIT(VMASST_TYPE_m2p_strict) ? 0 : hv_l4_slots[0];
    r->source[mode] = info->cr3;
    root->generation = generation;
    return root->cr3;
}

/* --- the audit -----------------------------------------------------------------------------------
 */

/* Everything below an L4 entry of ours, by address: nothing may be there that `va` does not list.
 */
static void check_shown(struct audit *a, unsigned cpu, const uint64_t *l4, const uint64_t *va,
                        unsigned nr)
{
    unsigned found = 0;

    for (unsigned i3 = 0; i3 < PTE_ENTRIES; i3++) {
        pte_t e3 = table_of(l4[index_at(HV_REGION_BASE, 4)])[i3];

        for (unsigned i2 = 0; e3 & PTE_P && i2 < PTE_ENTRIES; i2++) {
            pte_t e2 = table_of(e3)[i2];

            for (unsigned i1 = 0; e2 & PTE_P && i1 < PTE_ENTRIES; i1++)
                found += !!(table_of(e2)[i1] & PTE_P);
            if ((e3 | e2) & PTE_PSE)
                audit_complain(a, "CPU %u: large page in a restricted root", cpu);
        }
    }
    for (unsigned i = 0; i < nr; i++) {
        uint64_t *t = table_over((uint64_t *)l4, va[i], 1);

        if ((t[index_at(va[i], 1)] ^ map_lookup(va[i])) & ~(PTE_A | PTE_D))
            audit_complain(a, "CPU %u: restricted root maps %#lx elsewhere", cpu, va[i]);
    }
    if (found != nr)
        audit_complain(a, "CPU %u: restricted root shows %u pages of the hypervisor, not %u", cpu,
                       found, nr);
}

/* Of the descriptor areas, that of the vCPU that is loaded and no other. */
static void check_area(struct audit *a, unsigned cpu, const struct restricted_cpu *r)
{
    const uint64_t *l3 = table_of(r->l4[0][index_at(VCPU_DESC_BASE, 4)]);
    unsigned tables = 0, areas = 0;

    for (unsigned i = 0; i < PTE_ENTRIES; i++) {
        tables += !!(l3[i] & PTE_P);
        areas += !!(r->l2[i] & PTE_P);
    }
    if (tables != !!r->area || areas != !!r->area ||
        (r->area && (r->l2[index_at(r->area, 2)] ^ map_l2_entry(r->area)) & ~(PTE_A | PTE_D)))
        audit_complain(a, "CPU %u: restricted root shows other descriptors than at %#lx", cpu,
                       r->area);
}

/* The guest's slots, where the copy claims to be of the present generation. */
static void check_copy(struct audit *a, unsigned cpu, unsigned mode, uint64_t generation)
{
    const struct restricted_cpu *r = &restricted[cpu];
    mfn_t mfn = paddr_to_mfn(r->source[mode]);
    const struct mem_owner *o;
    const uint64_t *source;

    if (!generation || !frame_is_ram(mfn) || page_type(frame_of(mfn)) != PT_L4)
        return;
    o = mem_owner_by_id(frame_owner(frame_of(mfn)));
    if (!o || o->root_generation != generation)
        return;
    source = mfn_to_virt(mfn);
    for (unsigned i = 0; i < PTE_ENTRIES; i++)
        if (!l4_slot_is_hv(i) && (r->l4[mode][i] ^ source[i]) & ~(PTE_A | PTE_D))
            audit_complain(a, "CPU %u: restricted root, slot %u is %#lx, the guest's %#lx", cpu, i,
                           r->l4[mode][i], source[i]);
}

static void report(struct audit *a)
{
    uint64_t va[MAX_SHOWN];
    unsigned cpu;

    if (!audit_first(a))
        return;
    for_each_cpu (cpu, cpu_online_map) {
        const struct cpu_info *info =
            (struct cpu_info *)(HV_STACKS_BASE + (uint64_t)cpu * STACK_STRIDE + STACK_SIZE) - 1;
        const struct restricted_cpu *r = &restricted[cpu];

        for (unsigned i = HV_SLOT_FIRST + 1; i <= HV_SLOT_LAST; i++)
            for (unsigned mode = 0; mode < 2; mode++)
                if (r->l4[mode][i] != r->l4[0][i] ||
                    (r->l4[mode][i] && i != index_at(VCPU_DESC_BASE, 4) &&
                     i != index_at(HV_REGION_BASE, 4)))
                    audit_complain(a, "CPU %u: restricted root has slot %u", cpu, i);
        check_shown(a, cpu, r->l4[0], va, shown_pages(cpu, va));
        check_area(a, cpu, r);
        for (unsigned mode = 0; mode < 2; mode++)
            check_copy(a, cpu, mode, info->root[mode].generation);
    }
}
