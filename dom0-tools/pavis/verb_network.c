// SPDX-License-Identifier: GPL-2.0-only
/* pavis network-attach, network-detach, network-list: the network cards of a guest that runs. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pavis/hotplug.h"
#include "pavis/json.h"

int verb_network_attach(struct session *s, int argc, char **argv)
{
    return hot_attach(s, argc, argv, SORT_NIC);
}

int verb_network_detach(struct session *s, int argc, char **argv)
{
    return hot_detach(s, argc, argv, SORT_NIC);
}

static void json_nic(json j, struct xs_handle *xs, const struct device_entry *e)
{
    static const char *const nodes[] = {"mac", "bridge", "network", "ip", "rate", "vlan"};

    for (unsigned i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
        hot_json_node(j, xs, e, nodes[i]);
}

/* In xl's columns. */
static void heading(void)
{
    printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.", "handle",
           "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
}

static void print_nic(struct xs_handle *xs, unsigned domid, const struct device_entry *e)
{
    char *mac = device_read(xs, e, "mac");

    (void)domid;
    printf("%-3u %-2u %17.17s %5u %5ld %6ld %5ld/%-11ld %-30s\n", e->number, e->backend_domid,
           mac ? mac : "-", e->number, device_number(xs, e->backend, "state"),
           device_number(xs, e->frontend, "event-channel"),
           device_number(xs, e->frontend, "tx-ring-ref"),
           device_number(xs, e->frontend, "rx-ring-ref"), e->backend);
    free(mac);
}

int verb_network_list(struct session *s, int argc, char **argv)
{
    return hot_list(s, argc, argv, &(struct hot_listing){SORT_NIC, heading, print_nic, json_nic});
}
