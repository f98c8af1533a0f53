// SPDX-License-Identifier: GPL-2.0-only
/* A daemon in place of one that was killed: see keep.h for why this is enough. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "ring.h"

/* ---- descriptors */

static bool is_kept(const struct keep *k, int fd)
{
    if (fd <= STDERR_FILENO || fd == k->memory_fd || fd == k->listen_fd || fd == k->evtchn_fd ||
        fd == k->log_fd || fd == k->ready_fd)
        return true;
    for (uint32_t i = 0; i < STORE_CONNS; i++)
        if (k->slots[i].state != SLOT_FREE && !k->slots[i].ring && k->slots[i].fd == fd)
            return true;
    return false;
}

/* A client's socket: accepted, and its daemon killed before it could note that. */
static bool is_client(const struct keep *k, int fd)
{
    struct sockaddr_un own = {0}, ours = {0};
    socklen_t own_len = sizeof(own), our_len = sizeof(ours);
    return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
           getsockname(k->listen_fd, (struct sockaddr *)&ours, &our_len) == 0 &&
           own.sun_family == AF_UNIX && own_len == our_len && memcmp(&own, &ours, own_len) == 0;
}

/* The table of descriptors is the one that the earlier daemon had. */
static void each_unknown(struct daemon *d, void (*take)(struct daemon *d, int fd))
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int fds[1024], nr = 0;
    while (dir && (entry = readdir(dir)) != NULL && nr < (int)(sizeof(fds) / sizeof(fds[0]))) {
        int fd = atoi(entry->d_name);
        if (fd != dirfd(dir) && !is_kept(d->k, fd))
            fds[nr++] = fd;
    }
    if (dir)
        closedir(dir);
    for (int i = 0; i < nr; i++)
        take(d, fds[i]);
}

static void close_unknown(struct daemon *d, int fd)
{
    if (!is_client(d->k, fd))
        close(fd);
}

static void accept_unknown(struct daemon *d, int fd)
{
    if (fd != d->epoll && is_client(d->k, fd))
        link_accept(d, fd);
}

void recover_descriptors(struct daemon *d)
{
    if (d->k->starts)
        each_unknown(d, close_unknown);
}

/* ---- the journal */

static bool play_request(struct daemon *d, const struct record *r, struct conn *c)
{
    const char *payload = (const char *)(r + 1);
    d->answer = r->result;
    d->executed[r->conn] += sizeof(r->hdr) + r->hdr.len;
    if (r->kind == RECORD_REFUSED)
        return store_refuse(c, &r->hdr, -r->result) == 0;
    if (store_request(d->s, c, &r->hdr, payload) != 0)
        return false;
    if (r->hdr.type == XS_INTRODUCE && r->result >= 0)
        d->executed[r->result] = 0;
    return true;
}

static bool play(struct daemon *d, const struct record *r)
{
    struct conn *c = r->conn < STORE_CONNS ? d->s->conn[r->conn] : NULL;
    switch ((enum record_kind)r->kind) {
    case RECORD_CONNECT: d->executed[r->conn] = 0; return !c && store_connect(d->s, r->conn);
    case RECORD_RING: d->executed[r->conn] = 0; return !c && store_connect_ring(d->s, r->conn, 0);
    case RECORD_SHUTDOWN: return store_domain_shutdown(d->s, (uint16_t)r->conn) == 0;
    case RECORD_DEAD: return store_domain_dead(d->s, (uint16_t)r->conn) == 0;
    case RECORD_EXECUTED: d->executed[r->conn] = r->bytes; return c != NULL;
    case RECORD_REQUEST:
    case RECORD_REFUSED: return c && play_request(d, r, c);
    case RECORD_ACKED: return c && store_acked(d->s, c, r->bytes) == 0;
    case RECORD_DISCONNECT:
        if (c)
            store_disconnect(d->s, c);
        return c != NULL;
    case RECORD_RESET:
        if (c)
            store_reset(d->s, c);
        return c != NULL;
    }
    return false;
}

static bool play_all(struct daemon *d)
{
    unsigned long nr = 0;
    d->playing = true;
    for (const struct record *r = keep_next(d->k, NULL); r; r = keep_next(d->k, r), nr++) {
        if (!play(d, r)) {
            log_say("record %lu of the journal (kind %u, connection %u) cannot be played", nr,
                    r->kind, r->conn);
            return false;
        }
    }
    d->playing = false;
    if (d->k->starts)
        log_say("takes over: %lu records played", nr);
    return true;
}

/* ---- connections */

/* What a call did whose caller died with it. */
static void flight_land(struct flight *f, uint64_t *count)
{
    if (f->msg.msg_len != NOT_RETURNED)
        *count = f->base + f->msg.msg_len;
    f->slot = NO_SLOT;
}

static void flights_land(struct keep *k)
{
    if (k->in.slot != NO_SLOT)
        flight_land(&k->in, &k->slots[k->in.slot].received);
    if (k->out.slot != NO_SLOT)
        flight_land(&k->out, &k->slots[k->out.slot].sent);
}

/* Playing put out everything again: what was sent is skipped. */
static bool skip_sent(struct conn *c, const struct slot *sl)
{
    uint64_t first = c->produced - (c->tail - c->head);
    if (sl->sent < first || sl->sent > c->produced)
        return false;
    c->head += sl->sent - first;
    return true;
}

static void take_up_ring(struct daemon *d, uint32_t slot)
{
    const struct slot *sl = &d->k->slots[slot];
    struct link *l = &d->links[slot];
    if (link_map(d, slot) != 0) {
        /* It is dying, or is not ours to map any more: its death will be told. */
        log_say("domain %u's ring cannot be mapped again", sl->domid);
        d->k->slots[slot].broken = 1;
        l->ring = NULL;
        return;
    }
    ring_publish_cons(l->ring, (uint32_t)sl->received - sl->cons_base);
    ring_publish_prod(l->ring, (uint32_t)sl->sent - sl->prod_base);
    xen_notify(sl->port);
}

static bool take_up(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    struct conn *c = d->s->conn[slot];
    if (sl->state == SLOT_CLOSING && sl->ring && c)
        sl->state = SLOT_LIVE; /* that it was let go is not in the journal, and comes again */
    if (sl->state == SLOT_FREE)
        return !c;
    if (sl->state == SLOT_CLOSING || (sl->ring && !c)) {
        if (sl->ring)
            d->closing[d->nr_closing++] = slot;
        else
            link_close(d, slot);
        return true;
    }
    if (!c) {
        link_connect(d, slot); /* accepted, and no more */
        return true;
    }
    if (!skip_sent(c, sl))
        return false;
    if (sl->ring)
        take_up_ring(d, slot);
    else
        link_arm(d, slot, false);
    return true;
}

bool recover(struct daemon *d)
{
    flights_land(d->k);
    if (!play_all(d))
        return false;
    for (uint32_t i = 0; i < STORE_CONNS; i++) {
        if (!take_up(d, i)) {
            log_say("connection %u does not fit what is kept of it", i);
            return false;
        }
    }
    link_reap(d);
    if (d->k->starts)
        each_unknown(d, accept_unknown);
    return true;
}

/* Events that the dead one took and did not answer are lost, and their ports masked: look
 * everywhere. */
void recover_events(struct daemon *d)
{
    xen_unmask(&d->k->domain_port, 1);
    for (uint32_t i = 0; i < STORE_CONNS; i++) {
        const struct slot *sl = &d->k->slots[i];
        if (sl->state != SLOT_LIVE || !d->s->conn[i])
            continue;
        if (sl->ring)
            xen_unmask(&sl->port, 1);
        link_event(d, i);
    }
}
