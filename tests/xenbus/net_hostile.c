// SPDX-License-Identifier: GPL-2.0-only
/* A guest that means harm: packets that make no sense, references that lead nowhere, headers and
 * slots that change while they are looked at, indices that cannot be, states in any order.
 *
 * usage: net_hostile DIRECTORY REQUESTS [SEED]
 * Two honest guests and a host are on the same network.  They see frames of each other as they were
 * sent, and others only with the hostile guest's own address as their sender, however fast it
 * changes what is in its pages.  In the end the worker is the process that it was and has grown
 * little.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netback/counts.h"
#include "netfront.h"

#define HOSTILE    0u
#define RACED      24u         /* TX pages that change all the time */
#define GROWTH     (12u << 20) /* of the worker under the sanitizer, whose quarantine is 1 MiB */
#define TRIES      50
#define HONEST_LEN 200u

static struct front fronts[3] = {{.guest = 7, .with_uplink = true, .split = true},
                                 {.guest = 8},
                                 {.guest = 9, .with_uplink = true, .poor = true}};
static int host;
static uint64_t answered, broken, toggled, seen, honest;

/* ---- somebody else on another processor */

static bool racing = true;

static void *race(void *arg)
{
    uint64_t s = 12345;
    struct front *f = arg;
    for (unsigned n = 0; __atomic_load_n(&racing, __ATOMIC_RELAXED); n++) {
        if (n % 4096 == 0)
            usleep(50); /* the others want a processor, too */
        s = s * 6364136223846793005u + 1442695040888963407u;
        unsigned page = (unsigned)(s >> 33) % (RACED + 2);
        unsigned word = (unsigned)(s >> 41) % (PAGE / 4);
        /* Slots, but seldom an index: a broken ring ends the fun. */
        if (page < 2 && (word < 16 || (s >> 20) % 2000))
            continue;
        if (page >= 2)
            page += TX_PAGES - 2;
        /* Addresses, types and protocols are in front. */
        if (page >= TX_PAGES && s >> 60 < 14)
            word %= 16;
        ((volatile uint32_t *)(f->memory + (size_t)page * PAGE))[word] = (uint32_t)(s >> 17);
    }
    return NULL;
}

/* ---- packets that make no sense */

static uint32_t bad_ref(void)
{
    switch (any(40)) {
    case 0: return (uint32_t)any(1ull << 32) | PAGES;
    case 1: return PAGES - 2 + (uint32_t)any(4); /* the last ones, and those behind it */
    case 2: return (uint32_t)any(2);             /* the rings themselves */
    default: return TX_PAGES + (uint32_t)any(RACED);
    }
}

/* A header that would go somewhere, in the page that is named. */
static void fill_header(struct front *f, uint32_t ref, uint32_t offset)
{
    static const uint8_t types[][2] = {{8, 0}, {8, 6}, {0x86, 0xdd}, {0x81, 0}, {0, 60}};
    uint8_t *at = f->memory + (size_t)ref * PAGE + offset;
    if (ref < TX_PAGES || ref >= PAGES || offset + 60 > PAGE)
        return;
    memset(at, any(12) ? 0 : 255, 6);
    memcpy(at, fronts[any(3)].mac, any(12) ? 6 : 1);
    memcpy(at + 6, fronts[any(10) ? HOSTILE : any(3)].mac, 6);
    memcpy(at + 12, types[any(any(3) ? 1 : 5)], 2);
    at[14] = (uint8_t)(any(5) ? 0x45 : any(256));
    at[20] = at[21] = 0;
    at[23] = (uint8_t)(any(3) ? 6 : any(64));
    at[46] = (uint8_t)(any(4) ? 0x50 : any(256));
}

