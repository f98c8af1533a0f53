// SPDX-License-Identifier: GPL-2.0-only
/* The loop, the hooks that the store calls, and domains that die.  See daemon.h; taking over from a
 * dead daemon is in recover.c.
 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper.h"
#include "log.h"
#include "ring.h"

#define LISTENER (STORE_CONNS + 1) /* what epoll says instead of a slot's number */
#define EVTCHN   (STORE_CONNS + 2)
#define EVENTS   64
#define RETRY_MS 100 /* when somebody waits: for memory, or for another one's transaction */

static volatile sig_atomic_t stopped, keeper_died;
static sigset_t while_waiting; /* signals are taken while the loop waits, and only there */

static void on_signal(int signal)
{
    if (signal == SIGUSR1 ||
        signal == SIGCHLD) /* a keeper is our parent, or our child if we made it */
        keeper_died = 1;
    else
        stopped = 1;
}

void daemon_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGCHLD};
    struct sigaction act = {.sa_handler = on_signal};
    sigset_t block;
    sigemptyset(&block);
    sigemptyset(&while_waiting);
    stopped = keeper_died = 0;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&block, signals[i]);
        sigaction(signals[i], &act, NULL);
    }
    sigprocmask(SIG_SETMASK, &block, NULL);
}

bool daemon_room(struct daemon *d)
{
    return keep_room(d->k) || (keep_snapshot(d->k, d->s, d->executed) && keep_room(d->k));
}

/* ---- hooks */

/* An introduced domain, once more: perhaps with another port; its ring begins anew. */
static int introduce_again(struct daemon *d, uint32_t slot, uint32_t port)
{
    struct slot *sl = &d->k->slots[slot];
    if (port != sl->remote_port) {
        int local = xen_bind(sl->domid, port);
        if (local < 0)
            return local;
        d->port_slot[sl->port] = 0;
        xen_unbind(sl->port);
        sl->port = (uint32_t)local;
        sl->remote_port = port;
        d->port_slot[local] = slot + 1;
    }
    return (int)slot;
}

/* Whatever is in the input or on its way out was the last life's.  The store is told afterwards,
 * and the domain last.
 */
static void ring_restart(struct daemon *d, uint32_t slot)
{
    struct slot *sl = &d->k->slots[slot];
    const struct conn *c = d->s->conn[slot];
    ring_reset(d->links[slot].ring);
    sl->received = d->executed[slot];
    sl->cons_base = (uint32_t)sl->received;
    if (c)
        sl->sent = c->produced;
    sl->prod_base = (uint32_t)sl->sent;
    sl->broken = 0;
}

static int introduce(struct daemon *d, uint16_t domid, uint64_t mfn, uint32_t port)
{
    uint32_t slot = slot_find(d);
    if (slot == NO_SLOT)
        return -ENOSPC;
    int known = xen_domain_exists(domid);
    if (known <= 0)
        return known ? known : -ENOENT;
    int local = xen_bind(domid, port);
    if (local < 0)
        return local;
    d->links[slot] = (struct link){0};
    d->executed[slot] = 0;
    d->k->slots[slot] = (struct slot){.ring = 1,
                                      .fd = -1,
                                      .domid = domid,
                                      .mfn = mfn,
                                      .remote_port = port,
                                      .port = (uint32_t)local};
    int status = link_map(d, slot);
    if (status) {
        xen_unbind((uint32_t)local);
        return status;
    }
    d->k->slots[slot].state = SLOT_LIVE;
    return (int)slot;
}

static int hook_introduce(void *arg, uint16_t domid, uint64_t mfn, uint32_t port, int conn)
{
    struct daemon *d = arg;
    if (d->playing)
        return d->answer;
    if (domid == 0)
        d->answer = -EINVAL;
    else
        d->answer =
            conn < 0 ? introduce(d, domid, mfn, port) : introduce_again(d, (uint32_t)conn, port);
    if (d->answer >= 0) {
        ring_restart(d, (uint32_t)d->answer);
        ring_connected(d->links[d->answer].ring);
    }
    return d->answer;
}

