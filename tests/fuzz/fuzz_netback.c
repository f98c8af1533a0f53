/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netback without store, TAP and hypervisor: two hostile front ends and an uplink put anything into
 * their rings and the pages that they name, also between two looks, while rooms, rates and time
 * change.  No byte outside of a page is touched, there are never more answers than requests, each
 * judged head is the delivered one, and when the cards are let go nothing is mapped or kept. Broker
 * and worker are one process here: orders are function calls.
 */
// SOURCES: netback/ring.c netback/packet.c netback/place.c netback/offload.c netback/segment.c netback/journal.c netback/parcel.c netback/batch.c netback/queue.c netback/forward.c netback/card.c netback/store.c netback/front.c netback/counts.c netback/frame.c netback/guard.c netback/switch.c netback/rate.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
// FLAGS: -Dreadv=tap_read -Dwritev=tap_write
// OPTIONS: -len_control=0 -max_len=1024
// SHORT: 2000
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>

#include "abi/xen.h"
#include "abi/grant_table.h"
#include "netback/card.h"
#include "fuzz.h"

#define PAGES  24u
#define GUESTS 2u
#define RINGS  4u /* pages of a guest: two queues with two rings each */

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint8_t *pages[GUESTS][PAGES]; /* each by itself, so that a step outside of one is seen */
static unsigned mapped;
static struct worker *worker;
static struct backend_device devices[GUESTS]; /* the worker's */
static struct backend_device known[GUESTS];   /* the broker's */
static struct network network = {.name = "x"};
static uint64_t now;
static uint64_t chance;

static uint64_t any(uint64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (chance >> 24) % below;
}

/* ---- the gate */

void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable)
{
    CHECK(nr == 1);
    if (refs[0] >= PAGES)
        return NULL;
    mapped++;
    return pages[domid - 1][refs[0]];
}
void grants_unmap(void *at, unsigned nr)
{
    mapped -= nr;
}

static uint8_t *own;
static unsigned own_pages;

/* In half of the processes: without it each head and buffer is memory by itself. */
void *grants_own(unsigned nr, uint32_t *refs)
{
    if (any(2))
        return NULL;
    own_pages = nr;
    for (unsigned i = 0; i < nr; i++)
        refs[i] = i + PAGES;
    return own = aligned_alloc(GATE_PAGE, (size_t)nr * GATE_PAGE);
}

static uint8_t *side(const union grant_side *s, bool granted, size_t len)
{
    if (!granted)
        return s->local;
    CHECK(s->granted.offset + len <= GATE_PAGE);
    if (s->granted.domid == DOMID_SELF) {
        CHECK(s->granted.ref - PAGES < own_pages);
        return own + (size_t)(s->granted.ref - PAGES) * GATE_PAGE + s->granted.offset;
    }
    CHECK(s->granted.domid >= 1 && s->granted.domid <= GUESTS);
    return s->granted.ref < PAGES ? pages[s->granted.domid - 1][s->granted.ref] + s->granted.offset
                                  : NULL;
}

bool grants_copy_each(struct grant_copy *copies, unsigned nr)
{
    if (any(100) == 0)
        return false;
    for (unsigned i = 0; i < nr; i++) {
        struct grant_copy *c = &copies[i];
        CHECK(c->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref));
        uint8_t *from = side(&c->from, c->flags & GNTCOPY_source_gref, c->len);
        uint8_t *to = side(&c->to, c->flags & GNTCOPY_dest_gref, c->len);
        c->status = from && to ? GNTST_okay : GNTST_bad_gntref;
        if (from && to)
            memmove(to, from, c->len);
        if (any(16) == 0) /* the guests go on meanwhile */
            *(uint64_t *)(pages[any(GUESTS)][any(PAGES)] + any(512) * 8) = any(UINT64_MAX);
    }
    return true;
}

bool event_bind(struct event *event, unsigned domid, uint32_t port)
{
    event->fd = 5;
    return true;
}
void event_close(struct event *event)
{
    event->fd = -1;
}
bool event_take(const struct event *event)
{
    return true;
}
void event_enable(const struct event *event)
{
}
void event_notify(const struct event *event)
{
}

/* ---- the process */

void watcher_start(struct worker *w, struct watcher *watcher, int fd,
                   void (*ready)(struct watcher *watcher))
{
    watcher->fd = fd;
    watcher->ready = ready;
}
void watcher_end(struct worker *w, struct watcher *watcher)
{
}
uint64_t clock_now(void)
{
    return now += 1000;
}
bool worker_uplink(struct worker *w, int fd)
{
    return false;
}

/* ---- the broker */

