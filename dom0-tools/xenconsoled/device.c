// SPDX-License-Identifier: GPL-2.0-only
/* /dev/xen/evtchn, gntdev and privcmd: see device.h.  Numbers and structures are those of Linux's
 * drivers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/sysctl.h"
#include "abi/xen.h"
#include "xenconsoled/device.h"

#define PAGE_SIZE 4096

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
struct map_grant {
    uint32_t count;
    uint32_t pad;
    uint64_t index;
    uint32_t domid;
    uint32_t ref;
};
struct unmap_grant {
    uint64_t index;
    uint32_t count;
    uint32_t pad;
};
struct hypercall {
    uint64_t op;
    uint64_t arg[5];
};
#define EVTCHN_BIND_VIRQ        _IOC(_IOC_NONE, 'E', 0, sizeof(struct bind_virq))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct bind_interdomain))
#define EVTCHN_NOTIFY           _IOC(_IOC_NONE, 'E', 4, sizeof(struct port_only))
#define GNTDEV_MAP_GRANT_REF    _IOC(_IOC_NONE, 'G', 0, sizeof(struct map_grant))
#define GNTDEV_UNMAP_GRANT_REF  _IOC(_IOC_NONE, 'G', 1, sizeof(struct unmap_grant))
#define PRIVCMD_HYPERCALL       _IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))

static bool bound(struct event *event, unsigned long request, void *arg)
{
    event->fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (event->fd < 0)
        return false;
    int port = ioctl(event->fd, request, arg);
    if (port < 0) {
        int saved = errno;
        event_close(event);
        errno = saved;
        return false;
    }
    event->port = (uint32_t)port;
    return true;
}

bool event_bind(struct event *event, unsigned domid, unsigned port)
{
    struct bind_interdomain arg = {domid, port};
    return bound(event, EVTCHN_BIND_INTERDOMAIN, &arg);
}

bool event_bind_virq(struct event *event, unsigned virq)
{
    struct bind_virq arg = {virq};
    return bound(event, EVTCHN_BIND_VIRQ, &arg);
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

static int gntdev(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
    return fd;
}

void *page_map(unsigned domid, unsigned ref)
{
    struct map_grant map = {.count = 1, .domid = domid, .ref = ref};
    if (ioctl(gntdev(), GNTDEV_MAP_GRANT_REF, &map) < 0)
        return NULL;
    void *page =
        mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev(), (off_t)map.index);
    int saved = errno;
    /* The mapping holds the grant from here on; munmap gives it back. */
    struct unmap_grant unmap = {.index = map.index, .count = 1};
    ioctl(gntdev(), GNTDEV_UNMAP_GRANT_REF, &unmap);
    errno = saved;
    return page == MAP_FAILED ? NULL : page;
}

void page_unmap(void *page)
{
    munmap(page, PAGE_SIZE);
}

int hypervisor_log(char *text, unsigned size, uint32_t *index)
{
    static int fd = -1;
    static struct xen_sysctl
        *op; /* a page that stays in memory while the hypervisor writes to it, then the text */
    char *buffer;
    if (fd < 0) {
        fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
        void *pages = mmap(NULL, PAGE_SIZE + size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
        if (fd < 0 || pages == MAP_FAILED)
            return -1;
        op = pages;
    }
    buffer = (char *)op + PAGE_SIZE;
    memset(op, 0, sizeof(*op));
    op->cmd = XEN_SYSCTL_readconsole;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    op->u.readconsole.incremental = 1;
    op->u.readconsole.index = *index;
    op->u.readconsole.count = size;
    *(uint64_t *)&op->u.readconsole.buffer = (uintptr_t)buffer;
    struct hypercall call = {.op = __HYPERVISOR_sysctl, .arg = {(uintptr_t)op}};
    if (ioctl(fd, PRIVCMD_HYPERCALL, &call) < 0)
        return -1;
    *index = op->u.readconsole.index;
    memcpy(text, buffer, op->u.readconsole.count);
    return (int)op->u.readconsole.count;
}
