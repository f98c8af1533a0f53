// SPDX-License-Identifier: GPL-2.0-only
/* Lets Debian's xenstored run where there is no Xen: preloaded, it stands in for what the daemon
 * asks of the hypervisor when it starts.  There is one domain, 0, whose ring is a page that nobody
 * writes, so the daemon serves its socket and nothing else.  It makes the daemon the reference that
 * our library and programs are compared with on the host.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

static int something; /* handles point here */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *build, unsigned flags)
{
    return (xc_interface *)&something;
}

int xc_interface_close(xc_interface *xch)
{
    return 0;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
    if (first != 0 || max == 0)
        return 0;
    memset(info, 0, sizeof(*info));
    return 1;
}

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int flags)
{
    return (xenevtchn_handle *)&something;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    static int fd = -1;
    if (fd < 0)
        fd = eventfd(0, 0);
    return fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    return 1;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t port)
{
    return 2;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    return 0;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    return 0;
}

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned flags)
{
    return (xengnttab_handle *)&something;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr)
{
    return 0;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t nr)
{
    return 0;
}

/* The two files by which the kernel tells a daemon where domain 0's ring is. */
int open(const char *path, int flags, ...)
{
    if (strcmp(path, "/proc/xen/xsd_port") == 0) {
        int fd = memfd_create("port", 0);
        if (write(fd, "5\n", 2) != 2)
            return -1;
        lseek(fd, 0, SEEK_SET);
        return fd;
    }
    if (strcmp(path, "/proc/xen/xsd_kva") == 0) {
        int fd = memfd_create("ring", 0);
        return ftruncate(fd, getpagesize()) == 0 ? fd : -1;
    }
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return next(path, flags, mode);
}
