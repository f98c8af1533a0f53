// SPDX-License-Identifier: GPL-2.0-only
/* Guests and a host that exchange frames which they know by heart, and somebody who kills the back
 * end: its worker, or the broker with it.
 *
 * usage: net_kill DIRECTORY KILLS [SEED]
 * Whatever happens, a frame that arrives is as it was sent, with its offloads, and those from one
 * to another come in order and once; each TX request has one answer; each RX page is used for the
 * request that offered it.  Frames may be lost, but none while nobody is killed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/virtio_net.h>

#include "netfront.h"

#define GUESTS   3u
#define PLACES   (GUESTS + 1) /* the host is the last */
#define HEADERS  54u          /* Ethernet, IPv4, TCP */
#define MIN_SIZE (HEADERS + (unsigned)sizeof(struct mark))
#define MAX_SIZE 65535u
#define MTU_SIZE 1514u
#define STUCK_S  30
#define NOBODY   PLACES

/* What a frame says of itself, behind its headers. */
struct mark {
    uint64_t sequence;
    uint32_t size;
    uint16_t from, to;
    uint16_t blank, mss; /* as sent */
};

static struct front fronts[GUESTS] = {{.guest = 7, .split = true, .with_uplink = true},
                                      {.guest = 8},
                                      {.guest = 9, .split = true, .with_uplink = true}};
static int host;
static struct sockaddr_un back; /* the worker's end of the uplink */
static uint64_t sequence;
static uint64_t last[PLACES][PLACES];
static uint64_t sent, arrived, segments, lost_ok;
static uint8_t frame[MAX_SIZE + PAGE];

static void set_mac(uint8_t *mac, unsigned place)
{
    memcpy(mac, "\x00\x16\x3e\x00\x00\x00", 6);
    mac[5] = place < GUESTS ? (uint8_t)fronts[place].guest : 99;
}

static void make(unsigned from, unsigned to, uint32_t size, const struct mark *mark)
{
    memset(frame, 0, HEADERS);
    set_mac(frame, to);
    set_mac(frame + 6, from);
    frame[12] = 8;
    frame[14] = 0x45;
    frame[23] = 6;
    frame[46] = 0x50;
    memcpy(frame + HEADERS, mark, sizeof(*mark));
    for (uint32_t i = MIN_SIZE; i < size; i++)
        frame[i] = (uint8_t)(mark->sequence * 31 + i * 7 + (i >> 8));
}

static struct mark new_mark(unsigned from, unsigned to)
{
    uint32_t size = any(4) ? MIN_SIZE + (uint32_t)any(MTU_SIZE - MIN_SIZE)
                           : MIN_SIZE + (uint32_t)any(any(3) ? 9000 : MAX_SIZE - MIN_SIZE);
    bool big = size > MTU_SIZE;
    return (struct mark){++sequence,   size,          (uint16_t)from,
                         (uint16_t)to, big || any(2), (uint16_t)(big ? 1400 + any(60) : 0)};
}

static void check(const uint8_t *at, uint32_t size, unsigned place, bool blank, unsigned mss)
{
    struct mark mark;
    if (size < MIN_SIZE)
        fatal("a frame of %u bytes", size);
    memcpy(&mark, at + HEADERS, sizeof(mark));
    if (mark.size != size || mark.from >= PLACES || mark.to != place)
        fatal("place %u has a frame of %u bytes from %u to %u of %u", place, size, mark.from,
              mark.to, mark.size);
    make(mark.from, mark.to, size, &mark);
    for (uint32_t i = 0; i < size; i++) {
        if (at[i] != frame[i])
            fatal("frame %lu from %u to %u: byte %u of %u is %x, not %x",
                  (unsigned long)mark.sequence, mark.from, mark.to, i, size, at[i], frame[i]);
    }
    if (blank != mark.blank || mss != mark.mss)
        fatal("frame %lu: checksum left %d, segments of %u, not %d and %u",
              (unsigned long)mark.sequence, blank, mss, mark.blank, mark.mss);
    if (mark.sequence <= last[mark.from][place])
        fatal("frame %lu from %u to %u comes after %lu", (unsigned long)mark.sequence, mark.from,
              place, (unsigned long)last[mark.from][place]);
    last[mark.from][place] = mark.sequence;
    arrived++;
    segments += mss != 0;
}

/* ---- sending */