static void hook_release(void *arg, uint32_t conn)
{
    struct daemon *d = arg;
    if (d->playing)
        return;
    d->k->slots[conn].state = SLOT_CLOSING;
    d->closing[d->nr_closing++] = conn;
}

static int hook_log(void *arg, const char *command, const char *value)
{
    const struct daemon *d = arg;
    if (d->playing)
        return 0;
    if (strcmp(command, "logfile") == 0)
        return log_file(value);
    if (strcmp(command, "print") == 0)
        log_say("control: %s", value);
    else
        log_requests = strcmp(value, "on") == 0;
    return 0;
}

void daemon_hooks(struct daemon *d, struct store_hooks *hooks)
{
    *hooks = (struct store_hooks){hook_introduce, hook_release, hook_log, d};
}

/* ---- domains */

struct census {
    struct daemon *d;
    uint8_t state[STORE_DOMIDS]; /* 0: unknown to the hypervisor */
};
enum { ALIVE = 1, SHUTDOWN, DYING };

static void count_domain(void *arg, uint16_t domid, bool shutdown, bool dying)
{
    struct census *c = arg;
    if (domid < STORE_DOMIDS)
        c->state[domid] = dying ? DYING : shutdown ? SHUTDOWN : ALIVE;
}

static bool domain_news(struct daemon *d, const struct domain *dom, uint8_t state)
{
    int status = 0;
    if (!dom->named || dom->id == 0)
        return true;
    if (!daemon_room(d))
        return false;
    if (state == 0 || state == DYING) {
        status = store_domain_dead(d->s, dom->id);
        if (!status)
            keep_append(d->k, RECORD_DEAD, dom->id, 0, 0, NULL, NULL);
    } else if (state == SHUTDOWN && dom->introduced && !dom->shutdown) {
        status = store_domain_shutdown(d->s, dom->id);
        if (!status)
            keep_append(d->k, RECORD_SHUTDOWN, dom->id, 0, 0, NULL, NULL);
    }
    link_reap(d);
    return status == 0;
}

/* Compares the domains that the store knows with those that there are. */
static void look_at_domains(struct daemon *d)
{
    struct census *c = calloc(1, sizeof(*c));
    d->domains_changed = !c || xen_domains(count_domain, c) != 0;
    for (const struct domain *dom = d->s->domains; dom && !d->domains_changed; dom = dom->next)
        if (!domain_news(d, dom, c->state[dom->id]))
            d->domains_changed = true; /* no memory: once more, later */
    free(c);
}

/* ---- events */

/* A kernel that came after another one in the same domain: nothing of that one counts. */
static bool ring_reconnect(struct daemon *d, uint32_t slot)
{
    if (!daemon_room(d))
        return false;
    ring_restart(d, slot);
    store_reset(d->s, d->s->conn[slot]);
    keep_append(d->k, RECORD_RESET, slot, 0, 0, NULL, NULL);
    ring_connected(d->links[slot].ring);
    xen_notify(d->k->slots[slot].port);
    return true;
}

void link_event(struct daemon *d, uint32_t slot)
{
    const struct slot *sl = &d->k->slots[slot];
    if (sl->ring && d->links[slot].ring && ring_wants_reset(d->links[slot].ring) &&
        !ring_reconnect(d, slot))
        return;
    link_input(d, slot);
    link_output(d, slot);
}

static void evtchn_event(struct daemon *d)
{
    uint32_t ports[EVENTS];
    unsigned nr = xen_pending(ports, EVENTS);
    for (unsigned i = 0; i < nr; i++) {
        if (ports[i] == d->k->domain_port)
            d->domains_changed = true;
        else if (ports[i] < EVTCHN_PORTS && d->port_slot[ports[i]])
            link_event(d, d->port_slot[ports[i]] - 1);
    }
    if (nr)
        xen_unmask(ports, nr);
}

