// SPDX-License-Identifier: GPL-2.0-only
/* /dev/xen/gntdev, gntalloc and evtchn: see gate.h.  Numbers and structures are those of Linux's
 * drivers.  Breaking the rule that a mapping is given back before the front end is told so costs
 * the guest its device: both stock front ends give up when they find a grant still in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/xen.h"
#include "abi/grant_table.h"
#include "backend/ask.h"
#include "backend/gate.h"

struct bind_virq {
    unsigned virq;
};
struct bind_interdomain {
    unsigned remote_domain;
    unsigned remote_port;
};
struct port_only {
    unsigned port;
};
struct restrict_domid {
    uint16_t domid;
};
struct map_ref {
    uint32_t domid;
    uint32_t ref;
};
struct map_grants {
    uint32_t count;
    uint32_t pad;
    uint64_t index;
    struct map_ref refs[];
};
struct unmap_grants {
    uint64_t index;
    uint32_t count;
    uint32_t pad;
};
struct own_grants {
    uint16_t domid;
    uint16_t flags;
    uint32_t count;
    uint64_t index;
    uint32_t refs[];
};
struct copy_grants {
    uint32_t count;
    struct grant_copy *segments;
};
#define EVTCHN_BIND_VIRQ        _IOC(_IOC_NONE, 'E', 0, sizeof(struct bind_virq))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind_interdomain))
#define EVTCHN_NOTIFY           _IOC(_IOC_NONE, 'E', 4, sizeof(struct port_only))
#define EVTCHN_RESTRICT         _IOC(_IOC_NONE, 'E', 6, sizeof(struct restrict_domid))
/* The driver's number counts one reference in the structure. */
#define GNTDEV_MAP   _IOC(_IOC_NONE, 'G', 0, sizeof(struct map_grants) + sizeof(struct map_ref))
#define GNTDEV_UNMAP _IOC(_IOC_NONE, 'G', 1, sizeof(struct unmap_grants))
#define GNTDEV_COPY  _IOC(_IOC_NONE, 'G', 8, sizeof(struct copy_grants))

#define GNTALLOC_ALLOC                                                                             \
    _IOC(_IOC_NONE, 'G', 5, sizeof(struct own_grants) + sizeof(uint64_t)) /* one, and its padding  \
                                                                           */
#define GNTALLOC_WRITABLE 1
#define BACKEND_DOMAIN    0 /* where back ends are: paths in the store say so, too */

_Static_assert(sizeof(struct grant_copy) == 24, "Linux's layout");

#define COPY_AT_ONCE 64 /* pieces in one call, so that no memory has to be found for them */

const unsigned long *gate_ioctls(void)
{
    static const unsigned long all[] = {GNTDEV_COPY, EVTCHN_NOTIFY, 0};
    return ask_copies() ? all + 1 : all;
}

static int used = -1;

int gate_device(void)
{
    return open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
}

void gate_use(int device)
{
    used = device;
}

static int gntdev(void)
{
    if (used < 0)
        used = gate_device();
    return used;
}

bool gate_offer(int device, unsigned domid, const uint32_t *refs, unsigned nr, uint64_t *offset)
{
    struct map_grants *map = calloc(1, sizeof(*map) + nr * sizeof(map->refs[0]));
    if (!map)
        return false;
    map->count = nr;
    for (unsigned i = 0; i < nr; i++)
        map->refs[i] = (struct map_ref){domid, refs[i]};
    int status = ioctl(device, GNTDEV_MAP, map);
    *offset = map->index;
    free(map);
    return status == 0;
}

void gate_withdraw(int device, uint64_t offset, unsigned nr)
{
    struct unmap_grants unmap = {.index = offset, .count = nr};
    int saved = errno;
    ioctl(device, GNTDEV_UNMAP, &unmap);
    errno = saved;
}

static bool ask_offer(unsigned domid, const uint32_t *refs, unsigned nr, uint64_t *offset)
{
    struct ask ask = {.kind = ASK_MAP, .nr = nr, .guest = domid};
    if (nr > ASK_REFS) {
        errno = E2BIG;
        return false;
    }
    memcpy(ask.refs, refs, nr * sizeof(refs[0]));
    return ask_for(&ask, offset, NULL);
}

void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable)
{
    uint64_t offset;
    bool asking = ask_is_needed();
    if (asking ? !ask_offer(domid, refs, nr, &offset)
               : !gate_offer(gntdev(), domid, refs, nr, &offset))
        return NULL;
    void *pages = mmap(NULL, (size_t)nr * GATE_PAGE, PROT_READ | (writable ? PROT_WRITE : 0),
                       MAP_SHARED, gntdev(), (off_t)offset);
    /* The mapping holds the grants from here on; munmap gives them back.  A broker withdraws by
     * itself. */
    if (!asking)
        gate_withdraw(gntdev(), offset, nr);
    return pages == MAP_FAILED ? NULL : pages;
}

