// SPDX-License-Identifier: GPL-2.0-only
/* Guests without a hypervisor, for back ends on the host (xenbus/backend/gate.h): a directory,
 * $FAKE_GUEST, with
 *   memory       the guest's memory; reference n grants page n, for as many pages as there are; if
 *                there are several guests, each has $FAKE_PAGES of it, the first is $FAKE_FIRST
 *   port-N-back  and port-N-front, pipes: a byte in the first is an event for the back end
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/xen.h"
#include "abi/grant_table.h"
#include "backend/ask.h"
#include "backend/gate.h"

#define FRONT 0x10000u /* added to a port that is asked for: the other pipe */

static int front_of[1024]; /* by the descriptor of the other pipe */
static int used = -1;
static uint64_t nr_pages; /* of each guest */
static unsigned first_guest;

static int open_one(const char *name, int flags)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_GUEST"), name);
    return open(path, flags | O_CLOEXEC);
}

static int memory(uint64_t *pages)
{
    if (used < 0)
        gate_use(gate_device());
    *pages = nr_pages;
    return used;
}

/* Where a page is in the file. */
static off_t place_of(unsigned domid, uint32_t ref)
{
    uint64_t before = first_guest ? domid - first_guest : 0;
    return (off_t)((before * nr_pages + ref) * GATE_PAGE);
}

const unsigned long *gate_ioctls(void)
{
    static const unsigned long none[] = {0};
    return none;
}

int gate_device(void)
{
    return open_one("memory", O_RDWR);
}

void gate_use(int device)
{
    struct stat st;
    used = device;
    if (used < 0 || fstat(used, &st) != 0) /* which a jail would not let us do later */
        abort();
    nr_pages = (uint64_t)st.st_size / GATE_PAGE;
    if (getenv("FAKE_PAGES")) {
        nr_pages = strtoull(getenv("FAKE_PAGES"), NULL, 10);
        first_guest = (unsigned)atoi(getenv("FAKE_FIRST"));
    }
}

bool gate_offer(int device, unsigned domid, const uint32_t *refs, unsigned nr, uint64_t *offset)
{
    uint64_t pages;
    memory(&pages);
    *offset = 0;
    for (unsigned i = 0; i < nr; i++) {
        if (refs[i] >= pages) {
            errno = EINVAL;
            return false;
        }
    }
    return true;
}

void gate_withdraw(int device, uint64_t offset, unsigned nr)
{
}

void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable)
{
    uint64_t pages;
    int fd = memory(&pages);
    int rights = PROT_READ | (writable ? PROT_WRITE : 0);
    struct ask ask = {.kind = ASK_MAP, .nr = nr, .guest = domid};
    if (nr > ASK_REFS)
        abort();
    memcpy(ask.refs, refs, nr * sizeof(refs[0]));
    if (ask_is_needed() ? !ask_for(&ask, NULL, NULL) : !gate_offer(fd, domid, refs, nr, &pages))
        return NULL;
    uint8_t *at = mmap(NULL, (size_t)nr * GATE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; at != MAP_FAILED && i < nr; i++)
        mmap(at + (size_t)i * GATE_PAGE, GATE_PAGE, rights, MAP_SHARED | MAP_FIXED, fd,
             place_of(domid, refs[i]));
    return at == MAP_FAILED ? NULL : at;
}

void grants_unmap(void *pages, unsigned nr)
{
    munmap(pages, (size_t)nr * GATE_PAGE);
}

bool grants_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest)
{
    uint64_t pages;
    int fd = memory(&pages);
    if (ask_copies())
        return ask_copy(domid, pieces, nr, to_guest);
    for (unsigned i = 0; i < nr; i++) {
        const struct grant_piece *p = &pieces[i];
        off_t at = place_of(domid, p->ref) + p->offset;
        /* What the hypervisor would refuse, or worse. */
        if (p->offset + p->len > GATE_PAGE)
            abort();
        if (p->ref >= pages || (to_guest ? pwrite(fd, p->local, p->len, at)
                                         : pread(fd, p->local, p->len, at)) != p->len) {
            errno = EFAULT;
            return false;
        }
    }
    return true;
}

