// SPDX-License-Identifier: GPL-2.0-only
/* Connections: bytes in, requests, bytes out.  The order of the stores around a system call and
 * around an execution is what the restart relies on: see keep.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "ring.h"

#define barrier() __asm__ volatile("" ::: "memory")

/* Unsent bytes from which on a connection's requests wait: a client has to read what it asked for.
 */
#define UNSENT_MAX (256u * 1024)

/* ---- input */

/* The free part of the input buffer, in up to two pieces; the number of bytes. */
static size_t input_room(struct daemon *d, uint32_t slot, struct iovec iov[2])
{
    const struct slot *sl = &d->k->slots[slot];
    char *in = keep_input(d->k, slot);
    size_t at = sl->received % KEEP_INPUT;
    size_t room = KEEP_INPUT - (size_t)(sl->received - d->executed[slot]);
    size_t first = room < KEEP_INPUT - at ? room : KEEP_INPUT - at;
    iov[0] = (struct iovec){in + at, first};
    iov[1] = (struct iovec){in, room - first};
    return room;
}

/* Prepares a flight; the caller makes the system call with @f->msg. */
static void flight_begin(struct flight *f, uint32_t slot, uint64_t base, unsigned nr_iov)
{
    memset(&f->msg, 0, sizeof(f->msg));
    f->msg.msg_hdr.msg_iov = f->iov;
    f->msg.msg_hdr.msg_iovlen = nr_iov;
    f->msg.msg_len = NOT_RETURNED;
    f->base = base;
    barrier();
    f->slot = slot;
    barrier();
}

/* After the call: what it moved is noted, once, whoever gets here. */
static void flight_end(struct flight *f, uint64_t *count, bool done)
{
    barrier();
    if (done)
        *count = f->base + f->msg.msg_len;
    barrier();
    f->slot = NO_SLOT;
    barrier();
}

static void socket_input(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct flight *f = &d->k->in;
    if (input_room(d, slot, f->iov) == 0)
        return;
    flight_begin(f, slot, sl->received, f->iov[1].iov_len ? 2 : 1);
    int n = recvmmsg(sl->fd, &f->msg, 1, MSG_DONTWAIT, NULL);
    int error = errno;
    bool end = n > 0 && f->msg.msg_len == 0;
    flight_end(f, &sl->received, n > 0);
    if (end || (n < 0 && error != EAGAIN && error != EINTR))
        link_close(d, slot);
}

/* Not listened to any more, until it is introduced again; what it holds stays until it dies. */
static void ring_break(struct daemon *d, uint32_t slot, uint32_t error)
{
    d->k->slots[slot].broken = 1;
    ring_error(d->links[slot].ring, error);
    log_say("domain %u breaks the ring protocol (error %u): not listened to any more",
            d->k->slots[slot].domid, error);
}

static void ring_input(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct xenstore_domain_interface *ring = d->links[slot].ring;
    struct iovec iov[2];
    bool any = false;
    input_room(d, slot, iov);
    for (int i = 0; i < 2 && iov[i].iov_len; i++) {
        uint32_t cons = (uint32_t)sl->received - sl->cons_base;
        int n = ring_read(ring, cons, iov[i].iov_base, iov[i].iov_len);
        if (n < 0) {
            ring_break(d, slot, XENSTORE_ERROR_RINGIDX);
            return;
        }
        if (n == 0)
            break;
        barrier();
        sl->received += (uint32_t)n; /* from here on these bytes are ours */
        barrier();
        ring_publish_cons(ring, cons + (uint32_t)n);
        any = true;
        if ((size_t)n < iov[i].iov_len)
            break; /* what comes meanwhile belongs behind it, not into the next piece */
    }
    if (any)
        xen_notify(sl->port);
}

void link_input(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    if (sl->state != SLOT_LIVE || sl->broken)
        return;
    if (sl->ring)
        ring_input(d, slot);
    else
        socket_input(d, slot);
    link_execute(d, slot);
}

/* ---- requests */

static void input_copy(struct daemon *d, uint32_t slot, uint64_t from, void *out, size_t len)
{
    const char *in = keep_input(d->k, slot);
    size_t at = from % KEEP_INPUT, first = len < KEEP_INPUT - at ? len : KEEP_INPUT - at;
    memcpy(out, in + at, first);
    memcpy((char *)out + first, in, len - first);
}

