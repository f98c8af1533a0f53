/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/journal.c netback/ring.c
// LIBS: -I.
/* A network back end may be killed between any two stores to the memory that its successor reads,
 * again and again, also while it takes over: each TX request is answered exactly once, and each RX
 * request is answered in its own slot with its own id, though answers that were never shown have
 * overwritten it.  Most kills here fall between calls; some hundred between two instructions.
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

#include "netback/journal.h"

#define IDS 65536u

static struct {
    struct journal *journal;
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
} world;

static unsigned seed;
static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* ---- the front end */

static struct {
    uint32_t tx_sent, tx_heard, rx_sent, rx_heard;
    uint16_t next_id;
    bool open[IDS];
    unsigned nr_open;
} front;

static uint16_t rx_id(uint32_t index)
{
    return (uint16_t)(index * 7 + 3);
}

static void front_send(unsigned nr)
{
    for (; nr > 0 && front.nr_open < RING_SLOTS; nr--) {
        uint16_t id = front.next_id++;
        front.open[id] = true;
        front.nr_open++;
        world.tx->ring[front.tx_sent++ & (RING_SLOTS - 1)].req =
            (struct netif_tx_request){.id = id};
        world.tx->req_prod = front.tx_sent;
    }
    while (front.rx_sent - front.rx_heard < RING_SLOTS) {
        world.rx->ring[front.rx_sent & (RING_SLOTS - 1)].req =
            (struct netif_rx_request){.id = rx_id(front.rx_sent), .gref = front.rx_sent};
        world.rx->req_prod = ++front.rx_sent;
    }
}

static void front_hear(void)
{
    for (; front.tx_heard != world.tx->rsp_prod; front.tx_heard++) {
        struct netif_tx_response r = world.tx->ring[front.tx_heard & (RING_SLOTS - 1)].rsp;
        if (!front.open[r.id])
            fail_msg("a second answer to %u", r.id);
        front.open[r.id] = false;
        front.nr_open--;
    }
    for (; front.rx_heard != world.rx->rsp_prod; front.rx_heard++) {
        struct netif_rx_response r = world.rx->ring[front.rx_heard & (RING_SLOTS - 1)].rsp;
        assert_int_equal(r.id, rx_id(front.rx_heard));
        assert_int_equal((uint16_t)r.status, (uint16_t)front.rx_heard); /* what was granted there */
    }
}

/* ---- the back end: what netback does with these calls, in its order */

struct back {
    struct journal_queue *queue;
    struct ring tx, rx;
    uint32_t kept;
    unsigned busy[RING_SLOTS];
    unsigned nr_busy;
    unsigned answered[RING_SLOTS];
    unsigned nr_answered;
};

static const struct journal_key key = {7, 0, 0, 8, 9, 3, 4};

static void answer(struct back *b, unsigned slot)
{
    journal_answer(b->queue, slot, &b->tx);
    ring_answer_tx(&b->tx, b->queue->slot[slot].id, 0);
    b->answered[b->nr_answered++] = slot;
}

static void publish(struct back *b)
{
    journal_publishing(&b->queue->tx, &b->tx);
    ring_publish(&b->tx);
    journal_published(&b->queue->tx, &b->tx);
    while (b->nr_answered > 0)
        journal_release(b->queue, b->answered[--b->nr_answered]);
    journal_publishing(&b->queue->rx, &b->rx);
    ring_publish(&b->rx);
    journal_published(&b->queue->rx, &b->rx);
}

static bool back_start(struct back *b)
{
    memset(b, 0, sizeof(*b));
    journal_open(world.journal);
    b->tx.page = world.tx;
    b->rx.page = world.rx;
    b->queue = journal_find(world.journal, &key);
    if (!b->queue)
        return (b->queue = journal_begin(world.journal, &key, &b->tx, &b->rx));
    if (!journal_recover(b->queue, &b->tx, &b->rx, &b->kept))
        return false;
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        if (b->queue->slot[i].state != JOURNAL_FREE)
            answer(b, i);
    }
    return true;
}

static void receive(struct back *b, unsigned nr)
{
    union rx_slot slots[4];
    if (ring_pending(&b->rx) < (int)nr)
        return;
    for (unsigned i = 0; i < nr; i++) {
        uint32_t index = b->rx.req_cons++;
        if ((int32_t)(index - b->kept) < 0)
            slots[i] = b->queue->request[index & (RING_SLOTS - 1)];
        else
            ring_read_rx(&b->rx, index, &slots[i]);
        journal_receive(b->queue, index, &slots[i]);
    }
    journal_received(b->queue, &b->rx);
    for (unsigned i = 0; i < nr; i++) {
        struct netif_rx_request request = slots[i].request;
        union rx_slot a = {.response = {request.id, 0, 0, (int16_t)request.gref}};
        ring_answer_rx(&b->rx, &a);
    }
}