bool broker_order(struct backend_device *device, enum order_kind kind, const void *payload,
                  size_t size, const int *fds, unsigned nr)
{
    struct backend_device *theirs = &devices[device - known];
    struct card_order order;
    if (size > 0)
        memcpy(&order, payload, sizeof(order));
    switch (kind) {
    case ORDER_ATTACH: return theirs->attached = card_ward.attach(theirs, &order, fds, nr);
    case ORDER_CHANGE: card_ward.change(theirs, &order); break;
    case ORDER_DETACH: card_ward.detach(theirs); break;
    default: card_ward.gone(theirs);
    }
    return true;
}
int uplink_open(struct uplink *uplink, const struct uplink_config *config, char why[UPLINK_WHY])
{
    abort(); /* no card names a bridge */
}
int uplink_mend(struct uplink *uplink, char why[UPLINK_WHY])
{
    abort();
}
void uplink_close(struct uplink *uplink)
{
    abort();
}

/* The TAP. */
ssize_t writev(int fd, const struct iovec *iov, int nr)
{
    ssize_t sum = 0;
    uint8_t bits = 0;
    CHECK(fd == 9 && iov[0].iov_len == sizeof(struct virtio_net_hdr));
    for (int i = 0; i < nr; i++) {
        for (size_t n = 0; n < iov[i].iov_len; n++)
            bits ^= ((const uint8_t *)iov[i].iov_base)[n];
        sum += (ssize_t)iov[i].iov_len;
    }
    const struct virtio_net_hdr *h = iov[0].iov_base;
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        CHECK(h->csum_start + h->csum_offset + 2u + sizeof(*h) <= (size_t)sum);
    /* The guard is on: what comes out has the address of one of the cards. */
    const uint8_t *mac = (const uint8_t *)iov[1].iov_base + 6;
    CHECK(memcmp(mac, "\x02\0\0\0\0", 5) == 0 && (mac[5] == 1 || mac[5] == 2));
    return any(8) > 0 || bits == 3 ? sum : -1;
}

static unsigned uplink_frames;