static void listener_event(struct daemon *d)
{
    int fd = accept4(d->k->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        link_accept(d, fd);
}

static void event(struct daemon *d, const struct epoll_event *e)
{
    uint32_t slot = e->data.u32;
    if (slot == LISTENER) {
        listener_event(d);
    } else if (slot == EVTCHN) {
        evtchn_event(d);
    } else if (d->k->slots[slot].state == SLOT_LIVE) {
        if (e->events & ~(uint32_t)EPOLLOUT)
            link_input(d, slot);
        if (e->events & EPOLLOUT)
            link_output(d, slot);
    }
}

/* dom0's kernel waits for a store at a port and in a page that it made when it booted. */
static bool introduce_dom0(struct daemon *d)
{
    uint32_t slot = slot_find(d);
    int remote = xen_dom0_port(), local = remote < 0 ? remote : xen_bind(0, (uint32_t)remote);
    if (local < 0) {
        log_say("dom0's port: %s", strerror(-local));
        return false;
    }
    d->k->slots[slot] = (struct slot){
        .ring = 1, .fd = -1, .remote_port = (uint32_t)remote, .port = (uint32_t)local};
    int status = link_map(d, slot);
    if (status || !daemon_room(d) || !store_connect_ring(d->s, slot, 0)) {
        log_say("dom0's ring: %s", strerror(status ? -status : ENOMEM));
        return false;
    }
    /* Its kernel may have asked something already. */
    d->k->slots[slot].cons_base = -d->links[slot].ring->req_cons;
    d->k->slots[slot].prod_base = -d->links[slot].ring->rsp_prod;
    d->k->slots[slot].state = SLOT_LIVE;
    keep_append(d->k, RECORD_RING, slot, 0, 0, NULL, NULL);
    xen_notify((uint32_t)local);
    link_event(d, slot);
    return true;
}

struct daemon *daemon_new(struct keep *k)
{
    struct daemon *d = calloc(1, sizeof(*d));
    struct store_hooks hooks;
    int status = 0;
    if (!d)
        return NULL;
    d->k = k;
    daemon_hooks(d, &hooks);
    recover_descriptors(d);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll < 0 || (status = xen_open(k->evtchn_fd)) < 0) {
        log_say("cannot reach the hypervisor through /dev/xen: %s",
                strerror(d->epoll < 0 ? errno : -status));
        return NULL;
    }
    k->evtchn_fd = xen_evtchn();
    if (!k->domain_port) {
        status = xen_bind_domain_events();
        if (status < 0) {
            log_say("VIRQ_DOM_EXC: %s", strerror(-status));
            return NULL;
        }
        k->domain_port = (uint32_t)status;
    }
    d->s = keep_store(k, &hooks);
    if (!d->s || !recover(d)) {
        log_say("what is kept cannot be read");
        return NULL;
    }
    if (!k->no_dom0 && !d->s->domain[0]->conn && !introduce_dom0(d))
        return NULL;
    if (k->starts++)
        recover_events(d);
    return d;
}

void daemon_run(struct daemon *d)
{
    struct epoll_event events[EVENTS];
    struct epoll_event listener = {.events = EPOLLIN, .data.u32 = LISTENER};
    struct epoll_event evtchn = {.events = EPOLLIN, .data.u32 = EVTCHN};
    epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->k->listen_fd, &listener);
    epoll_ctl(d->epoll, EPOLL_CTL_ADD, xen_evtchn(), &evtchn);
    d->domains_changed = true; /* some may have died while nobody looked */
    while (!stopped) {
        if (d->domains_changed)
            look_at_domains(d);
        if (d->nr_waiting)
            priority_retry(d);
        link_output_all(d);
        if (keep_wants_snapshot(d->k))
            keep_snapshot(d->k, d->s, d->executed);
        int wait = d->nr_waiting || d->domains_changed ? RETRY_MS : -1;
        int nr = epoll_pwait(d->epoll, events, EVENTS, wait, &while_waiting);
        if (keeper_died) {
            keeper_died = 0;
            keeper_replace();
        }
        for (int i = 0; i < nr; i++)
            event(d, &events[i]);
    }
}