static void back_step(struct back *b)
{
    union tx_slot r;
    switch (any(5)) {
    case 0:
    case 1:
        for (int i = ring_pending(&b->tx); i > 0; i--) {
            unsigned slot = 0;
            while (b->queue->slot[slot].state != JOURNAL_FREE)
                slot++;
            assert_in_range(slot, 0, RING_SLOTS - 1);
            ring_read_tx(&b->tx, b->tx.req_cons++, &r);
            journal_take(b->queue, slot, b->tx.req_cons - 1, r.request.id, false);
            b->busy[b->nr_busy++] = slot;
            if (any(3) == 0)
                break;
        }
        journal_taken(b->queue, &b->tx);
        break;
    case 2:
        for (unsigned i = any(8); i > 0 && b->nr_busy > 0; i--) {
            unsigned which = any(b->nr_busy);
            unsigned slot = b->busy[which];
            b->busy[which] = b->busy[--b->nr_busy];
            answer(b, slot);
        }
        break;
    case 3: receive(b, 1 + any(4)); break;
    default: publish(b);
    }
}

static void new_world(void)
{
    memset(world.journal, 0xa5, sizeof(*world.journal));
    memset(world.tx, 0, 4096);
    memset(world.rx, 0, 4096);
    memset(&front, 0, sizeof(front));
}

static void finish(void)
{
    struct back b;
    uint32_t heard = front.rx_heard;
    assert_true(back_start(&b));
    for (int i = 0; i < 4000; i++) {
        back_step(&b);
        if (any(2))
            front_hear();
        if (i < 2000)
            front_send(any(3));
    }
    while (b.nr_busy > 0)
        answer(&b, b.busy[--b.nr_busy]);
    publish(&b);
    front_hear();
    assert_int_equal(front.nr_open, ring_pending(&b.tx));
    assert_true(front.rx_heard - heard > 100);
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
            front_send(any(6));
            back_step(&b);
            if (any(2))
                front_hear();
        }
    }
    finish();
}

static void live_and_die(bool taking_over, unsigned instructions)
{
    int status;
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
        live_and_die(life % 25 == 0, any(life % 25 == 0 ? 12000 : 900));
        front_hear();
    }
    finish();
}

static void test_strangers(void **state)
{
    struct back b;
    (void)state;
    new_world();
    assert_true(back_start(&b));
    struct journal_key other = key;
    for (unsigned i = 0; i < sizeof(key) / 4; i++) {
        ((uint32_t *)&other)[i]++;
        assert_null(journal_find(world.journal, &other)); /* another connection */
        other = key;
    }
    for (unsigned i = 1; i < JOURNAL_QUEUES; i++) {
        other.number = i;
        assert_non_null(journal_begin(world.journal, &other, &b.tx, &b.rx));
    }
    assert_null(journal_begin(world.journal, &other, &b.tx, &b.rx)); /* full */
    journal_forget(world.journal, key.guest, key.device + 1);
    assert_non_null(journal_find(world.journal, &key));
    journal_forget(world.journal, key.guest, key.device);
    assert_null(journal_find(world.journal, &key));
    /* A page that does not go with the notes is refused, or read as nothing new. */
    seed = 6;
    for (int i = 0; i < 20000; i++) {
        struct journal_queue *queue = &world.journal->queue[0];
        for (size_t n = 0; n < sizeof(*queue); n += 4 + any(64) * 4)
            *(uint32_t *)((char *)queue + n) = any(40);
        world.tx->rsp_prod = any(40);
        world.rx->rsp_prod = any(40);
        if (journal_recover(queue, &b.tx, &b.rx, &b.kept)) {
            assert_in_range(b.tx.req_cons - b.tx.rsp_prod, 0, RING_SLOTS);
            assert_in_range(b.kept - b.rx.rsp_prod, 0, RING_SLOTS);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_between_calls),
        cmocka_unit_test(test_kill_between_instructions),
        cmocka_unit_test(test_strangers),
    };
    uint8_t *shared = mmap(NULL, sizeof(struct journal) + 8192, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    world.tx = (struct netif_tx_sring *)shared;
    world.rx = (struct netif_rx_sring *)(shared + 4096);
    world.journal = (struct journal *)(shared + 8192);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