static void bad_extras(struct front *f)
{
    for (bool more = true; more;) {
        struct netif_extra_info *extra = tx_slot(f);
        more = any(5) == 0;
        extra->type = (uint8_t)(any(3) ? 1 : any(any(2) ? 6 : 256));
        extra->flags = more;
        extra->u.gso.size = (uint16_t)(any(4) ? 1448 : any(65536));
        extra->u.gso.type = (uint8_t)(any(4) ? 1 + any(2) : any(256));
    }
}

static void bad_packet(struct front *f)
{
    unsigned nr = any(3) ? 1 : 1 + (unsigned)any(any(8) ? 6 : 22);
    for (unsigned i = 0; i < nr; i++) {
        uint32_t ref = bad_ref();
        uint16_t offset = (uint16_t)any(any(30) ? 2000 : 65536);
        uint16_t size = (uint16_t)any(any(30) ? 2000 : 65536);
        uint16_t flags = (uint16_t)any(4);
        bool extras = i == 0 && any(4) == 0;
        struct netif_tx_request *r = tx_slot(f);
        if (i + 1 < nr)
            flags |= NETTXF_more_data;
        if (extras)
            flags |= NETTXF_extra_info;
        if (i == 0) {
            size = (uint16_t)(nr > 1 ? any(any(5) ? 30000 : 65536) : 14 + any(1500));
            fill_header(f, ref, offset);
        }
        *r = (struct netif_tx_request){ref, offset, flags, (uint16_t)any(SLOTS), size};
        if (extras)
            bad_extras(f);
    }
}

/* ---- the honest ones */

static void look_at(const uint8_t *frame, unsigned size, unsigned place)
{
    static const uint8_t group = 1;
    if (size < 14)
        fatal("a frame of %u bytes", size);
    for (unsigned i = 1; i < 3; i++) {
        if (memcmp(frame + 6, fronts[i].mac, 6) != 0)
            continue;
        if (size != HONEST_LEN)
            fatal("place %u has a frame of %u bytes that says it is from guest %u", place, size,
                  fronts[i].guest);
        for (unsigned n = 22; n < size; n++) {
            if (frame[n] != (uint8_t)(frame[14] + n))
                fatal("a frame has changed on its way");
        }
        uint64_t number;
        memcpy(&number, frame + 14, sizeof(number));
        if (number == honest)
            seen = number;
        return;
    }
    if (memcmp(frame + 6, fronts[HOSTILE].mac, 6) != 0)
        fatal("place %u has a frame from a sender that there is not: %02x%02x%02x%02x%02x%02x",
              place, frame[6], frame[7], frame[8], frame[9], frame[10], frame[11]);
    if (place < 3 && !(frame[0] & group) && memcmp(frame, fronts[place].mac, 6) != 0)
        fatal("place %u has a frame that is not for it", place);
}

static void guest_hear(unsigned place)
{
    struct front *f = &fronts[place];
    const union netif_rx_sring_entry *slots = f->rx->ring;
    uint32_t prod = __atomic_load_n(&f->rx->rsp_prod, __ATOMIC_ACQUIRE);
    if (prod - f->rx_heard > f->rx_sent - f->rx_heard)
        fatal("guest %u: more RX answers than pages", f->guest);
    while (f->rx_heard != prod) {
        bool first = true;
        bool more = true;
        while (more && f->rx_heard != prod) {
            unsigned i = f->rx_heard++ & (SLOTS - 1);
            struct netif_rx_response r = slots[i].rsp;
            if (r.id != i || (int)r.offset + r.status > (int)PAGE)
                fatal("guest %u: the answer in slot %u is to %u, status %d", f->guest, i, r.id,
                      r.status);
            more = r.flags & NETRXF_more_data;
            if (r.flags & NETRXF_extra_info)
                f->rx_heard++;
            if (first && r.status > 0 && !more)
                look_at(f->memory + (size_t)(RX_PAGES + i) * PAGE + r.offset, (unsigned)r.status,
                        place);
            first = false;
        }
        if (more)
            fatal("guest %u: a frame ends in the middle", f->guest);
    }
    f->rx->rsp_event = f->rx_heard + 1;
    rx_fill(f);
}

