// SPDX-License-Identifier: GPL-2.0-only
/* One network card as a device of the store, in the broker: what the toolstack wants, what the
 * guest has published, and the network's way out.  What is served is told to the worker (card.c),
 * with the descriptor of the TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "backend/node.h"
#include "netback/order.h"
#include "netback/rate.h"
#include "netback/switch.h"

#define BUSY_TRIES   500
#define BUSY_WAIT_US 10000
#define LONG_MS      1000   /* of a try to have a way out, ... */
#define RETRY_MS     10000  /* ... after which, if it failed, there is none for so long */
#define MAX_MTU      65521u /* the largest packet without its Ethernet header */

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
    const struct network *net = (struct network *)device->backend;
    char *network = node(device, "network");
    if (!network)
        network = node(device, "bridge");
    bool is = network && strcmp(network, net->name) == 0;
    free(network);
    return is;
}

/* What may be changed at any time: the rate and the addresses.  False: the addresses cannot be
 * read, and the guard stays as it was, since none would mean any. */
static bool read_limits(struct backend_device *device, struct card_order *order)
{
    struct guard guard = order->guard;
    char *text = node(device, "rate");
    rate_parse(&order->rate, text ? text : "0,0");
    free(text);
    text = node(device, "ip");
    bool known = text || errno == ENOENT;
    memset(guard.addresses, 0, sizeof(guard.addresses));
    guard.nr_addresses = 0;
    guard.off = !wanted(device, "guard", 1, 1);
    bool good = known && (!text || !*text || guard_parse_addresses(&guard, text));
    if (good)
        order->guard = guard;
    else
        backend_error(device, "the node 'ip' has no list of at most %d addresses: %s",
                      GUARD_ADDRESSES, known ? text : "it cannot be read");
    free(text);
    return good;
}

static bool same_limits(const struct card_order *a, const struct card_order *b)
{
    return a->rate.per_second == b->rate.per_second && a->rate.burst_ns == b->rate.burst_ns &&
           a->guard.off == b->guard.off && a->guard.nr_addresses == b->guard.nr_addresses &&
           memcmp(a->guard.addresses, b->guard.addresses, sizeof(a->guard.addresses)) == 0;
}

static bool read_wishes(struct backend_device *device, struct card_order *order)
{
    char *mac = node(device, "mac");
    bool good = mac && guard_parse_mac(order->guard.mac, mac);
    free(mac);
    if (!good) {
        backend_error(device, "the node 'mac' with an address such as 00:16:3e:00:00:01 is needed");
        return false;
    }
    uint64_t vlan = 0;
    if (!node_number(device->backend->store, device->path, "vlan", VLAN_MAX, &vlan) &&
        errno != ENOENT) {
        backend_error(device, "the node 'vlan' is no number up to %u", VLAN_MAX);
        return false; /* without it the card would be in another network */
    }
    order->vlan = (uint16_t)vlan;
    order->groups = wanted(device, "broadcasts", UINT32_MAX, SWITCH_GROUPS);
    return read_limits(device, order);
}

/* ---- the way out */

/* The name of the TAP: that of the network as far as it goes, and something of it all, since two
 * long names may begin alike. */
