/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the memory layer's unit tests: RAM with holes, frame records, owners, CPUs with
 * translation caches that remember more than a real one would, and preemption on demand.
 *
 *   frames 0-159 RAM, 160-255 not RAM, 256-8191 RAM (512-1535 taken for the boot), above: not RAM;
 *   a file that includes this may have less, by defining LOW_FRAMES before
 *   with fake_boot(true) also frames 0x40000-0x403ff, in a chunk of its own behind one without RAM
 *
 * Included by one file per test program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/xen.h"
#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/audit.h"
#include "mem/buddy.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"

#define FAKE __attribute__((unused)) static

#ifndef LOW_FRAMES
#define LOW_FRAMES 8192u
#endif
#define HIGH_START  0x40000u
#define HIGH_FRAMES 1024u
#define FAKE_CPUS   4u
#define NR_OWNERS   4u /* 0 is privileged and has devices */

struct frame *host_frame_table;
static uint8_t *fake_low, *fake_high;

void *paddr_to_virt(paddr_t p)
{
    uint64_t n = p >> PAGE_SHIFT;

    if (n < LOW_FRAMES && !(n >= 160 && n < 256))
        return fake_low + p;
    if (n >= HIGH_START && n < HIGH_START + HIGH_FRAMES && fake_high)
        return fake_high + (p - (paddr_t)HIGH_START * PAGE_SIZE);
    fprintf(stderr, "access to frame %#lx, which is not RAM\n", n);
    abort();
}

paddr_t virt_to_paddr(const void *v)
{
    const uint8_t *p = v;

    if (p >= fake_low && p < fake_low + LOW_FRAMES * PAGE_SIZE)
        return (paddr_t)(p - fake_low);
    if (fake_high && p >= fake_high && p < fake_high + HIGH_FRAMES * PAGE_SIZE)
        return (paddr_t)(p - fake_high) + (paddr_t)HIGH_START * PAGE_SIZE;
    fprintf(stderr, "%p is not in the direct map\n", v);
    abort();
}

/* --- failures --------------------------------------------------------------------------------- */

static jmp_buf fake_bug_jump;
static bool fake_bug_expected;
static const char *fake_why; /* the last refusal's reason */

__noreturn void bug(const char *file, int line, const char *what)
{
    if (fake_bug_expected) {
        fake_bug_expected = false;
        longjmp(fake_bug_jump, 1);
    }
    fprintf(stderr, "BUG at %s:%d: %s\n", file, line, what);
    abort();
}

__noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

int64_t guest_refused(int64_t error, const char *why, const char *file, int line)
{
    __atomic_store_n(&fake_why, why, __ATOMIC_RELAXED);
    return error;
}