ssize_t readv(int fd, const struct iovec *iov, int nr)
{
    static const uint8_t mac[] = {2, 0, 0, 0, 0};
    CHECK(fd == 9 && nr == 2);
    if (uplink_frames == 0) {
        errno = EAGAIN;
        return -1;
    }
    uplink_frames--;
    size_t size = any(any(2) ? 1600 : 66000);
    uint8_t *at = iov[1].iov_base;
    for (size_t i = 0; i < size && i < 100; i++)
        at[i] = (uint8_t)any(256);
    memcpy(at, mac, 5);
    at[5] = (uint8_t)any(4);
    at[6] = 6;
    memcpy(at + 12, any(2) ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
    *(struct virtio_net_hdr *)iov[0].iov_base =
        (struct virtio_net_hdr){.flags = (uint8_t)any(3),
                                .gso_type = (uint8_t)(any(3) ? 0 : any(6)),
                                .csum_start = (uint16_t)(any(8) ? 34 : any(65536)),
                                .csum_offset = 16,
                                .gso_size = (uint16_t)(500 + any(1000))};
    return (ssize_t)(sizeof(struct virtio_net_hdr) + size);
}

/* ---- the store: what the nodes say is written here */

static struct {
    bool split, poor, sg;
    unsigned queues;
    bool limited, addresses;
} nodes;

bool node_number(struct xs_handle *store, const char *dir, const char *name, uint64_t max,
                 uint64_t *value)
{
    unsigned queue = strstr(dir, "queue-1") ? 1 : 0;
    if (!strcmp(name, "multi-queue-num-queues"))
        *value = nodes.queues;
    else if (!strcmp(name, "tx-ring-ref"))
        *value = queue * 2;
    else if (!strcmp(name, "rx-ring-ref"))
        *value = queue * 2 + 1;
    else if (!strcmp(name, "event-channel-tx") && nodes.split)
        *value = queue * 2;
    else if (!strcmp(name, "event-channel-rx") || !strcmp(name, "event-channel"))
        *value = queue * 2 + 1;
    else if (strstr(name, "request-rx") || strstr(name, "notify"))
        *value = 1;
    else if (!strcmp(name, "feature-sg"))
        *value = nodes.sg;
    else if (strstr(name, "feature-no-csum"))
        *value = nodes.poor;
    else if (strstr(name, "feature-gso") || strstr(name, "feature-ipv6"))
        *value = !nodes.poor;
    else {
        errno = ENOENT;
        return false;
    }
    return true;
}

char *node_read(struct xs_handle *store, const char *dir, const char *name)
{
    char mac[] = "02:00:00:00:00:0?";
    mac[16] = *dir;
    errno = ENOENT;
    if (!strcmp(name, "mac"))
        return strdup(mac);
    if (!strcmp(name, "rate") && nodes.limited)
        return strdup("20000,1000");
    if (!strcmp(name, "ip") && nodes.addresses)
        return strdup("0.0.0.0/1");
    return NULL;
}

bool node_write(struct xs_handle *store, xs_transaction_t t, const char *dir, const char *name,
                const char *format, ...)
{
    return true;
}
void backend_error(struct backend_device *device, const char *format, ...)
{
}
void backend_log(int priority, const char *format, ...)
{
}
void syslog(int priority, const char *format, ...)
{
}

/* ---- the front ends */

static void fill_page(uint8_t *at)
{
    static const uint8_t types[][2] = {{8, 0}, {8, 0}, {8, 6}, {0x86, 0xdd}, {0x81, 0}, {0, 9}};
    memset(at, 0, 100);
    at[0] = 2;
    at[5] = (uint8_t)any(4);
    if (any(8) == 0)
        memset(at, 255, 6);
    at[6] = 2;
    at[11] = (uint8_t)(1 + any(any(8) ? 2 : 9));
    memcpy(at + 12, types[any(6)], 2);
    at[14] = (uint8_t)(any(4) ? 0x45 : any(256));
    at[20] = (uint8_t)(any(6) ? 0 : any(256));
    at[23] = (uint8_t)(any(3) ? 6 : any(64));
    at[46] = (uint8_t)(any(4) ? 0x50 : any(256));
}

static uint32_t ref(void)
{
    return (uint32_t)(any(16) ? RINGS + any(PAGES - RINGS) : any(PAGES + 3));
}

static void send_packet(unsigned guest, union tx_slot *slots, uint32_t *prod)
{
    unsigned nr = any(3) ? 1 : 1 + (unsigned)any(any(6) ? 5 : 22);
    for (unsigned i = 0; i < nr; i++) {
        union tx_slot *slot = &slots[(*prod)++ & (RING_SLOTS - 1)];
        bool extra = i == 0 && any(3) == 0;
        slot->request =
            (struct netif_tx_request){ref(), (uint16_t)any(any(9) ? 64 : 65536), (uint16_t)any(4),
                                      (uint16_t)any(65536), (uint16_t)any(any(9) ? 4000 : 65536)};
        if (i == 0 && slot->request.gref < PAGES && slot->request.offset < 3000)
            fill_page(pages[guest][slot->request.gref] + slot->request.offset);
        if (i == 0 && nr > 1)
            slot->request.size = (uint16_t)any(any(2) ? 20000 : 65536);
        if (i + 1 < nr || any(200) == 0)
            slot->request.flags |= NETTXF_more_data;
        if (!extra)
            continue;
        slot->request.flags |= NETTXF_extra_info;
        slot = &slots[(*prod)++ & (RING_SLOTS - 1)];
        *slot = (union tx_slot){.extra = {.type = (uint8_t)(any(6) ? 1 : any(7))}};
        slot->extra.u.gso.size = (uint16_t)any(any(4) ? 1500 : 65536);
        slot->extra.u.gso.type = (uint8_t)(1 + any(any(6) ? 2 : 4));
    }
}

static void front_acts(unsigned guest)
{
    struct card *card = devices[guest].driver;
    unsigned q = (unsigned)any(card->nr_queues);
    struct netif_tx_sring *tx = (struct netif_tx_sring *)pages[guest][q * 2];
    struct netif_rx_sring *rx = (struct netif_rx_sring *)pages[guest][q * 2 + 1];
    union rx_slot *rx_slots = (union rx_slot *)((uint8_t *)rx + XEN_RING_HEADER_SIZE);
    struct queue *queue = card->queue[q];
    switch (any(12)) {
    default:
        for (uint64_t n = any(8); n > 0; n--)
            send_packet(guest, (union tx_slot *)((uint8_t *)tx + XEN_RING_HEADER_SIZE),
                        &tx->req_prod);
        break;
    case 0:
    case 1:
    case 2:
    case 3:
        for (uint64_t n = any(120); n > 0 && rx->req_prod - queue->rx.rsp_prod < RING_SLOTS; n--)
            rx_slots[rx->req_prod++ & (RING_SLOTS - 1)].request =
                (struct netif_rx_request){.id = (uint16_t)any(256), .gref = ref()};
        break;
    case 4: *(any(2) ? &tx->req_prod : &rx->req_prod) += (uint32_t)any(any(2) ? 9 : 3000); break;
    }
    queue->tx_watcher.ready(&queue->tx_watcher);
}

static void check_rings(void)
{
    for (unsigned g = 0; g < GUESTS; g++) {
        const struct card *card = devices[g].driver;
        for (unsigned i = 0; i < card->nr_queues; i++) {
            const struct queue *q = card->queue[i];
            CHECK(q->tx.req_cons - q->tx.rsp_prod <= RING_SLOTS);
            CHECK(q->tx.rsp_published == q->tx.rsp_prod);
            CHECK(q->rx.req_cons == q->rx.rsp_prod && q->rx.rsp_published == q->rx.rsp_prod);
            /* What is open is held for somebody's room, or nothing. */
            if (!q->broken)
                CHECK(q->tx.req_cons - q->tx.rsp_prod == q->nr_held);
            CHECK(q->nr_free + q->nr_held == RING_SLOTS || q->broken);
            CHECK(q->waiting.first || q->waiting_bytes == 0);
        }
    }
}

static void serve(void)
{
    unsigned rounds = 0;
    worker->now = clock_now();
    do {
        forward_round(worker);
        CHECK(rounds++ < 1000);
    } while (worker->active);
    if (worker->now >= worker->wake_at) {
        worker->wake_at = UINT64_MAX;
        for (unsigned g = 0; g < GUESTS; g++) {
            struct card *card = devices[g].driver;
            for (unsigned i = 0; i < card->nr_queues; i++) {
                queue_tick(card->queue[i], worker->now);
                forward_expire(worker, card->queue[i]);
                queue_activate(card->queue[i]);
            }
        }
        forward_round(worker);
    }
    check_rings();
}

static void connect_card(unsigned guest)
{
    for (unsigned i = 0; i < RINGS; i++)
        memset(pages[guest][i], 0, GATE_PAGE);
    nodes.queues = 1 + (unsigned)any(2);
    nodes.split = any(2);
    nodes.poor = any(3) == 0;
    nodes.sg = any(4) > 0;
    nodes.limited = any(4) == 0;
    nodes.addresses = any(4) == 0;
    CHECK(known[guest].attached = card_driver.attach(&known[guest], false));
}

static void one_gene(void)
{
    unsigned guest = (unsigned)any(GUESTS);
    switch (any(10)) {
    case 0: now += any(2 * NS_PER_S); break;
    case 1:
        uplink_frames = (unsigned)any(6);
        worker->uplink_ready = true;
        break;
    case 2:
        if (any(6) == 0) {
            card_driver.detach(&known[guest]);
            connect_card(guest);
        } else if (any(3) == 0) {
            nodes.limited = any(4) == 0;
            nodes.addresses = any(4) == 0;
            card_driver.changed(&known[guest]);
        }
        break;
    default: front_acts(guest);
    }
    serve();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[GUESTS] = {"1", "2"};
    if (!worker) {
        worker = calloc(1, sizeof(*worker));
        worker->journal = calloc(1, sizeof(*worker->journal));
        worker->counts = calloc(1, sizeof(*worker->counts));
        for (unsigned g = 0; g < GUESTS; g++)
            for (unsigned i = 0; i < PAGES; i++)
                pages[g][i] = aligned_alloc(GATE_PAGE, GATE_PAGE);
        parcels_init(&worker->taken);
        worker->uplink = 9;
        worker->uplink_counts = &worker->spare;
        worker->network = "x";
    }
    if (size < GENE_SIZE)
        return 0;
    now = NS_PER_S;
    worker->wake_at = UINT64_MAX;
    chance = fuzz_gene(data, 0);
    static bool begun;
    if (!begun)
        parcels_open(worker);
    begun = true;
    journal_open(worker->journal);
    counts_open(worker->counts);
    worker->net = switch_make(5);
    switch_add_uplink(worker->net, 0);
    for (unsigned g = 0; g < GUESTS; g++) {
        for (unsigned i = 0; i < PAGES; i++)
            memset(pages[g][i], 0, GATE_PAGE);
        known[g] = (struct backend_device){.path = (char *)(uintptr_t)paths[g],
                                           .front = (char *)(uintptr_t) "",
                                           .guest = g + 1,
                                           .backend = &network.broker.backend};
        devices[g] = (struct backend_device){.guest = g + 1, .backend = &worker->backend};
        CHECK(card_driver.offer(&known[g], 1));
        connect_card(g);
    }
    for (size_t i = 1; i < size / GENE_SIZE; i++) {
        chance = fuzz_gene(data, i);
        one_gene();
    }
    for (unsigned g = 0; g < GUESTS; g++)
        card_driver.detach(&known[g]);
    for (unsigned g = 0; g < GUESTS; g++)
        card_driver.gone(&known[g]);
    CHECK(mapped == 0 && worker->buffers == 0 && !worker->active);
    switch_free(worker->net);
    return 0;
}
