// SPDX-License-Identifier: GPL-2.0-only
/* Lets Debian's xenstored run on the host, without a hypervisor: preloaded, this takes the place of
 * the functions of libxenctrl, libxenevtchn and libxengnttab that it calls.  The world is
 * fake_world.h's.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define XC_WANT_COMPAT_MAP_FOREIGN_API
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "fake_world.h"

static int evtchn = -1;

static void *handle(void)
{
    return &evtchn;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *builder,
                                unsigned flags)
{
    return handle();
}

int xc_interface_close(xc_interface *xch)
{
    return 0;
}

struct list {
    xc_dominfo_t *info;
    unsigned first, max, nr;
};

static void add(void *arg, unsigned domid, enum fake_state state)
{
    struct list *list = arg;
    if (domid < list->first || list->nr == list->max)
        return;
    xc_dominfo_t *info = &list->info[list->nr++];
    memset(info, 0, sizeof(*info));
    info->domid = domid;
    info->shutdown = state == FAKE_SHUTDOWN;
    info->dying = state == FAKE_DYING;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned max, xc_dominfo_t *info)
{
    struct list list = {info, first, max, 0};
    fake_domains(add, &list);
    return (int)list.nr;
}

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned flags)
{
    evtchn = fake_evtchn_open();
    return evtchn < 0 ? NULL : handle();
}

xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *logger, int fd, unsigned flags)
{
    evtchn = fd;
    return handle();
}

int xenevtchn_fd(xenevtchn_handle *h)
{
    return evtchn;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
    fake_evtchn_notify(evtchn, port);
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
                                                     evtchn_port_t port)
{
    return (int)(FAKE_FIRST_PORT + port);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned virq)
{
    return FAKE_VIRQ_PORT;
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
    return fake_evtchn_pending(evtchn);
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
    return 0;
}

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
    return handle();
}

int xengnttab_close(xengnttab_handle *h)
{
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t count)
{
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref, int prot)
{
    return fake_ring(domid);
}

int xengnttab_unmap(xengnttab_handle *h, void *start, uint32_t count)
{
    return munmap(start, 4096);
}

/* dom0's ring and port come from files of its kernel: from $FAKE_XEN instead. */
static int fake_open(const char *path, int flags, va_list list)
{
    static int (*real)(const char *path, int flags, ...);
    char instead[256];
    if (!real)
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    if (strcmp(path, "/proc/xen/xsd_kva") == 0) {
        snprintf(instead, sizeof(instead), "%s/ring-0", getenv("FAKE_XEN"));
        path = instead;
    } else if (strcmp(path, "/proc/xen/xsd_port") == 0) {
        snprintf(instead, sizeof(instead), "%s/port", getenv("FAKE_XEN"));
        path = instead;
    }
    return real(path, flags, flags & O_CREAT ? va_arg(list, unsigned) : 0);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int fd = fake_open(path, flags, list);
    va_end(list);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int fd = fake_open(path, flags, list);
    va_end(list);
    return fd;
}