static void hear(void)
{
    static uint8_t whole[70000];
    ssize_t got;
    for (unsigned i = 1; i < 3; i++) {
        tx_hear(&fronts[i]);
        guest_hear(i);
    }
    while ((got = recv(host, whole, sizeof(whole), 0)) > 0) {
        if (got < 24)
            fatal("the uplink has %zd bytes", got);
        look_at(whole + 10, (unsigned)got - 10, 3);
    }
}

/* One of them sends to the other, and again if it must. */
static void honest_round(void)
{
    unsigned from = 1 + (unsigned)any(2);
    struct front *f = &fronts[from];
    honest++;
    for (int i = 0; i < TRIES; i++) {
        uint32_t before = f->tx_sent;
        int id = tx_id(f);
        if (id >= 0 && f->tx_sent - f->tx_heard < SLOTS) {
            uint8_t *at = f->memory + (size_t)(TX_PAGES + (unsigned)id) * PAGE;
            struct netif_tx_request *r = tx_slot(f);
            memcpy(at, fronts[3 - from].mac, 6);
            memcpy(at + 6, f->mac, 6);
            memcpy(at + 12, "\x88\xb5", 2);
            memcpy(at + 14, &honest, 8);
            for (unsigned n = 22; n < HONEST_LEN; n++)
                at[n] = (uint8_t)(honest + n);
            *r = (struct netif_tx_request){TX_PAGES + (unsigned)id, 0, 0, (uint16_t)id, HONEST_LEN};
            front_push(f, before);
        }
        for (int n = 0; n < 20; n++) {
            fronts_wait(fronts + 1, 2, host, 5);
            hear();
            if (seen == honest)
                return;
        }
        backend_alive("under hostile packets");
    }
    fatal("honest guests do not reach each other");
}

/* ---- rings */

static void connect_again(struct front *f)
{
    front_disconnect(f);
    front_state(f, XenbusStateInitialising);
    front_connect(f);
}

static void hostile_round(struct front *f)
{
    uint32_t before = f->tx_sent;
    while (f->tx_sent - before < 1 + any(200))
        bad_packet(f);
    if (any(300) == 0)
        memset(tx_slot(f), 255, sizeof(union netif_tx_sring_entry)); /* anything at all */
    f->rx_heard = f->rx_sent - any(SLOTS);                           /* any number of pages */
    rx_fill(f);
    front_push(f, before);
    for (int i = 0; i < 60; i++) {
        uint32_t prod = __atomic_load_n(&f->tx->rsp_prod, __ATOMIC_ACQUIRE);
        if (prod - f->tx_heard <= SLOTS) {
            answered += prod - f->tx_heard;
            f->tx_heard = prod;
        }
        hear();
        if (f->tx_heard == f->tx_sent)
            return;
        f->tx->rsp_event = f->tx_heard + 1;
        fronts_wait(f, 1, host, 5);
    }
    backend_alive("under hostile packets");
    broken++;
    connect_again(f);
}

static void bad_index(struct front *f)
{
    __atomic_store_n(any(2) ? &f->tx->req_prod : &f->rx->req_prod,
                     f->tx_sent + 300 + (uint32_t)any(1u << 31), __ATOMIC_SEQ_CST);
    front_kick(f);
    usleep(2000);
    broken++;
    connect_again(f);
}

/* From wherever it is. */
static void come_back(struct front *f)
{
    front_state(f, XenbusStateClosing);
    usleep(1000);
    front_state(f, XenbusStateClosed);
    back_wait(f, XenbusStateClosed);
    front_state(f, XenbusStateInitialising);
    front_connect(f);
}

