// SPDX-License-Identifier: GPL-2.0-only
/* Orders carried out: see ward.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/ask.h"
#include "backend/gate.h"
#include "backend/wire.h"
#include "backend/ward.h"

void ward_open(struct backend *backend, unsigned guest)
{
    *backend = (struct backend){.guest = guest};
    ask_over(WARD_ASKS);
    gate_use(WARD_DEVICE);
    void *window = mmap(NULL, WARD_WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, WARD_WINDOW, 0);
    if (window != MAP_FAILED)
        ask_for_copies(window);
}

static struct backend_device **find(struct backend *b, const struct order *order)
{
    struct backend_device **at = &b->devices;
    while (*at && ((*at)->id != order->device || (*at)->guest != order->guest))
        at = &(*at)->next;
    return at;
}

static bool attach(struct backend *b, const struct ward_driver *driver, const struct order *order,
                   const int *fds, unsigned nr)
{
    struct backend_device **at = find(b, order);
    if (!*at) {
        *at = calloc(1, sizeof(**at));
        if (!*at)
            abort(); /* a successor has more */
        (*at)->backend = b;
        (*at)->guest = order->guest;
        (*at)->id = (unsigned)order->device;
    }
    (*at)->attached = driver->attach(*at, order->payload, fds, nr);
    return (*at)->attached;
}

static void remove_device(struct backend_device **at, const struct ward_driver *driver)
{
    struct backend_device *d = *at;
    driver->gone(d);
    *at = d->next;
    free(d);
}

static bool carry_out(struct backend *b, const struct ward_driver *driver,
                      const struct order *order, const int *fds, unsigned nr)
{
    struct backend_device **at = find(b, order);
    if (order->kind == ORDER_ATTACH)
        return attach(b, driver, order, fds, nr);
    if (!*at)
        return true; /* it was served by a process that is gone; or the order is of none */
    switch (order->kind) {
    case ORDER_CHANGE: driver->change(*at, order->payload); break;
    case ORDER_DETACH:
        if ((*at)->attached)
            driver->detach(*at);
        (*at)->attached = false;
        break;
    default: remove_device(at, driver);
    }
    return true;
}

/* The kind of what was carried out; 0: the broker is gone. */
static uint32_t next_order(struct backend *backend, const struct ward_driver *driver)
{
    struct order order;
    int fds[WIRE_FDS];
    unsigned nr;
    if (wire_receive(WARD_ORDERS, &order, sizeof(order), fds, &nr) != sizeof(order))
        return 0;
    int32_t done = carry_out(backend, driver, &order, fds, nr);
    return wire_send(WARD_ORDERS, &done, sizeof(done), NULL, 0) ? order.kind : 0;
}

bool ward_order(struct backend *backend, const struct ward_driver *driver)
{
    return next_order(backend, driver) != 0;
}

bool ward_begin(struct backend *backend, const struct ward_driver *driver)
{
    uint32_t kind;
    do
        kind = next_order(backend, driver);
    while (kind != 0 && kind != ORDER_BEGIN);
    return kind != 0;
}