static uint8_t *own; /* references from OWN_REF on */
static unsigned own_pages;
#define OWN_REF 0x100000u

void *grants_own(unsigned nr, uint32_t *refs)
{
    for (unsigned i = 0; i < nr; i++)
        refs[i] = OWN_REF + i;
    own_pages = nr;
    return own = aligned_alloc(GATE_PAGE, (size_t)nr * GATE_PAGE);
}

/* One side of a copy is brought here, or from here. */
static bool move(const union grant_side *side, bool granted, void *here, size_t len, bool out)
{
    uint64_t pages;
    uint8_t *local = side->local;
    if (granted && side->granted.domid == DOMID_SELF) {
        if (side->granted.ref - OWN_REF >= own_pages || side->granted.offset + len > GATE_PAGE)
            abort();
        local = own + (size_t)(side->granted.ref - OWN_REF) * GATE_PAGE + side->granted.offset;
        granted = false;
    }
    if (!granted) {
        memcpy(out ? local : here, out ? here : local, len);
        return true;
    }
    int fd = memory(&pages);
    off_t at = place_of(side->granted.domid, side->granted.ref) + side->granted.offset;
    if (side->granted.offset + len > GATE_PAGE)
        abort();
    return side->granted.ref < pages &&
           (out ? pwrite(fd, here, len, at) : pread(fd, here, len, at)) == (ssize_t)len;
}

bool grants_copy_each(struct grant_copy *copies, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        struct grant_copy *c = &copies[i];
        uint8_t *here = malloc(c->len ? c->len : 1);
        bool done = move(&c->from, c->flags & GNTCOPY_source_gref, here, c->len, false) &&
                    move(&c->to, c->flags & GNTCOPY_dest_gref, here, c->len, true);
        c->status = done ? GNTST_okay : GNTST_bad_gntref;
        if ((c->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref)) == 0)
            abort();
        free(here);
    }
    return true;
}

static int open_pipe(uint32_t port, const char *end)
{
    char name[32];
    snprintf(name, sizeof(name), "port-%u-%s", port, end);
    return open_one(name, O_RDWR | O_NONBLOCK);
}

static int ask_pipe(unsigned domid, uint32_t port)
{
    struct ask ask = {.kind = ASK_BIND, .nr = port, .guest = domid};
    int fd;
    return ask_for(&ask, NULL, &fd) ? fd : -1;
}

/* A broker binds one pipe at a time, since an answer has one descriptor. */
bool event_bind(struct event *event, unsigned domid, uint32_t port)
{
    event->port = port;
    if (port >= FRONT)
        return (event->fd = open_pipe(port - FRONT, "front")) >= 0;
    event->fd = ask_is_needed() ? ask_pipe(domid, port) : open_pipe(port, "back");
    if (event->fd < 0)
        return false;
    if (event->fd >= (int)(sizeof(front_of) / sizeof(front_of[0])))
        abort();
    front_of[event->fd] =
        ask_is_needed() ? ask_pipe(domid, port + FRONT) : open_pipe(port, "front");
    return front_of[event->fd] >= 0;
}

void event_close(struct event *event)
{
    if (event->fd < 0)
        return;
    if (front_of[event->fd] > 0)
        close(front_of[event->fd]);
    front_of[event->fd] = 0;
    close(event->fd);
    event->fd = -1;
}

bool event_take(const struct event *event)
{
    char bytes[256];
    return read(event->fd, bytes, sizeof(bytes)) > 0;
}

void event_enable(const struct event *event)
{
    (void)event;
}

void event_notify(const struct event *event)
{
    /* A full pipe has events enough. */
    if (write(front_of[event->fd], "", 1) < 0)
        return;
}
