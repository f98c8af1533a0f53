/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/journal.c blkback/ring.c
// LIBS: -I.
/* A back end may be killed between any two stores to the memory that its successor reads, again and
 * again, also while it takes over: each request is answered exactly once, with the answer that
 * belongs to it.  Most kills here fall between calls; some hundred between two instructions, of a
 * child that is single-stepped.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "blkback/journal.h"

static struct {
    struct journal *journal;
    struct blkif_sring *page;
    uint8_t *done; /* by id: how often carried out */
} world;
#define IDS 65536u

static unsigned seed;
static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* ---- the front end */

static struct {
    uint32_t sent;
    uint32_t heard;
    uint16_t next_id;
    bool open[IDS];
    unsigned nr_open;
} front;

static void front_send(unsigned nr)
{
    for (; nr > 0 && front.nr_open < 32; nr--) {
        uint16_t id = front.next_id++;
        assert_false(front.open[id]);
        front.open[id] = true;
        front.nr_open++;
        world.done[id] = 0;
        world.page->ring[front.sent++ & 31].req =
            (struct blkif_request){.operation = BLKIF_OP_WRITE, .id = id};
    }
    __atomic_store_n(&world.page->req_prod, front.sent, __ATOMIC_RELEASE);
}

static void front_hear(void)
{
    for (; front.heard != world.page->rsp_prod; front.heard++) {
        struct blkif_response r = world.page->ring[front.heard & 31].rsp;
        assert_in_range(r.id, 0, IDS - 1);
        if (!front.open[r.id])
            fail_msg("a second answer to %lu", (unsigned long)r.id);
        assert_int_equal(r.status, (int16_t)r.id);
        assert_true(world.done[r.id] > 0);
        front.open[r.id] = false;
        front.nr_open--;
    }
}

/* ---- the back end: what blkback does with these calls, in its order */

struct back {
    struct journal_queue *queue;
    struct ring ring;
    unsigned busy[32]; /* slots with a request to carry out */
    unsigned nr_busy;
    unsigned answered[32];
    unsigned nr_answered;
};

static const struct journal_key key = {.device = 51712, .port = 9, .nr_pages = 1, .refs = {8}};

static void carry_out_and_answer(struct back *b, unsigned slot)
{
    struct journal_slot *s = &b->queue->slot[slot];
    uint16_t id = (uint16_t)s->request.rw.id;
    world.done[id]++;
    journal_answer(b->queue, slot, &b->ring, s->request.rw.operation, (int16_t)id);
    ring_respond(&b->ring, id, s->request.rw.operation, (int16_t)id);
    b->answered[b->nr_answered++] = slot;
}

static void publish(struct back *b)
{
    journal_publishing(b->queue, &b->ring);
    ring_publish(&b->ring);
    journal_published(b->queue, &b->ring);
    while (b->nr_answered > 0)
        journal_release(b->queue, b->answered[--b->nr_answered]);
}

static bool back_start(struct back *b)
{
    memset(b, 0, sizeof(*b));
    journal_open(world.journal);
    ring_init(&b->ring, world.page, 1);
    b->queue = journal_find(world.journal, &key);
    if (!b->queue) {
        b->queue = journal_begin(world.journal, &key, &b->ring);
        return b->queue;
    }
    if (!journal_recover(b->queue, &b->ring))
        return false;
    for (unsigned i = 0; i < RING_MAX_SLOTS; i++) {
        struct journal_slot *s = &b->queue->slot[i];
        if (s->state == JOURNAL_TAKEN) {
            b->busy[b->nr_busy++] = i;
        } else if (s->state == JOURNAL_ANSWERED) {
            journal_answer(b->queue, i, &b->ring, s->operation, s->status);
            ring_respond(&b->ring, s->request.rw.id, s->operation, s->status);
            b->answered[b->nr_answered++] = i;
        }
    }
    return true;
}

static unsigned free_slot(const struct back *b)
{
    unsigned i = 0;
    while (b->queue->slot[i].state != JOURNAL_FREE)
        i++;
    return i;
}

static void back_step(struct back *b)
{
    union ring_request r;
    switch (any(4)) {
    case 0:
    case 1:
        if (b->nr_busy + b->nr_answered < 32 && ring_take(&b->ring, &r) == RING_REQUEST) {
            unsigned slot = free_slot(b);
            journal_take(b->queue, slot, &b->ring, &r);
            b->busy[b->nr_busy++] = slot;
        }
        break;
    case 2:
        if (b->nr_busy > 0) {
            unsigned which = any(b->nr_busy);
            unsigned slot = b->busy[which];
            b->busy[which] = b->busy[--b->nr_busy];
            carry_out_and_answer(b, slot);
        }
        break;
    default: publish(b);
    }
}

static void new_world(void)
{
    memset(world.journal, 0xa5, sizeof(*world.journal));
    memset(world.page, 0, 4096);
    memset(world.done, 0, IDS);
    memset(&front, 0, sizeof(front));
}

