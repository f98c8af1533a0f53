// SPDX-License-Identifier: GPL-2.0-only
/* In place of xenbus/xenstored/xen.c, for tests on a host without Xen: the world of fake_world.h.
 */
#include "../../xenbus/xenstored/xen.h"

#include <errno.h>
#include <sys/mman.h>

#include "fake_world.h"

#define DOM0_PORT 7

static int evtchn = -1;

int xen_open(int old_evtchn)
{
    evtchn = old_evtchn >= 0 ? old_evtchn : fake_evtchn_open();
    return evtchn < 0 ? -errno : 0;
}

int xen_evtchn(void)
{
    return evtchn;
}

struct xenstore_domain_interface *xen_map_ring(uint16_t domid, uint64_t mfn)
{
    return fake_ring(domid);
}

void xen_unmap_ring(struct xenstore_domain_interface *ring)
{
    munmap(ring, 4096);
}

int xen_bind(uint16_t domid, uint32_t port)
{
    return (int)(FAKE_FIRST_PORT + port);
}

int xen_bind_domain_events(void)
{
    return FAKE_VIRQ_PORT;
}

int xen_dom0_port(void)
{
    return DOM0_PORT;
}

void xen_unbind(uint32_t port)
{
}

void xen_notify(uint32_t port)
{
    fake_evtchn_notify(evtchn, port);
}

unsigned xen_pending(uint32_t *ports, unsigned max)
{
    unsigned nr = 0;
    int port;
    while (nr < max && (port = fake_evtchn_pending(evtchn)) >= 0)
        ports[nr++] = (uint32_t)port;
    return nr;
}

void xen_unmask(const uint32_t *ports, unsigned nr)
{
}

struct lister {
    void (*each)(void *arg, uint16_t domid, bool shutdown, bool dying);
    void *arg;
};

static void list_one(void *arg, unsigned domid, enum fake_state state)
{
    const struct lister *l = arg;
    l->each(l->arg, (uint16_t)domid, state == FAKE_SHUTDOWN, state == FAKE_DYING);
}

int xen_domains(void (*each)(void *arg, uint16_t domid, bool shutdown, bool dying), void *arg)
{
    struct lister l = {each, arg};
    fake_domains(list_one, &l);
    return 0;
}

struct wanted {
    uint16_t domid;
    int found;
};

static void find_one(void *arg, unsigned domid, enum fake_state state)
{
    struct wanted *w = arg;
    w->found |= domid == w->domid;
}

int xen_domain_exists(uint16_t domid)
{
    struct wanted w = {domid, 0};
    fake_domains(find_one, &w);
    return w.found;
}
