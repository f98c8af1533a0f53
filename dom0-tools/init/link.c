// SPDX-License-Identifier: GPL-2.0-only
/* The pages and the event channel that this guest offers to its control domain, by the kernel's
 * devices for programs (xen-gntalloc, xen-evtchn).
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init/init.h"

/* Linux: include/uapi/xen/gntalloc.h, evtchn.h. */
struct alloc_gref {
    uint16_t domid, flags;
    uint32_t count;
    uint64_t index;
    uint32_t refs[CHANNEL_PAGES];
};
/* The number is made with the structure's size for one reference. */
#define ALLOC_GREF     _IOC(_IOC_NONE, 'G', 5, 24)
#define GREF_WRITABLE  1
#define BIND_UNBOUND   _IOC(_IOC_NONE, 'E', 2, 4)
#define NOTIFY         _IOC(_IOC_NONE, 'E', 4, 4)
#define CONTROL_DOMAIN 0
#define DRAIN_MS       10000

static bool share_pages(struct link *l, struct alloc_gref *a)
{
    int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
    void *pages;

    *a = (struct alloc_gref){
        .domid = CONTROL_DOMAIN, .flags = GREF_WRITABLE, .count = CHANNEL_PAGES};
    if (fd < 0 || ioctl(fd, ALLOC_GREF, a) != 0) {
        complain("cannot share pages (xen-gntalloc):");
        return false;
    }
    /* The descriptor stays open: the grants end with it. */
    pages = mmap(NULL, sizeof(*l->pages), PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)a->index);
    if (pages == MAP_FAILED) {
        complain("cannot map shared pages:");
        return false;
    }
    memset(pages, 0, sizeof(*l->pages));
    l->pages = pages;
    return true;
}

bool link_open(struct link *l)
{
    uint32_t domid = CONTROL_DOMAIN;
    char text[CHANNEL_LONGEST];
    struct alloc_gref a;
    size_t len;
    int port;

    if (!share_pages(l, &a))
        return false;
    l->event = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    port = l->event < 0 ? -1 : ioctl(l->event, BIND_UNBOUND, &domid);
    if (port < 0) {
        complain("no event channel (xen-evtchn):");
        return false;
    }
    l->port = (uint32_t)port;
    l->in = pipe_to_guest(l->pages);
    l->out = pipe_from_guest(l->pages);
    len = (size_t)snprintf(text, sizeof(text), "%u", l->port);
    for (unsigned i = 0; i < CHANNEL_PAGES; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " %u", a.refs[i]);
    return store_write(NODE_CHANNEL, text);
}

void link_notify(const struct link *l)
{
    uint32_t port = l->port;

    ioctl(l->event, NOTIFY, &port);
}

void link_attend(const struct link *l)
{
    uint32_t port;

    /* Written back, it is unmasked. */
    if (read(l->event, &port, sizeof(port)) == sizeof(port) &&
        write(l->event, &port, sizeof(port)) != sizeof(port))
        complain("event channel:");
}

void link_drain(const struct link *l)
{
    for (int waited = 0; !pipe_empty(&l->out) && waited < DRAIN_MS; waited += 10)
        poll(NULL, 0, 10);
}