/* Ends what is under way, so that everything is answered. */
static void finish(void)
{
    struct back b;
    assert_true(back_start(&b));
    for (int i = 0; i < 2000 && (front.nr_open > 0); i++) {
        back_step(&b);
        front_hear();
    }
    publish(&b);
    front_hear();
    assert_int_equal(front.nr_open, 0);
}

static void test_kill_between_calls(void **state)
{
    (void)state;
    new_world();
    seed = 4;
    for (int life = 0; life < 4000; life++) {
        struct back b;
        assert_true(back_start(&b));
        for (unsigned i = any(60); i > 0; i--) {
            front_send(any(4));
            back_step(&b);
            if (any(2))
                front_hear();
        }
    }
    finish();
}

/* A child that works, and is killed when it has executed @instructions after the moment that it
 * offers: before it takes over, or before one of its steps. */
static void live_and_die(bool taking_over, unsigned instructions)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct back b;
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        if (taking_over)
            raise(SIGSTOP);
        if (!back_start(&b))
            _exit(1);
        for (unsigned i = any(40); i > 0; i--)
            back_step(&b);
        if (!taking_over)
            raise(SIGSTOP);
        for (;;)
            back_step(&b);
    }
    int status;
    waitpid(child, &status, 0);
    while (instructions-- > 0 && WIFSTOPPED(status)) {
        ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
        waitpid(child, &status, 0);
    }
    if (!WIFSTOPPED(status))
        fail_msg("the successor gave up: status %x", (unsigned)status);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

static void test_kill_between_instructions(void **state)
{
    (void)state;
    new_world();
    seed = 5;
    for (int life = 0; life < 200; life++) {
        front_send(any(20));
        seed += 17; /* the child's chances */
        live_and_die(life % 25 == 0, any(life % 25 == 0 ? 8000 : 500));
        front_hear();
    }
    finish();
}

/* The two places where a kill leaves something half done for certain. */
static void test_kill_in_the_middle(void **state)
{
    struct back b;
    union ring_request r;
    (void)state;
    new_world();
    assert_true(back_start(&b));
    front_send(2);
    assert_int_equal(ring_take(&b.ring, &r), RING_REQUEST);
    journal_take(b.queue, 5, &b.ring, &r);
    b.queue->req_cons--; /* noted, and not taken yet: the ring has it */
    assert_true(back_start(&b));
    assert_int_equal(b.nr_busy, 0);
    assert_int_equal(ring_take(&b.ring, &r), RING_REQUEST);
    assert_int_equal(r.rw.id, 0);
    journal_take(b.queue, 6, &b.ring, &r);
    carry_out_and_answer(&b, 6);
    journal_publishing(b.queue, &b.ring);
    assert_true(back_start(&b)); /* not shown yet: it is answered again */
    assert_int_equal(b.nr_answered, 1);
    journal_publishing(b.queue, &b.ring);
    ring_publish(&b.ring);
    assert_true(back_start(&b)); /* shown, and not noted: it is not */
    assert_int_equal(b.nr_answered, 0);
    front_hear();
    finish();
}

static void test_strangers(void **state)
{
    struct back b;
    (void)state;
    new_world();
    assert_true(back_start(&b));
    struct journal_key other = key;
    other.refs[0]++;
    assert_null(journal_find(world.journal, &other)); /* another connection */
    other = key;
    other.port++;
    assert_null(journal_find(world.journal, &other));
    for (unsigned i = 1; i < JOURNAL_QUEUES; i++) {
        other.number = i;
        assert_non_null(journal_begin(world.journal, &other, &b.ring));
    }
    assert_null(journal_begin(world.journal, &other, &b.ring)); /* full */
    journal_forget(world.journal, key.device);
    assert_null(journal_find(world.journal, &key));
    /* A page that does not go with the notes is refused or read as nothing new. */
    new_world();
    seed = 6;
    for (int i = 0; i < 20000; i++) {
        front.nr_open = 0;
        memset(front.open, 0, sizeof(front.open));
        struct ring ring;
        ring_init(&ring, world.page, 1);
        for (size_t n = 0; n < sizeof(world.journal->queue[0]); n += 4 + any(64) * 4)
            *(uint32_t *)((char *)&world.journal->queue[0] + n) = any(40);
        world.page->rsp_prod = any(40);
        if (journal_recover(&world.journal->queue[0], &ring))
            assert_in_range(ring.req_cons - ring.rsp_prod, 0, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_between_calls),
        cmocka_unit_test(test_kill_between_instructions),
        cmocka_unit_test(test_kill_in_the_middle),
        cmocka_unit_test(test_strangers),
    };
    void *shared = mmap(NULL, sizeof(struct journal) + 4096 + IDS, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    world.page = shared;
    world.done = (uint8_t *)shared + 4096;
    world.journal = (struct journal *)((char *)shared + 4096 + IDS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
