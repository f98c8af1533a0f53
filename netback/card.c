// SPDX-License-Identifier: GPL-2.0-only
/* One network card as a device of the store, and as a port of the switch. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "backend/node.h"
#include "netback/card.h"
#include "netback/rate.h"

#define COMPLAINTS 20 /* lines about one card; who writes more fills a log */

void card_complain(struct card *card, const char *what)
{
    if (card->complaints++ < COMPLAINTS)
        syslog(LOG_WARNING, "device %u of domain %u: refused: %s", card->device->id,
               card->device->guest, what);
}

/* ---- what the toolstack wants */

static char *node(struct backend_device *device, const char *name)
{
    return node_read(device->backend->store, device->path, name);
}

static uint64_t wanted(struct backend_device *device, const char *name, uint64_t max,
                       uint64_t otherwise)
{
    uint64_t value = otherwise;
    bool there = node_number(device->backend->store, device->path, name, max, &value);
    if (!there && errno != ENOENT)
        backend_error(device, "the node '%s' is no number up to %llu and means nothing", name,
                      (unsigned long long)max);
    return there ? value : otherwise;
}

/* The network that a card is in: its node `network`, or the bridge's name. */
static bool mine(struct backend_device *device)
{
    const struct worker *worker =
        (struct worker *)((char *)device->backend - offsetof(struct worker, backend));
    char *network = node(device, "network");
    if (!network)
        network = node(device, "bridge");
    bool is = network && strcmp(network, worker->network) == 0;
    free(network);
    return is;
}

/* Who waits because of the old rate is not told by its guest. */
static void new_rate(struct card *card, const struct rate *rate)
{
    card->rate = *rate;
    for (unsigned i = 0; i < card->nr_queues; i++)
        queue_activate(card->queue[i]);
}

/* What may be changed at any time: the rate and the addresses.  False: the addresses cannot be
 * read, and the guard stays as it was, since none would mean any. */
static bool set_limits(struct card *card)
{
    struct rate rate;
    struct guard guard = card->guard;
    char *text = node(card->device, "rate");
    rate_parse(&rate, text ? text : "0,0");
    if (rate.per_second != card->rate.per_second || rate.burst_ns != card->rate.burst_ns)
        new_rate(card, &rate);
    free(text);
    text = node(card->device, "ip");
    bool known = text || errno == ENOENT;
    guard.nr_addresses = 0;
    guard.off = !wanted(card->device, "guard", 1, 1);
    bool good = known && (!text || !*text || guard_parse_addresses(&guard, text));
    if (good)
        card->guard = guard;
    else
        backend_error(card->device, "the node 'ip' has no list of at most %d addresses: %s",
                      GUARD_ADDRESSES, known ? text : "it cannot be read");
    free(text);
    return good;
}

static bool join(struct card *card)
{
    static const char *const errors[] = {
        [SWITCH_FULL] = "the network has too many cards",
        [SWITCH_TAKEN] = "another card of the network has its MAC address",
        [SWITCH_BAD_MAC] = "its MAC address is none of a card",
        [SWITCH_BAD_VLAN] = "its VLAN is none",
    };
    char *mac = node(card->device, "mac");
    bool good = mac && guard_parse_mac(card->guard.mac, mac);
    free(mac);
    if (!good) {
        backend_error(card->device, "the node 'mac' with an address such as 00:16:3e:00:00:01 is "
                                    "needed");
        return false;
    }
    uint64_t vlan = 0;
    if (!node_number(card->device->backend->store, card->device->path, "vlan", VLAN_MAX, &vlan) &&
        errno != ENOENT) {
        backend_error(card->device, "the node 'vlan' is no number up to %u", VLAN_MAX);
        return false; /* without it the card would be in another network */
    }
    struct switch_port_config config = {
        .learns = card->guard.off,
        .vlan = (uint16_t)vlan,
        .groups = wanted(card->device, "broadcasts", UINT32_MAX, SWITCH_GROUPS),
    };
    memcpy(config.mac, card->guard.mac, MAC_LEN);
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

static bool offer(struct backend_device *device, xs_transaction_t t)
{
    static const struct {
        const char *name;
        unsigned value;
    } keys[] = {
        {"feature-sg", 1},
        {"feature-gso-tcpv4", 1},
        {"feature-gso-tcpv6", 1},
        {"feature-ipv6-csum-offload", 1},
        {"feature-rx-copy", 1},
        {"feature-rx-flip", 0},
        {"feature-split-event-channels", 1},
        {"multi-queue-max-queues", FRONT_MAX_QUEUES},
    };
    struct card *card = card_of(device);
    if (!card)
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!node_write(device->backend->store, t, device->path, keys[i].name, "%u", keys[i].value))
            return false;
    }
    return true;
}

static void let_go(struct card *card)
{
    while (card->nr_queues > 0)
        queue_close(card->queue[--card->nr_queues]);
    leave(card);
}

static bool attach(struct backend_device *device, bool again)
{
    struct card *card = card_of(device);
    const char *why;
    if (!card)
        return false;
    if (!front_read(device->backend->store, device->front, &card->front, &why)) {
        backend_error(device, "the guest's node '%s' is missing or makes no sense", why);
        return false;
    }
    if (!again)
        journal_forget(card->worker->journal, device->guest, device->id);
    if (!set_limits(card))
        return false;
    /* Who takes over does not take a guest's card away because the bridge has gone meanwhile. */
    if (!join(card) || (!worker_uplink(card->worker, device) && !again))
        goto fail;
    for (unsigned i = 0; i < card->front.nr_queues; i++) {
        if (!queue_open(card, i, &card->front.queue[i], again))
            goto fail;
    }
    syslog(LOG_INFO, "device %u of domain %u: port %u, %u queues, %s event channels", device->id,
           device->guest, card->port, card->nr_queues,
           card->front.queue[0].tx_port == card->front.queue[0].rx_port ? "single" : "split");
    return true;
fail:
    let_go(card);
    return false;
}

static void detach(struct backend_device *device)
{
    let_go(device->driver);
}

static void changed(struct backend_device *device)
{
    if (device->driver)
        set_limits(device->driver);
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

const struct backend_driver card_driver = {
    .kind = "pvnet",
    .mine = mine,
    .offer = offer,
    .attach = attach,
    .detach = detach,
    .changed = changed,
    .gone = gone,
};