static void name_tap(const char *network, char name[UPLINK_NAME])
{
    uint32_t hash = 2166136261u;
    for (const char *at = network; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    if (strlen(network) + 2 < UPLINK_NAME)
        snprintf(name, UPLINK_NAME, "pv%s", network);
    else
        snprintf(name, UPLINK_NAME, "pv%.6s-%06x", network, hash & 0xffffff);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void forget_config(struct uplink_config *config)
{
    free((char *)(uintptr_t)config->bridge);
    free((char *)(uintptr_t)config->script);
    free((char *)(uintptr_t)config->path);
    *config = (struct uplink_config){0};
}

/* Opens it as the nodes of @device say, on @bridge, which is the configuration's afterwards: it
 * lives as long as the uplink, which is as long as the process.  A predecessor's TAP may be there
 * for a moment after its death. */
static bool open_uplink(struct network *net, struct backend_device *device, char *bridge)
{
    uint64_t mtu = 0;
    int error;
    char *script = node(device, "script");
    node_number(device->backend->store, device->path, "mtu", MAX_MTU, &mtu);
    name_tap(net->name, net->tap);
    if (script && !*script) {
        free(script);
        script = NULL;
    }
    net->config = (struct uplink_config){.name = net->tap,
                                         .bridge = bridge,
                                         .mtu = (unsigned)mtu,
                                         .queues = 1,
                                         .script = script,
                                         .path = strdup(device->path)};
    for (int i = 0; (error = uplink_open(&net->uplink, &net->config, net->why)) == -EBUSY; i++) {
        if (i == BUSY_TRIES)
            break;
        usleep(BUSY_WAIT_US);
    }
    if (error == 0) {
        syslog(LOG_INFO, "network %s: %s on bridge %s", net->name, net->tap, bridge);
        return true;
    }
    net->uplink.nr_fds = 0;
    forget_config(&net->config);
    return false;
}

/* The way out, if the nodes of @device name a bridge and there is none yet; false: the reason has
 * been told.  Other people's programs may take seconds to fail, and a guest can come as often as it
 * likes: after that a new try is made in a while only. */
static bool have_uplink(struct network *net, struct backend_device *device)
{
    char *bridge = node(device, "bridge");
    if (!bridge || !*bridge) {
        free(bridge);
        return true; /* cards reach each other only */
    }
    uint64_t begun = now_ms();
    bool good = false;
    if (begun < net->next_try) {
        free(bridge);
    } else if (net->uplink.nr_fds == 0) {
        good = open_uplink(net, device, bridge);
    } else {
        free(bridge);
        good = uplink_mend(&net->uplink, net->why) == 0;
    }
    if (good)
        return true;
    if (now_ms() - begun >= LONG_MS)
        net->next_try = now_ms() + RETRY_MS;
    backend_error(device, "%s", net->why);
    return false;
}

void network_end(struct network *net)
{
    if (net->uplink.nr_fds == 0)
        return;
    uplink_close(&net->uplink);
    net->uplink.nr_fds = 0;
    forget_config(&net->config);
}

/* ---- the driver */

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
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!node_write(device->backend->store, t, device->path, keys[i].name, "%u", keys[i].value))
            return false;
    }
    return true;
}

/* What the worker knows of it, while it is attached. */
static struct card_order *told_of(struct backend_device *device)
{
    if (!device->driver)
        device->driver = calloc(1, sizeof(struct card_order));
    return device->driver;
}

static bool attach(struct backend_device *device, bool again)
{
    struct network *net = (struct network *)device->backend;
    struct card_order *told = told_of(device);
    struct card_order order = {.again = again};
    const char *why;
    if (!told)
        return false;
    if (!front_read(device->backend->store, device->front, &order.front, &why)) {
        backend_error(device, "the guest's node '%s' is missing or makes no sense", why);
        return false;
    }
    /* Who takes over does not take a guest's card away because the bridge has gone meanwhile. */
    if (!read_wishes(device, &order) || (!have_uplink(net, device) && !again))
        return false;
    *told = order;
    return broker_order(device, ORDER_ATTACH, &order, sizeof(order), net->uplink.fds,
                        net->uplink.nr_fds);
}

static void detach(struct backend_device *device)
{
    broker_order(device, ORDER_DETACH, NULL, 0, NULL, 0);
}

static void changed(struct backend_device *device)
{
    struct card_order *told = device->driver;
    if (!told || !device->attached)
        return;
    struct card_order order = *told;
    read_limits(device, &order);
    if (same_limits(told, &order))
        return;
    broker_order(device, ORDER_CHANGE, &order, sizeof(order), NULL, 0);
    *told = order;
}

static void gone(struct backend_device *device)
{
    broker_order(device, ORDER_GONE, NULL, 0, NULL, 0);
    free(device->driver);
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