void link_stall(struct daemon *d, uint32_t slot, enum stall why)
{
    struct link *l = &d->links[slot];
    if (l->stall == why)
        return;
    if (l->stall == STALL_WAITS) {
        uint32_t last = d->waiting[--d->nr_waiting];
        d->waiting[l->waiting_at] = last;
        d->links[last].waiting_at = l->waiting_at;
    }
    l->stall = why;
    if (why == STALL_WAITS) {
        l->waiting_at = d->nr_waiting;
        d->waiting[d->nr_waiting++] = slot;
    }
    if (d->k->slots[slot].state == SLOT_LIVE && !d->k->slots[slot].ring)
        link_arm(d, slot, true);
}

/* A message that cannot be one: its sender has lost the thread. */
static void protocol_error(struct daemon *d, uint32_t slot)
{
    if (d->k->slots[slot].ring)
        ring_break(d, slot, XENSTORE_ERROR_PROTO);
    else
        link_close(d, slot);
}

/* Executes and journals one request.  False: no memory for either, it has to wait. */
static bool execute_one(struct daemon *d, uint32_t slot, const struct xsd_sockmsg *hdr,
                        const char *payload)
{
    struct conn *c = d->s->conn[slot];
    enum record_kind kind = RECORD_REQUEST;
    if (!daemon_room(d))
        return false;
    d->answer = 0;
    int status = store_request(d->s, c, hdr, payload);
    if (status) {
        kind = RECORD_REFUSED;
        d->answer = -ENOMEM;
        if (store_refuse(c, hdr, ENOMEM) != 0)
            return false;
    }
    keep_append(d->k, kind, slot, d->answer, 0, hdr, payload);
    if (log_requests)
        log_request(c, hdr, payload);
    return true;
}

/* Executes requests while it may; why it does not go on. */
static enum stall execute_all(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct conn *c = d->s->conn[slot];
    char copy[XENSTORE_PAYLOAD_MAX];
    while (sl->state == SLOT_LIVE && !sl->broken &&
           sl->received - d->executed[slot] >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg hdr;
        input_copy(d, slot, d->executed[slot], &hdr, sizeof(hdr));
        if (hdr.len > XENSTORE_PAYLOAD_MAX) {
            protocol_error(d, slot);
            return STALL_NONE;
        }
        if (sl->received - d->executed[slot] < sizeof(hdr) + hdr.len)
            return STALL_NONE;
        if (c->tail - c->head > UNSENT_MAX)
            return STALL_UNREAD;
        if (priority_wait(d, c, &hdr))
            return STALL_WAITS;
        size_t at = (d->executed[slot] + sizeof(hdr)) % KEEP_INPUT;
        const char *payload = keep_input(d->k, slot) + at;
        if (at + hdr.len > KEEP_INPUT) {
            input_copy(d, slot, d->executed[slot] + sizeof(hdr), copy, hdr.len);
            payload = copy;
        }
        if (!execute_one(d, slot, &hdr, payload))
            return STALL_WAITS;
        d->executed[slot] += sizeof(hdr) + hdr.len;
        link_reap(d);
    }
    return STALL_NONE;
}

void link_execute(struct daemon *d, uint32_t slot)
{
    link_stall(d, slot, execute_all(d, slot));
}

/* ---- output */

/* A stalled connection is not read, or the loop would spin on what it has sent. */
void link_arm(struct daemon *d, uint32_t slot, bool added)
{
    struct link *l = &d->links[slot];
    const struct conn *c = d->s->conn[slot];
    struct epoll_event e = {.data.u32 = slot};
    e.events = (l->stall ? 0 : EPOLLIN) | (c->head != c->tail ? EPOLLOUT : 0);
    if (added && l->events == e.events)
        return;
    l->events = e.events;
    if (epoll_ctl(d->epoll, added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, d->k->slots[slot].fd, &e) < 0)
        log_say("epoll: %s", strerror(errno));
}

