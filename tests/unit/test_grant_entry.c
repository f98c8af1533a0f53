/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One grant: what an entry allows, how pins set and clear its bits, and a granter that rewrites the
 * entry while it is being used.
 */
// SOURCES: hypervisor/domain/grant_entry.c
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain/grant_entry.h"
#include "lib/atomic.h"

#define USER 7
#define MFN_ 0x1234

static struct grant_entry_v1 entry_of(uint16_t flags)
{
    return (struct grant_entry_v1){.flags = flags, .domid = USER, .frame = MFN_};
}

/* For every flags word: used exactly if it is a permit_access entry for this user that allows it.
 */
static void every_flags_word(void **state)
{
    for (unsigned f = 0; f < 0x10000; f++) {
        for (unsigned how = 0; how < 8; how++) {
            bool write = how & 1, mapping = how & 2;
            domid_t user = how & 4 ? USER + 1 : USER;
            struct grant_entry_v1 e __attribute__((aligned(8))) = entry_of((uint16_t)f);
            uint32_t frame = 0;
            bool ok = (f & 3) == GTF_permit_access && user == USER &&
                      !(write && (f & GTF_readonly)) && !(mapping && (f & GTF_sub_page));
            int rc = grant_entry_acquire(&e, user, write, mapping, &frame);

            assert_int_equal(rc, ok ? GNTST_okay : GNTST_general_error);
            assert_int_equal(e.flags, ok ? f | GTF_reading | (write ? GTF_writing : 0) : f);
            assert_int_equal(e.domid, USER);
            assert_int_equal(e.frame, MFN_);
            assert_int_equal(frame, ok ? MFN_ : 0);
        }
    }
}

/* The frame of the first use stays the frame, whatever the entry says later. */
static void frame_is_read_once(void **state)
{
    struct grant_entry_v1 e __attribute__((aligned(8))) = entry_of(GTF_permit_access);
    struct active_grant a = {0};
    uint32_t mfn;

    assert_int_equal(grant_active_pin(&a, &e, USER, GNTPIN_HOST_READ, true, &mfn), GNTST_okay);
    assert_int_equal(mfn, MFN_);
    e.frame = 0x6666;
    assert_int_equal(grant_active_pin(&a, &e, USER, GNTPIN_HOST_READ, true, &mfn), GNTST_okay);
    assert_int_equal(mfn, MFN_);
    /* A writer asks the entry again, for the right to write only. */
    assert_int_equal(grant_active_pin(&a, &e, USER, GNTPIN_HOST_WRITE, true, &mfn), GNTST_okay);
    assert_int_equal(mfn, MFN_);
    /* Taken away for others meanwhile: the active entry's user counts. */
    e.domid = 9;
    assert_int_equal(grant_active_pin(&a, &e, 9, GNTPIN_HOST_READ, true, &mfn),
                     GNTST_general_error);
}

/* A counter takes 128 uses and refuses the next, whichever it is; nothing wraps. */
static void counters_do_not_wrap(void **state)
{
    static const uint32_t kinds[] = {GNTPIN_HOST_READ, GNTPIN_HOST_WRITE, GNTPIN_DEV_READ,
                                     GNTPIN_DEV_WRITE};

    for (unsigned k = 0; k < 4; k++) {
        struct grant_entry_v1 e __attribute__((aligned(8))) = entry_of(GTF_permit_access);
        struct active_grant a = {0};
        unsigned n = 0;
        uint32_t mfn;

        while (n < 1000 && grant_active_pin(&a, &e, USER, kinds[k], true, &mfn) == GNTST_okay)
            n++;
        assert_int_equal(n, 128);
        assert_int_equal(a.pin, 128 * kinds[k]);
        while (n--)
            grant_active_unpin(&a, &e, kinds[k]);
        assert_int_equal(a.pin, 0);
        assert_int_equal(e.flags, GTF_permit_access);
    }
}

/* Random pins of both kinds: the bits say at each moment whether there are users, and writers. */
static void bits_follow_pins(void **state)
{
    struct grant_entry_v1 e __attribute__((aligned(8))) = entry_of(GTF_permit_access);
    struct active_grant a = {0};
    unsigned count[16] = {0}, seed = 11;

    for (unsigned i = 0; i < 200000; i++) {
        uint32_t flags = (uint32_t)rand_r(&seed) & (GNTMAP_host_map | GNTMAP_device_map);
        bool ro = rand_r(&seed) & 1;
        unsigned kind = (flags | (ro ? GNTMAP_readonly : 0)) & 7;
        unsigned users = 0, writers = 0;
        uint32_t inc = grant_pins_of(kind), mfn;

        if (!flags)
            continue;
        if (rand_r(&seed) & 1) {
            if (count[kind] < 10 && grant_active_pin(&a, &e, USER, inc, true, &mfn) == GNTST_okay)
                count[kind]++;
        } else if (count[kind]) {
            grant_active_unpin(&a, &e, inc);
            count[kind]--;
        }
        for (unsigned k = 0; k < 8; k++) {
            users += count[k];
            writers += k & GNTMAP_readonly ? 0 : count[k];
        }
        assert_int_equal(!!(e.flags & GTF_reading), users != 0);
        assert_int_equal(!!(e.flags & GTF_writing), writers != 0);
        assert_int_equal(a.pin != 0, users != 0);
    }
}

