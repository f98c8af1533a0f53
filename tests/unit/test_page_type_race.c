/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: with several CPUs pinning, unpinning, mapping, updating and dropping the same few frames
 * at once, no frame is ever writable and a table at the same moment, no flush is skipped that was
 * due before a frame became a table (XSA-401), nothing is lost, and the audit is clean at the end.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#define FAKE_OWN_TLB
#include <pthread.h>

#include "fake_memory.h"

#define THREADS 4
#define FRAMES  6
#define ROUNDS  40000

static struct frame *f[FRAMES];
static unsigned writers[FRAMES], tables[FRAMES]; /* who believes to hold the frame as what */
static cpumask_t stale[FRAMES];                  /* CPUs that may still have it writable */
static unsigned done[5];
static pthread_mutex_t flush_lock = PTHREAD_MUTEX_INITIALIZER;

void tlb_flush_mask(cpumask_t mask, uint64_t va, unsigned flags)
{
    unsigned cpu;

    /* One at a time, as the real one; and slow, so that others get in between. */
    pthread_mutex_lock(&flush_lock);
    for_each_cpu (cpu, mask) {
        uint64_t t = tlb_flush_begin();

        for (unsigned i = 0; i < FRAMES; i++)
            atomic_get_and(&stale[i], ~cpumask_of(cpu));
        tlb_flush_end(cpu, t);
    }
    pthread_mutex_unlock(&flush_lock);
}

/* No assert_*() of cmocka off the main thread. */
static void insist(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "race: %s\n", what);
        abort();
    }
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s >> 11;
}

static void as_writable(unsigned i, unsigned cpu)
{
    if (frame_get_type(f[i], 1, PT_WRITABLE, 0))
        return;
    atomic_inc(&writers[i]);
    /* A flush here makes this CPU look clean to whoever took a stamp before: a last use that ended
     * meanwhile must not be recorded with an older one (XSA-241). */
    if (cpu & 1)
        tlb_flush_mask(cpumask_of(cpu), TLB_ALL, TLBF_GLOBAL);
    atomic_get_or(&stale[i], cpumask_of(cpu)); /* this CPU maps and uses it */
    insist(!load_acquire(&tables[i]), "writable while it is a table (I1)");
    insist(page_type(f[i]) == PT_WRITABLE, "type changed under a reference (I4)");
    atomic_dec(&writers[i]);
    frame_put_type(f[i]);
    atomic_inc(&done[0]);
}

static void as_table(unsigned i, enum page_type t, unsigned flags)
{
    int rc = frame_get_type(f[i], 1, t, flags);

    if (rc)
        return;
    atomic_inc(&tables[i]);
    insist(!load_acquire(&writers[i]), "a table while it is writable (I1)");
    insist(load_acquire(&stale[i]) == 0, "a table while a TLB has it writable (I4)");
    insist(page_type(f[i]) == t, "type changed under a reference (I4)");
    atomic_dec(&tables[i]);
    if (page_type_put(f[i], flags) == -ERESTART)
        page_type_finish(f[i], 0);
    frame_put(f[i]);
    atomic_inc(&done[1]);
}

static void update(unsigned i, uint64_t *s)
{
    struct pte_context c = {.page_owner = NULL};
    struct pte_table t;
    pte_t e = 0;

    if (pte_table_open(&t, &owner[1], frame_mfn(f[i])))
        return;
    if (t.level) {
        if (next_random(s) % 3)
            e = pte_make(frame_mfn(f[next_random(s) % FRAMES]), PTE_P | (t.level > 1 ? PTE_RW : 0));
        if (!pte_update(&t, (unsigned)(next_random(s) % 4), e, 0, NULL, &c))
            atomic_inc(&done[2]);
        while (pte_finish(&c))
            ;
    } else {
        store_once(&t.entry[next_random(s) % 4], 0); /* the guest, into its own memory */
    }
    pte_table_close(&t);
}

/* One frame after the other is born and given back, while everybody tries to hold it. */
static struct frame *passing;

static void pass_by(unsigned cpu)
{
    struct frame *p = load_acquire(&passing), *mine;

    if (p && frame_get(p, 2)) {
        insist(frame_state(p) == FRAME_IN_USE && frame_owner(p) == 2, "freed under a reference");
        frame_put(p);
        atomic_inc(&done[4]);
    }
    if (cpu == 0) {
        mine = frame_alloc(&owner[2], 0, MEMF_NO_SCRUB, 0);
        insist(mine, "no memory");
        store_release(&passing, mine);
        /* The one before, which others may be about to take or still hold. */
        insist(!p || frame_put_alloc(p), "somebody else gave it back");
    }
}

static void *cpu_thread(void *arg)
{
    unsigned cpu = (unsigned)(uintptr_t)arg;
    uint64_t s = 88172645463325252u * (cpu + 1) + 7;

    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned i = (unsigned)(next_random(&s) % FRAMES);
        enum page_type t = i < 3 ? PT_L1 : i < 5 ? PT_L2 : PT_L3;

        pass_by(cpu);
        switch (next_random(&s) % 6) {
        case 0:
        case 1: as_writable(i, cpu); break;
        case 2: as_table(i, t, PTF_PREEMPT); break;
        case 3: update(i, &s); break;
        case 4:
            if (!page_pin(f[i], &owner[1], t, PTF_PREEMPT))
                atomic_inc(&done[3]);
            break;
        default:
            if (page_unpin(f[i], &owner[1], PTF_PREEMPT) == -ERESTART) {
                page_type_finish(f[i], 0);
                frame_put(f[i]);
            }
        }
    }
    return NULL;
}

static void many_cpus(void **state)
{
    pthread_t thread[THREADS];
    struct frame *stays; /* so that the owner is never without */
    uint64_t cursor = 0;

    fake_boot(false);
    fake_owners();
    owner[1].dirty_cpus = (1u << THREADS) - 1;
    for (unsigned i = 0; i < FRAMES; i++)
        f[i] = new_frame(&owner[1]);
    stays = new_frame(&owner[2]);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, cpu_thread, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    audit_clean();
    for (unsigned i = 0; i < 5; i++)
        assert_true(done[i] > 50);
    assert_true(frame_put_alloc(passing));
    assert_true(frame_put_alloc(stays));
    assert_int_equal(owner[2].tot_pages, 0);
    owner[1].is_dying = true;
    assert_int_equal(mem_relinquish(&owner[1], &cursor), 0);
    assert_int_equal(owner[1].tot_pages, 0);
    audit_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_cpus)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