/* Any state after any other, and keys that make no sense. */
static void toggle(struct front *f)
{
    static const char *const keys[] = {"tx-ring-ref",
                                       "rx-ring-ref",
                                       "event-channel",
                                       "event-channel-tx",
                                       "multi-queue-num-queues",
                                       "request-rx-copy",
                                       "feature-rx-notify",
                                       "feature-gso-tcpv4"};
    static const char *const values[] = {
        "", "0", "1", "2", "4", "5", "-1", "x", "4294967295", "99999999999999999999", "1 ", "255"};
    for (uint64_t n = any(8); n > 0; n--) {
        if (any(3) == 0)
            front_write(f, keys[any(8)], values[any(12)]);
        front_state(f, (enum xenbus_state)any(9));
        toggled++;
        if (any(3) == 0)
            usleep((unsigned)any(3000));
    }
    front_write(f, "multi-queue-num-queues", "1");
    come_back(f);
}

/* A port that there is not, and nothing more is heard: it is tried once, and the others go on. */
static void wait_for_ever(struct front *f)
{
    front_disconnect(f);
    front_state(f, XenbusStateInitialising);
    back_wait(f, XenbusStateInitWait);
    front_write(f, "event-channel-tx", "77");
    front_state(f, XenbusStateConnected);
    back_wait(f, XenbusStateClosing);
    for (int i = 0; i < 20; i++)
        honest_round();
    come_back(f);
}

/* What the worker says of one card: hostile packets must have got through, or nothing was tried. */
static struct counts counts_now(const char *directory, unsigned guest)
{
    static struct counts_file file;
    char path[200];
    snprintf(path, sizeof(path), "%s/run/" NETWORK COUNTS_SUFFIX, directory);
    FILE *f = fopen(path, "r");
    if (!f || fread(&file, sizeof(file), 1, f) != 1)
        fatal("%s: %m", path);
    fclose(f);
    return *counts_of(&file, guest, 0);
}

int main(int argc, char *argv[])
{
    pthread_t racer;
    struct front *f = &fronts[HOSTILE];
    if (argc < 3)
        return 2;
    uint64_t requests = strtoull(argv[2], NULL, 10);
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    world_open(argv[1]);
    host = host_open();
    backend_start();
    for (unsigned i = 0; i < 3; i++) {
        card_create(&fronts[i]);
        front_connect(&fronts[i]);
    }
    pthread_create(&racer, NULL, race, f);
    uint64_t rss = 0;
    wait_for_ever(f);
    for (uint64_t round = 0; answered < requests; round++) {
        hostile_round(f);
        if (round % 8 == 0)
            honest_round();
        if (round % 300 == 299)
            bad_index(f);
        if (round % 100 == 50)
            toggle(f);
        if (!rss && answered > requests / 4)
            rss = worker_rss();
    }
    uint64_t grown = worker_rss();
    __atomic_store_n(&racing, false, __ATOMIC_RELAXED);
    pthread_join(racer, NULL);
    honest_round();
    struct counts bad = counts_now(argv[1], 7);
    struct counts poor = counts_now(argv[1], 9);
    for (unsigned i = 0; i < 3; i++)
        front_disconnect(&fronts[i]);
    backend_alive("at the end");
    backend_kill();
    printf("%lu hostile slots answered, %lu broken rings, %lu states, %lu honest frames; grown by "
           "%ld KiB\n",
           (unsigned long)answered, (unsigned long)broken, (unsigned long)toggled,
           (unsigned long)honest, (long)(grown - rss) / 1024);
    printf(
        "%lu packets passed, %lu with segments; %lu malformed, %lu of another's address, %lu made "
        "whole for who cannot\n",
        bad.tx_packets, bad.tx_gso, bad.malformed, bad.dropped[DROP_mac], poor.rx_cut);
    if (bad.tx_packets < requests / 20 || !bad.tx_gso || !bad.malformed || !bad.dropped[DROP_mac] ||
        !poor.rx_cut)
        fatal("too little of something");
    if (grown > rss + GROWTH)
        fatal("the worker has grown");
    return 0;
}