static void socket_output(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct conn *c = d->s->conn[slot];
    struct flight *f = &d->k->out;
    f->iov[0] = (struct iovec){c->out + c->head, c->tail - c->head};
    flight_begin(f, slot, sl->sent, 1);
    int n = sendmmsg(sl->fd, &f->msg, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    int error = errno;
    unsigned sent = n > 0 ? f->msg.msg_len : 0;
    flight_end(f, &sl->sent, n > 0);
    c->head += sent;
    if (n < 0 && error != EAGAIN && error != EINTR)
        link_close(d, slot);
    else
        link_arm(d, slot, true);
}

static void ring_output(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct link *l = &d->links[slot];
    struct conn *c = d->s->conn[slot];
    uint32_t prod = (uint32_t)sl->sent - sl->prod_base;
    if (sl->broken)
        return;
    int n = ring_write(l->ring, prod, c->out + c->head, c->tail - c->head);
    if (n < 0) {
        ring_break(d, slot, XENSTORE_ERROR_RINGIDX);
        return;
    }
    if (n == 0)
        return;
    barrier();
    sl->sent += (uint32_t)n;
    barrier();
    c->head += (size_t)n;
    ring_publish_prod(l->ring, prod + (uint32_t)n);
    xen_notify(sl->port);
}

/* When much was waiting and has gone, the store may queue again what it held back. */
static void acknowledge(struct daemon *d, uint32_t slot)
{
    const struct slot *sl = &d->k->slots[slot];
    struct conn *c = d->s->conn[slot];
    if (sl->state != SLOT_LIVE || !conn_wants_ack(d->s, c) || sl->sent == c->acked ||
        !daemon_room(d))
        return;
    if (store_acked(d->s, c, sl->sent) == 0)
        keep_append(d->k, RECORD_ACKED, slot, 0, sl->sent, NULL, NULL);
}

void link_output(struct daemon *d, uint32_t slot)
{
    const struct slot *sl = &d->k->slots[slot];
    const struct conn *c = d->s->conn[slot];
    if (sl->state != SLOT_LIVE || !c)
        return;
    if (c->head != c->tail) {
        if (sl->ring)
            ring_output(d, slot);
        else
            socket_output(d, slot);
    }
    acknowledge(d, slot);
    if (sl->state == SLOT_LIVE && d->links[slot].stall == STALL_UNREAD &&
        c->tail - c->head <= UNSENT_MAX)
        link_input(d, slot);
}

void link_output_all(struct daemon *d)
{
    struct conn *c;
    while ((c = store_next_dirty(d->s)) != NULL)
        link_output(d, c->id);
}

/* ---- beginning and end */

uint32_t slot_find(struct daemon *d)
{
    for (; d->free_from < STORE_CONNS; d->free_from++)
        if (d->k->slots[d->free_from].state == SLOT_FREE && !d->s->conn[d->free_from])
            return d->free_from;
    return NO_SLOT;
}

static void slot_free(struct daemon *d, uint32_t slot)
{
    barrier();
    d->k->slots[slot].state = SLOT_FREE;
    if (slot < d->free_from)
        d->free_from = slot;
}

bool link_connect(struct daemon *d, uint32_t slot)
{
    d->links[slot] = (struct link){0};
    d->executed[slot] = 0;
    if (!daemon_room(d) || !store_connect(d->s, slot)) {
        link_close(d, slot);
        return false;
    }
    keep_append(d->k, RECORD_CONNECT, slot, 0, 0, NULL, NULL);
    link_arm(d, slot, false);
    return true;
}

bool link_accept(struct daemon *d, int fd)
{
    uint32_t slot = slot_find(d);
    if (slot == NO_SLOT) {
        close(fd);
        return false;
    }
    d->k->slots[slot] = (struct slot){.fd = fd};
    barrier();
    d->k->slots[slot].state = SLOT_LIVE;
    barrier();
    return link_connect(d, slot);
}

void link_close(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct conn *c = d->s->conn[slot];
    sl->state = SLOT_CLOSING;
    barrier();
    if (c) {
        if (!daemon_room(d)) {
            log_say("no memory to end a connection");
            _exit(1); /* the next daemon finds it closing */
        }
        store_disconnect(d->s, c);
        keep_append(d->k, RECORD_DISCONNECT, slot, 0, 0, NULL, NULL);
    }
    link_stall(d, slot, STALL_NONE);
    close(sl->fd);
    slot_free(d, slot);
}

int link_map(struct daemon *d, uint32_t slot)
{
    struct link *l = &d->links[slot];
    const struct slot *sl = &d->k->slots[slot];
    l->ring = xen_map_ring(sl->domid, sl->mfn);
    if (!l->ring)
        return -errno;
    if (sl->port < EVTCHN_PORTS)
        d->port_slot[sl->port] = slot + 1;
    return 0;
}

/* A ring that the store has let go: after the journal says so, and not before, its port is closed.
 */
static void ring_close(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct link *l = &d->links[slot];
    if (l->ring)
        xen_unmap_ring(l->ring);
    if (sl->port) {
        xen_unbind(sl->port);
        if (sl->port < EVTCHN_PORTS)
            d->port_slot[sl->port] = 0;
    }
    link_stall(d, slot, STALL_NONE);
    *l = (struct link){0};
    slot_free(d, slot);
}

void link_reap(struct daemon *d)
{
    while (d->nr_closing) {
        d->nr_closing--;
        ring_close(d, d->closing[d->nr_closing]);
    }
}