void grants_unmap(void *pages, unsigned nr)
{
    munmap(pages, (size_t)nr * GATE_PAGE);
}

void *grants_own(unsigned nr, uint32_t *refs)
{
    static int device = -1; /* the grants end with it */
    void *pages = MAP_FAILED;
    struct own_grants *own = calloc(1, sizeof(*own) + nr * sizeof(own->refs[0]));
    if (!own)
        return NULL;
    if (device < 0)
        device = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
    own->domid = BACKEND_DOMAIN;
    own->flags = GNTALLOC_WRITABLE;
    own->count = nr;
    if (device >= 0 && ioctl(device, GNTALLOC_ALLOC, own) == 0)
        pages = mmap(NULL, (size_t)nr * GATE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device,
                     (off_t)own->index);
    memcpy(refs, own->refs, nr * sizeof(refs[0]));
    free(own);
    return pages == MAP_FAILED ? NULL : pages;
}

bool grants_copy_each(struct grant_copy *copies, unsigned nr)
{
    struct copy_grants all = {nr, copies};
    return nr == 0 || ioctl(gntdev(), GNTDEV_COPY, &all) == 0;
}

bool grants_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest)
{
    struct grant_copy copies[COPY_AT_ONCE];
    if (ask_copies())
        return ask_copy(domid, pieces, nr, to_guest);
    while (nr > 0) {
        unsigned now = nr < COPY_AT_ONCE ? nr : COPY_AT_ONCE;
        memset(copies, 0, now * sizeof(copies[0]));
        for (unsigned i = 0; i < now; i++) {
            struct grant_copy *c = &copies[i];
            union grant_side *theirs = to_guest ? &c->to : &c->from;
            union grant_side *ours = to_guest ? &c->from : &c->to;
            theirs->granted.ref = pieces[i].ref;
            theirs->granted.offset = pieces[i].offset;
            theirs->granted.domid = (uint16_t)domid;
            ours->local = pieces[i].local;
            c->len = pieces[i].len;
            c->flags = to_guest ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
        }
        if (!grants_copy_each(copies, now))
            return false;
        for (unsigned i = 0; i < now; i++) {
            if (copies[i].status != GNTST_okay) {
                errno = EFAULT;
                return false;
            }
        }
        pieces += now;
        nr -= now;
    }
    return true;
}

/* A broker's descriptor can bind no port of another domain, and has one already. */
static bool ask_bind(struct event *event, unsigned domid, uint32_t port)
{
    struct ask ask = {.kind = ASK_BIND, .nr = port, .guest = domid};
    uint64_t local;
    event->fd = -1;
    if (!ask_for(&ask, &local, &event->fd))
        return false;
    event->port = (uint32_t)local;
    return true;
}

/* @only: of which domain it can have ports from then on, whoever holds the descriptor. */
static bool bound(struct event *event, unsigned long request, void *arg,
                  const struct restrict_domid *only)
{
    event->fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (event->fd < 0)
        return false;
    int local = ioctl(event->fd, request, arg);
    if (local < 0 || (only && ioctl(event->fd, EVTCHN_RESTRICT, only) < 0)) {
        int saved = errno;
        event_close(event);
        errno = saved;
        return false;
    }
    event->port = (uint32_t)local;
    return true;
}

bool event_bind(struct event *event, unsigned domid, uint32_t port)
{
    struct bind_interdomain arg = {domid, port};
    struct restrict_domid only = {(uint16_t)domid};
    if (ask_is_needed())
        return ask_bind(event, domid, port);
    return bound(event, EVTCHN_BIND_INTERDOMAIN, &arg, &only);
}

bool event_bind_virq(struct event *event, unsigned virq)
{
    struct bind_virq arg = {virq};
    return bound(event, EVTCHN_BIND_VIRQ, &arg, NULL);
}

void event_close(struct event *event)
{
    if (event->fd >= 0)
        close(event->fd);
    event->fd = -1;
}

bool event_take(const struct event *event)
{
    uint32_t port;
    return read(event->fd, &port, sizeof(port)) == sizeof(port);
}

void event_enable(const struct event *event)
{
    /* It fails only for a port that is gone, of which nothing more is expected. */
    if (write(event->fd, &event->port, sizeof(event->port)) < 0)
        return;
}

void event_notify(const struct event *event)
{
    struct port_only arg = {event->port};
    ioctl(event->fd, EVTCHN_NOTIFY, &arg);
}
