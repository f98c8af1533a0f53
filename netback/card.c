// SPDX-License-Identifier: GPL-2.0-only
/* One network card in the worker, as its broker (store.c) orders: a port of the switch with queues.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "netback/card.h"

#define COMPLAINTS 20 /* lines about one card; who writes more fills a log */

void card_complain(struct card *card, const char *what)
{
    if (card->complaints++ < COMPLAINTS)
        backend_log(LOG_WARNING, "device %u of domain %u: refused: %s", card->device->id,
                    card->device->guest, what);
}

/* ---- a port of the switch */

static bool join(struct card *card, const struct card_order *order)
{
    static const char *const errors[] = {
        [SWITCH_FULL] = "the network has too many cards",
        [SWITCH_TAKEN] = "another card of the network has its MAC address",
        [SWITCH_BAD_MAC] = "its MAC address is none of a card",
        [SWITCH_BAD_VLAN] = "its VLAN is none",
    };
    struct switch_port_config config = {
        .learns = order->guard.off,
        .vlan = order->vlan,
        .groups = order->groups,
    };
    memcpy(config.mac, order->guard.mac, MAC_LEN);
    enum switch_error error = switch_add(card->worker->net, &config, &card->port);
    if (error != SWITCH_OK) {
        card->port = 0;
        backend_error(card->device, "%s", errors[error]);
        return false;
    }
    card->worker->cards[card->port] = card;
    return true;
}

static void leave(struct card *card)
{
    if (card->port == 0)
        return;
    card->worker->cards[card->port] = NULL;
    switch_remove(card->worker->net, card->port);
    card->port = 0;
}

/* ---- the driver */

static struct card *card_of(struct backend_device *device)
{
    if (device->driver)
        return device->driver;
    struct card *card = calloc(1, sizeof(*card));
    if (!card)
        return NULL;
    card->device = device;
    card->worker = (struct worker *)((char *)device->backend - offsetof(struct worker, backend));
    card->counts = counts_of(card->worker->counts, device->guest, device->id);
    if (!card->counts)
        card->counts = &card->spare;
    device->driver = card;
    return card;
}

static void let_go(struct card *card)
{
    while (card->nr_queues > 0)
        queue_close(card->queue[--card->nr_queues]);
    leave(card);
}

/* What may be changed at any time.  A rate that stays goes on with what was spent. */
static void set_limits(struct card *card, const struct card_order *order)
{
    const struct rate *rate = &order->rate;
    card->guard = order->guard;
    if (rate->per_second == card->rate.per_second && rate->burst_ns == card->rate.burst_ns)
        return;
    card->rate = *rate;
    for (unsigned i = 0; i < card->nr_queues; i++)
        queue_activate(card->queue[i]); /* who waits because of the old rate is not told */
}

static bool open_queues(struct card *card, bool again)
{
    for (unsigned i = 0; i < card->front.nr_queues; i++) {
        if (!queue_open(card, i, &card->front.queue[i], again))
            return false;
    }
    return true;
}

/* The descriptor, if any, is the network's way out, the same for all cards. */
static bool attach(struct backend_device *device, const void *payload, const int *fds, unsigned nr)
{
    const struct card_order *order = payload;
    struct card *card = card_of(device);
    for (unsigned i = 0; i < nr; i++) {
        if (i > 0 || !card || !worker_uplink(card->worker, fds[i]))
            close(fds[i]);
    }
    if (!card)
        return false;
    card->front = order->front;
    if (!order->again)
        journal_forget(card->worker->journal, device->guest, device->id);
    set_limits(card, order);
    if (!join(card, order) || !open_queues(card, order->again)) {
        let_go(card);
        return false;
    }
    backend_log(LOG_INFO, "device %u of domain %u: port %u, %u queues, %s event channels",
                device->id, device->guest, card->port, card->nr_queues,
                card->front.queue[0].tx_port == card->front.queue[0].rx_port ? "single" : "split");
    return true;
}

static void change(struct backend_device *device, const void *payload)
{
    if (device->driver)
        set_limits(device->driver, payload);
}

static void detach(struct backend_device *device)
{
    let_go(device->driver);
}

static void gone(struct backend_device *device)
{
    struct card *card = device->driver;
    if (!card)
        return;
    journal_forget(card->worker->journal, device->guest, device->id);
    counts_end(card->counts);
    free(card);
    device->driver = NULL;
}

const struct ward_driver card_ward = {
    .attach = attach, .change = change, .detach = detach, .gone = gone};
