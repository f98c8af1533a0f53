// SPDX-License-Identifier: GPL-2.0-only
/* The hypervisor through Linux' device nodes: see xen.h.  The ioctl numbers and structures are
 * those of Linux' drivers (drivers/xen/privcmd.c, evtchn.c, gntdev.c, xenfs); the hypercalls are
 * Xen 4.17's.
 */
#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "abi/sysctl.h"
#include "abi/xen.h"

#define PAGE 4096

/* privcmd: one hypercall. */
struct ioctl_hypercall {
    uint64_t op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct ioctl_hypercall))

/* evtchn */
struct ioctl_bind_virq {
    unsigned virq;
};
struct ioctl_bind_interdomain {
    unsigned remote_domain, remote_port;
};
struct ioctl_port {
    unsigned port;
};
#define IOCTL_EVTCHN_BIND_VIRQ        _IOC(_IOC_NONE, 'E', 0, sizeof(struct ioctl_bind_virq))
#define IOCTL_EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct ioctl_bind_interdomain))
#define IOCTL_EVTCHN_UNBIND           _IOC(_IOC_NONE, 'E', 3, sizeof(struct ioctl_port))
#define IOCTL_EVTCHN_NOTIFY           _IOC(_IOC_NONE, 'E', 4, sizeof(struct ioctl_port))

/* gntdev: one grant; its mapping is found by the index, an offset into the device. */
struct ioctl_map {
    uint32_t count, pad;
    uint64_t index;
    uint32_t domid, ref;
};
#define IOCTL_GNTDEV_MAP_GRANT_REF _IOC(_IOC_NONE, 'G', 0, sizeof(struct ioctl_map))
struct ioctl_unmap {
    uint64_t index;
    uint32_t count, pad;
};
#define IOCTL_GNTDEV_UNMAP_GRANT_REF _IOC(_IOC_NONE, 'G', 1, sizeof(struct ioctl_unmap))

#define DOMAINS_AT_ONCE 64

static int evtchn = -1, gntdev = -1, privcmd = -1;
/* Argument and results of sysctl, in a page that is locked while the hypervisor writes to it. */
static struct {
    struct xen_sysctl op;
    struct xen_domctl_getdomaininfo info[DOMAINS_AT_ONCE];
} * call;

int xen_open(int old_evtchn)
{
    size_t size = (sizeof(*call) + PAGE - 1) & ~(size_t)(PAGE - 1);
    evtchn =
        old_evtchn >= 0 ? old_evtchn : open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (evtchn < 0 || gntdev < 0 || privcmd < 0)
        return -errno;
    call =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    return call == MAP_FAILED ? -errno : 0;
}

int xen_evtchn(void)
{
    return evtchn;
}

struct xenstore_domain_interface *xen_map_ring(uint16_t domid, uint64_t mfn)
{
    void *page;
    if (domid == 0) {
        int fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return NULL;
        page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        return page == MAP_FAILED ? NULL : page;
    }
    /* The toolstack made the grant; the frame's number is not needed. */
    struct ioctl_map map = {.count = 1, .domid = domid, .ref = GNTTAB_RESERVED_XENSTORE};
    if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &map) < 0)
        return NULL;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev, (off_t)map.index);
    int error = errno;
    /* The mapping keeps the grant by itself; with the index given back nothing is left to remember.
     */
    struct ioctl_unmap unmap = {.index = map.index, .count = 1};
    ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
    errno = error;
    return page == MAP_FAILED ? NULL : page;
}

void xen_unmap_ring(struct xenstore_domain_interface *ring)
{
    munmap(ring, PAGE);
}

int xen_bind(uint16_t domid, uint32_t port)
{
    struct ioctl_bind_interdomain bind = {domid, port};
    int local = ioctl(evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
    return local < 0 ? -errno : local;
}

int xen_bind_domain_events(void)
{
    struct ioctl_bind_virq bind = {VIRQ_DOM_EXC};
    int local = ioctl(evtchn, IOCTL_EVTCHN_BIND_VIRQ, &bind);
    return local < 0 ? -errno : local;
}

int xen_dom0_port(void)
{
    int port = -1;
    FILE *f = fopen("/proc/xen/xsd_port", "re");
    if (!f)
        return -errno;
    if (fscanf(f, "%d", &port) != 1 || port <= 0)
        port = -EIO;
    fclose(f);
    return port;
}

void xen_unbind(uint32_t port)
{
    struct ioctl_port arg = {port};
    ioctl(evtchn, IOCTL_EVTCHN_UNBIND, &arg);
}

void xen_notify(uint32_t port)
{
    struct ioctl_port arg = {port};
    ioctl(evtchn, IOCTL_EVTCHN_NOTIFY, &arg);
}

unsigned xen_pending(uint32_t *ports, unsigned max)
{
    ssize_t n = read(evtchn, ports, max * sizeof(*ports));
    return n > 0 ? (unsigned)(n / (ssize_t)sizeof(*ports)) : 0;
}

void xen_unmask(const uint32_t *ports, unsigned nr)
{
    if (write(evtchn, ports, nr * sizeof(*ports)) < 0)
        return; /* a port that was unbound meanwhile: there is nothing to unmask */
}

/* Domains from @first on: how many of them are in call->info, or -errno. */
static int domain_list(uint16_t first)
{
    struct ioctl_hypercall hypercall = {.op = __HYPERVISOR_sysctl, .arg = {(uintptr_t)call}};
    memset(call, 0, sizeof(*call));
    call->op.cmd = XEN_SYSCTL_getdomaininfolist;
    call->op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    call->op.u.getdomaininfolist.first_domain = first;
    call->op.u.getdomaininfolist.max_domains = DOMAINS_AT_ONCE;
    *(uint64_t *)&call->op.u.getdomaininfolist.buffer = (uintptr_t)call->info;
    if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall) < 0)
        return -errno;
    return (int)call->op.u.getdomaininfolist.num_domains;
}

int xen_domains(void (*each)(void *arg, uint16_t domid, bool shutdown, bool dying), void *arg)
{
    uint16_t first = 0;
    int nr;
    do {
        nr = domain_list(first);
        for (int i = 0; i < nr; i++) {
            uint32_t flags = call->info[i].flags;
            first = (uint16_t)(call->info[i].domain + 1);
            each(arg, call->info[i].domain, flags & XEN_DOMINF_shutdown, flags & XEN_DOMINF_dying);
        }
    } while (nr == DOMAINS_AT_ONCE);
    return nr < 0 ? nr : 0;
}

int xen_domain_exists(uint16_t domid)
{
    int nr = domain_list(domid);
    return nr < 0 ? nr : nr > 0 && call->info[0].domain == domid;
}