/* Fills slots for one frame, cut anywhere; false: too few are free. */
static bool guest_send(unsigned from, unsigned to, unsigned most_open)
{
    struct front *f = &fronts[from];
    if (f->tx_sent - f->tx_heard + 20 > most_open)
        return false;
    struct mark mark = new_mark(from, to);
    make(from, to, mark.size, &mark);
    uint32_t left = mark.size;
    uint32_t done = 0;
    struct netif_tx_request *first = NULL;
    for (unsigned i = 0; left > 0; i++) {
        uint32_t room = (17 - i) * PAGE; /* in the pieces that may follow */
        uint32_t len = 1 + (uint32_t)any(any(3) ? PAGE : 100);
        if (left > room && len < left - room)
            len = left - room;
        if (len > left || i == 17)
            len = left;
        unsigned id = (unsigned)tx_id(f);
        struct netif_tx_request *r = tx_slot(f);
        uint16_t offset = (uint16_t)any(PAGE - len + 1);
        *r = (struct netif_tx_request){TX_PAGES + id, offset, 0, (uint16_t)id, (uint16_t)len};
        memcpy(f->memory + (size_t)(TX_PAGES + id) * PAGE + offset, frame + done, len);
        done += len;
        left -= len;
        r->flags = left ? NETTXF_more_data : 0;
        if (i > 0)
            continue;
        first = r;
        first->size = (uint16_t)mark.size;
        if (mark.blank)
            r->flags |= NETTXF_csum_blank | NETTXF_data_validated;
        if (mark.mss) {
            struct netif_extra_info *extra = tx_slot(f);
            r->flags |= NETTXF_extra_info;
            extra->type = XEN_NETIF_EXTRA_TYPE_GSO;
            extra->u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
            extra->u.gso.size = mark.mss;
        }
    }
    sent++;
    return true;
}

static void host_send(unsigned to)
{
    struct mark mark = new_mark(GUESTS, to);
    struct virtio_net_hdr h = {.flags = mark.blank ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
                               .gso_type = mark.mss ? VIRTIO_NET_HDR_GSO_TCPV4 : 0,
                               .gso_size = mark.mss};
    struct iovec iov[2] = {{&h, sizeof(h)}, {frame, mark.size}};
    struct msghdr message = {
        .msg_name = &back, .msg_namelen = sizeof(back), .msg_iov = iov, .msg_iovlen = 2};
    make(GUESTS, to, mark.size, &mark);
    if (sendmsg(host, &message, 0) > 0)
        sent++; /* else there is nobody, or too much already */
}

/* ---- receiving */

static void guest_hear(unsigned place)
{
    static uint8_t whole[MAX_SIZE + 2 * PAGE];
    struct front *f = &fronts[place];
    const union netif_rx_sring_entry *slots = f->rx->ring;
    uint32_t prod = __atomic_load_n(&f->rx->rsp_prod, __ATOMIC_ACQUIRE);
    if (prod - f->rx_heard > f->rx_sent - f->rx_heard)
        fatal("guest %u: more RX answers than pages", f->guest);
    while (f->rx_heard != prod) {
        uint32_t size = 0;
        bool more = true;
        bool blank = false;
        unsigned mss = 0;
        for (unsigned n = 0; more; n++) {
            unsigned i = f->rx_heard++ & (SLOTS - 1);
            struct netif_rx_response r = slots[i].rsp;
            if (r.id != i)
                fatal("guest %u: the answer in slot %u is to %u", f->guest, i, r.id);
            if (r.status <= 0 || (uint32_t)r.status + r.offset > PAGE || n == 18)
                fatal("guest %u: RX status %d at %u, slot %u", f->guest, r.status, r.offset, n);
            memcpy(whole + size, f->memory + (size_t)(RX_PAGES + i) * PAGE + r.offset,
                   (size_t)r.status);
            size += (uint32_t)r.status;
            more = r.flags & NETRXF_more_data;
            blank |= r.flags & NETRXF_csum_blank;
            if (r.flags & NETRXF_extra_info) {
                struct netif_extra_info extra;
                memcpy(&extra, &slots[f->rx_heard++ & (SLOTS - 1)], sizeof(extra));
                if (extra.type != XEN_NETIF_EXTRA_TYPE_GSO || extra.flags ||
                    extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4)
                    fatal("guest %u: an extra slot of type %u", f->guest, extra.type);
                mss = extra.u.gso.size;
            }
            if (more && f->rx_heard == prod)
                fatal("guest %u: a frame ends in the middle", f->guest);
        }
        check(whole, size, place, blank, mss);
    }
    f->rx->rsp_event = f->rx_heard + 1;
    if (any(3))
        rx_fill(f);
}

static void host_hear(void)
{
    static uint8_t whole[sizeof(struct virtio_net_hdr) + MAX_SIZE + 1];
    struct virtio_net_hdr h;
    ssize_t got;
    while ((got = recv(host, whole, sizeof(whole), 0)) > 0) {
        if (got < (ssize_t)sizeof(h))
            fatal("the uplink has %zd bytes", got);
        memcpy(&h, whole, sizeof(h));
        bool blank = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
        if (blank && (h.csum_start != 34 || h.csum_offset != 16))
            fatal("the uplink's checksum is at %u + %u", h.csum_start, h.csum_offset);
        check(whole + sizeof(h), (uint32_t)got - (uint32_t)sizeof(h), GUESTS, blank,
              h.gso_type ? h.gso_size : 0);
    }
}

static void hear(void)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        tx_hear(&fronts[i]);
        guest_hear(i);
    }
    host_hear();
}