/* The statement must run into a BUG_ON. */
#define EXPECT_BUG(statement)                                                                      \
    do {                                                                                           \
        fake_bug_expected = true;                                                                  \
        if (!setjmp(fake_bug_jump)) {                                                              \
            statement;                                                                             \
            fail_msg("%s did not stop the machine", #statement);                                   \
        }                                                                                          \
    } while (0)

/* --- chance, preemption ----------------------------------------------------------------------- */

static uint64_t fake_seed = 0x9e3779b97f4a7c15u;

FAKE uint64_t rnd(uint64_t below)
{
    fake_seed ^= fake_seed << 13;
    fake_seed ^= fake_seed >> 7;
    fake_seed ^= fake_seed << 17;
    return below ? (fake_seed >> 11) % below : 0;
}

/* 0: never; n: at every nth look; negative -n: with a chance of 1/n. */
static int fake_preempt;
static unsigned fake_preempt_looks;

bool hypercall_preempt_check(void)
{
    if (!fake_preempt)
        return false;
    if (fake_preempt < 0)
        return rnd((uint64_t)-fake_preempt) == 0;
    return ++fake_preempt_looks % (unsigned)fake_preempt == 0;
}

/* --- CPUs: what each may still have cached of each frame -----------------------------------------
 */

static cpumask_t cached[LOW_FRAMES], cached_writable[LOW_FRAMES];
FAKE unsigned fake_flushes, fake_cache_flushes;

FAKE void fake_cpu_flush(unsigned cpu)
{
    uint64_t t = tlb_flush_begin();

    for (unsigned i = 0; i < LOW_FRAMES; i++) {
        cached[i] &= ~cpumask_of(cpu);
        cached_writable[i] &= ~cpumask_of(cpu);
    }
    tlb_flush_end(cpu, t);
}

#ifndef FAKE_OWN_TLB
void (*fake_before_flush)(void); /* what a CPU does just before its TLB is emptied */

void tlb_flush_mask(cpumask_t mask, uint64_t va, unsigned flags)
{
    unsigned cpu;

    assert_true(va == TLB_ALL && flags & TLBF_GLOBAL);
    fake_flushes++;
    if (fake_before_flush)
        fake_before_flush();
    for_each_cpu (cpu, mask & tlb_online)
        fake_cpu_flush(cpu);
}
#endif

void cache_flush_page(void *page)
{
    struct frame *f = frame_of(virt_to_mfn(page));

    fake_cache_flushes++;
    /* Called on the way out of use as well: nobody can get hold of the frame any more. */
    if (frame_count(f) == 0)
        assert_int_not_equal(frame_state(f), FRAME_IN_USE);
}

/* --- owners ----------------------------------------------------------------------------------- */

static struct mem_owner owner[NR_OWNERS];
static int owner_held[NR_OWNERS];

void mem_owner_hold(struct mem_owner *o)
{
    assert_int_equal(owner_held[o->id], 0);
    owner_held[o->id] = 1;
}

void mem_owner_release(struct mem_owner *o)
{
    assert_int_equal(owner_held[o->id], 1);
    owner_held[o->id] = 0;
}

/* --- boot --------------------------------------------------------------------------------------
 */

static uint64_t fake_boot_next;

static mfn_t fake_alloc_2m(void)
{
    mfn_t m = MFN(fake_boot_next);

    fake_boot_next += 512;
    assert_true(fake_boot_next <= 2560);
    return m;
}

static void fake_map_2m(uint64_t va, mfn_t mfn, bool guest_readable)
{
    /* Records are filled by frame_table_init(); fill with nonsense so that a missed one shows. */
    if (!guest_readable)
        memset((void *)va, 0xee, 512 * PAGE_SIZE);
}

#define HEAP_START 2560u

FAKE void fake_boot(bool high)
{
    static const struct mem_boot_ops ops = {fake_alloc_2m, fake_map_2m};
    const struct mem_range ram[] = {{MFN(0), MFN(160)},
                                    {MFN(256), MFN(LOW_FRAMES)},
                                    {MFN(HIGH_START), MFN(HIGH_START + HIGH_FRAMES)}};
    unsigned nr = high ? 3 : 2;

    fake_low = mmap(NULL, LOW_FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (high)
        fake_high = mmap(NULL, HIGH_FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    host_frame_table =
        mmap(NULL, 3 * 512 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fake_boot_next = 512;
    frame_table_init(ram, nr, &ops);
    m2p_init(ram, nr, &ops);
    heap_add_range(MFN(0), MFN(160));
    heap_add_range(MFN(256), MFN(512));
    heap_add_range(MFN(HEAP_START), MFN(LOW_FRAMES));
    if (high)
        heap_add_range(MFN(HIGH_START), MFN(HIGH_START + HIGH_FRAMES));
    tlb_online = (1u << FAKE_CPUS) - 1;
    for (unsigned i = 0; i < FAKE_CPUS; i++)
        tlb_flush_end(i, tlb_flush_begin());
    for (unsigned i = 0; i < ARRAY_SIZE(hv_l4_slots); i++)
        hv_l4_slots[i] = i < 4 ? pte_make(MFN(8 + i), PTE_P | PTE_RW | PTE_A | PTE_D) : 0;
}

FAKE void fake_owner_new(unsigned i)
{
    owner[i] = (struct mem_owner){.id = (domid_t)i,
                                  .is_privileged = i == 0,
                                  .has_io = i == 0,
                                  .max_pages = 2000,
                                  .dirty_cpus = cpumask_of(i % FAKE_CPUS)};
    assert_int_equal(mem_owner_init(&owner[i]), 0);
}

FAKE void fake_owners(void)
{
    for (unsigned i = 0; i < NR_OWNERS; i++)
        fake_owner_new(i);
}

/* --- small helps -------------------------------------------------------------------------------
 */

FAKE pte_t *table_at(struct frame *f)
{
    return frame_virt(f);
}

FAKE struct frame *new_frame(struct mem_owner *o)
{
    struct frame *f = frame_alloc(o, 0, 0, 0);

    assert_non_null(f);
    return f;
}

FAKE uint64_t type_count(const struct frame *f)
{
    return f->type & TYPE_COUNT_MASK;
}

static char fake_lines[100][160];
static unsigned fake_nr_lines;

FAKE void collect_line(const char *line)
{
    snprintf(fake_lines[fake_nr_lines++ % 100], 160, "%s", line);
}

FAKE int audit_quietly(void)
{
    fake_nr_lines = 0;
    return audit_all(collect_line, NULL);
}

FAKE void audit_clean(void)
{
    if (audit_quietly() != 0) {
        for (unsigned i = 0; i < fake_nr_lines && i < 100; i++)
            fprintf(stderr, "audit: %s\n", fake_lines[i]);
        fail_msg("the audit found %u differences", fake_nr_lines);
    }
}

/* A reference that the test itself holds, for audits while it does. */
static struct frame *held_type, *held_general;

FAKE void report_held(struct audit *a)
{
    if (held_general)
        audit_holds(a, frame_mfn(held_general), 1);
    if (held_type)
        audit_holds_type(a, frame_mfn(held_type), page_type(held_type), 1);
}

/* Audits while the test holds a general and a type reference on f. */
FAKE void audit_held_type(struct frame *f)
{
    held_type = held_general = f;
    audit_clean();
    held_type = held_general = NULL;
}