/* --- a hostile granter ------------------------------------------------------------------------ */

static struct grant_entry_v1 shared __attribute__((aligned(8)));
static struct active_grant active;
static bool stop;

/* Grants frame 2k to domain k only, rewriting all of it at once, or takes it back when it may. */
static void *granter(void *arg)
{
    unsigned seed = 5;

    while (!load_once(&stop)) {
        uint64_t old = load_once((uint64_t *)&shared), next = 0;
        domid_t to = (domid_t)(1 + rand_r(&seed) % 2);
        struct grant_entry_v1 e = {.flags = GTF_permit_access, .domid = to, .frame = 2U * to};

        if (old & (GTF_reading | GTF_writing))
            continue;
        if (rand_r(&seed) % 3)
            memcpy(&next, &e, 8);
        atomic_cmpxchg((uint64_t *)&shared, &old, next);
    }
    return NULL;
}

static uint64_t inside; /* sum of the domains that use it now: one thread each */

static void *user(void *arg)
{
    domid_t me = (domid_t)(uintptr_t)arg;
    uint64_t got = 0;

    for (unsigned i = 0; i < 200000 || (!got && i < 220000); i++) {
        bool write = i & 1;
        uint32_t inc = write ? GNTPIN_HOST_WRITE : GNTPIN_HOST_READ, mfn;

        if (grant_active_pin(&active, &shared, me, inc, false, &mfn) != GNTST_okay) {
            /* On a busy host the granter may get no processor meanwhile.  Who slept comes first
             * when he wakes; who yields waits for all the others of the host. */
            if (i >= 200000 || i % 4096 == 0)
                usleep(50);
            continue;
        }
        got++;
        if (mfn != 2U * me)
            return "was given the frame of a grant to another domain";
        if (atomic_get_add(&inside, me) != 0)
            return "two domains use one grant";
        atomic_sub_get(&inside, me);
        if (!(load_once(&shared.flags) & GTF_reading) ||
            (write && !(load_once(&shared.flags) & GTF_writing)))
            return "in use, but the granter cannot see it";
        grant_active_unpin(&active, &shared, inc);
    }
    return got ? NULL : "was never given anything";
}

/* Against a granter that rewrites the entry all the time, a user gets only what was his. */
static void hostile_granter(void **state)
{
    pthread_t g, u[2];
    const char *why = NULL;

    assert_int_equal(pthread_create(&g, NULL, granter, NULL), 0);
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&u[i], NULL, user, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 2; i++) {
        void *r;

        pthread_join(u[i], &r);
        if (r)
            why = r;
    }
    store_once(&stop, true);
    pthread_join(g, NULL);
    if (why)
        fail_msg("%s", why);
    assert_int_equal(active.pin, 0);
    assert_int_equal(shared.flags & (GTF_reading | GTF_writing), 0);
}

static void *flipper(void *arg)
{
    const struct grant_entry_v1 ours = {.flags = GTF_permit_access, .domid = 1, .frame = 2};
    const struct grant_entry_v1 others = {.flags = GTF_permit_access, .domid = 3, .frame = 6};
    uint64_t word[2];

    memcpy(&word[0], &ours, 8);
    memcpy(&word[1], &others, 8);
    for (unsigned i = 0; !load_once(&stop); i++) {
        store_once((uint64_t *)&shared, word[i & 1]);
        for (unsigned j = 0; j < 100; j++) /* or no swap would ever succeed */
            cpu_relax();
    }
    return NULL;
}

/* XSA-500: right and frame are of one moment, though the granter changes the entry all the time:
 * nobody gets the frame of what is lent to another. */
static void frame_of_one_moment(void **state)
{
    unsigned got = 0;
    pthread_t g;

    store_once(&stop, false);
    active = (struct active_grant){0};
    assert_int_equal(pthread_create(&g, NULL, flipper, NULL), 0);
    for (unsigned i = 0; i < 300000 || (!got && i < 3000000); i++) {
        uint32_t mfn = 0;

        if (grant_active_pin(&active, &shared, 1, GNTPIN_HOST_READ, false, &mfn) != GNTST_okay)
            continue;
        got++;
        grant_active_unpin(&active, &shared, GNTPIN_HOST_READ);
        if (mfn != 2)
            fail_msg("was given frame %u", mfn);
    }
    store_once(&stop, true);
    pthread_join(g, NULL);
    assert_true(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flags_word),     cmocka_unit_test(frame_is_read_once),
        cmocka_unit_test(counters_do_not_wrap), cmocka_unit_test(bits_follow_pins),
        cmocka_unit_test(hostile_granter),      cmocka_unit_test(frame_of_one_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