static void work(unsigned most_open)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        uint32_t before = fronts[i].tx_sent;
        for (uint64_t n = any(8); n > 0; n--) {
            unsigned to = (unsigned)any(most_open < SLOTS ? GUESTS : PLACES);
            if (to != i && !guest_send(i, to, most_open))
                break;
        }
        front_push(&fronts[i], before);
    }
    for (uint64_t n = any(4); n > 0 && most_open == SLOTS; n--)
        host_send((unsigned)any(GUESTS));
    fronts_wait(fronts, GUESTS, host, 5);
    hear();
}

static unsigned under_way(void)
{
    unsigned nr = 0;
    for (unsigned i = 0; i < GUESTS; i++)
        nr += fronts[i].nr_open;
    return nr;
}

static void drain(void)
{
    time_t end = time(NULL) + STUCK_S;
    for (unsigned quiet = 0; under_way() > 0 || quiet < 20; quiet++) {
        if (time(NULL) > end)
            fatal("%u requests have no answer", under_way());
        fronts_wait(fronts, GUESTS, host, 5);
        for (unsigned i = 0; i < GUESTS; i++)
            rx_fill(&fronts[i]);
        hear();
    }
}

/* What one guest sends is kept to its rate from the moment that it is written, and only until it is
 * taken back. */
static void check_rate(void)
{
    struct timespec a;
    struct timespec b;
    uint64_t bytes = 0;
    back_write(&fronts[0], "rate", "100000,100000"); /* 1 MB a second, a tenth of it at once */
    usleep(100000);
    clock_gettime(CLOCK_MONOTONIC, &a);
    while (bytes < 600000) {
        uint32_t before = fronts[0].tx_sent;
        uint64_t number = sequence;
        if (guest_send(0, 1, 100)) {
            struct mark mark;
            memcpy(&mark, frame + HEADERS, sizeof(mark));
            bytes += sequence > number ? mark.size : 0;
        }
        front_push(&fronts[0], before);
        fronts_wait(fronts, GUESTS, host, 1);
        rx_fill(&fronts[1]);
        hear();
    }
    drain();
    clock_gettime(CLOCK_MONOTONIC, &b);
    double took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    double least = (double)bytes / 1e6 - 0.2;
    if (took < least)
        fatal("%lu bytes at 1 MB a second took %.2f s", (unsigned long)bytes, took);
    back_write(&fronts[0], "rate", "0,0");
}

int main(int argc, char *argv[])
{
    unsigned kills = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    unsigned with_work = 0;
    if (argc < 3)
        return 2;
    seed = kills + (argc > 3 ? (uint64_t)atoi(argv[3]) : 0);
    world_open(argv[1]);
    host = host_open();
    back.sun_family = AF_UNIX;
    snprintf(back.sun_path, sizeof(back.sun_path), "%s/uplink-back", argv[1]);
    backend_start();
    for (unsigned i = 0; i < GUESTS; i++)
        card_create(&fronts[i]);
    for (unsigned i = 0; i < GUESTS; i++)
        front_connect(&fronts[i]);
    for (unsigned i = 0; i < kills; i++) {
        for (uint64_t n = any(20); n > 0; n--)
            work(SLOTS);
        for (unsigned g = 0; g < GUESTS; g++) { /* and some that are under way */
            uint32_t before = fronts[g].tx_sent;
            while (guest_send(g, (g + 1) % GUESTS, SLOTS))
                ;
            front_push(&fronts[g], before);
        }
        usleep((unsigned)any(4) * (unsigned)any(1000));
        bool both = any(2);
        if (both)
            backend_kill();
        else
            worker_kill();
        hear();
        with_work += under_way() > 0;
        if (both)
            backend_start();
        if (i % 10 == 9) { /* another connection, with other ports */
            drain();
            front_disconnect(&fronts[0]);
            fronts[0].split = !fronts[0].split;
            front_state(&fronts[0], XenbusStateInitialising);
            front_connect(&fronts[0]);
        }
    }
    drain();
    uint64_t sent_before = sent;
    uint64_t arrived_before = arrived;
    lost_ok = sent - arrived;
    while (sent < sent_before + 2000) {
        work(100);
        for (unsigned i = 0; i < GUESTS; i++)
            rx_fill(&fronts[i]);
    }
    drain();
    if (sent - sent_before != arrived - arrived_before)
        fatal("%lu frames arrived of %lu that nobody disturbed",
              (unsigned long)(arrived - arrived_before), (unsigned long)(sent - sent_before));
    check_rate();
    for (unsigned i = 0; i < GUESTS; i++)
        front_disconnect(&fronts[i]);
    backend_alive("at the end");
    backend_end();
    printf(
        "%u kills, %u of them with requests under way; %lu frames sent, %lu arrived, %lu of them "
        "to be cut; %lu lost\n",
        kills, with_work, (unsigned long)sent, (unsigned long)arrived, (unsigned long)segments,
        (unsigned long)lost_ok);
    if (kills > 10 && with_work * 2 < kills)
        fatal("too few kills met work");
    return 0;
}
