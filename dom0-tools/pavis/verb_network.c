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

static void json_nic(json j, struct xs_handle *xs, unsigned domid, const struct device_entry *e)
{
    static const char *const nodes[] = {"mac", "bridge", "network", "ip", "rate", "vlan"};

    json_object(j, NULL);
    json_number(j, "domid", domid);
    json_number(j, "device", e->number);
    json_string(j, "served_by", e->kind ? e->kind->who : NULL);
    json_number(j, "state", (uint64_t)(device_number(xs, e->backend, "state") & 15));
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        char *text = device_read(xs, e, nodes[i]);

        if (text || i < 2)
            json_string(j, nodes[i], text);
        free(text);
    }
    json_string(j, "backend", e->backend);
    json_close_object(j);
}

/* In xl's columns. */
static void print_nic(struct xs_handle *xs, const struct device_entry *e)
{
    char *mac = device_read(xs, e, "mac");

    printf("%-3u %-2u %17.17s %5u %5ld %6ld %5ld/%-11ld %-30s\n", e->number, e->backend_domid,
           mac ? mac : "-", e->number, device_number(xs, e->backend, "state"),
           device_number(xs, e->frontend, "event-channel"),
           device_number(xs, e->frontend, "tx-ring-ref"),
           device_number(xs, e->frontend, "rx-ring-ref"), e->backend);
    free(mac);
}

static int list_guest(struct session *s, const char *name, json j)
{
    struct device_entry *list = NULL;
    struct problem why;
    int domid = session_domain(s, name);
    int nr = domid < 0 || !session_store(s)
                 ? -1
                 : devices_list(s->store, (unsigned)domid, SORT_NIC, &list, &why);

    if (nr < 0)
        return 1;
    for (int i = 0; i < nr; i++)
        if (j)
            json_nic(j, s->store, (unsigned)domid, &list[i]);
        else
            print_nic(s->store, &list[i]);
    free(list);
    return 0;
}

int verb_network_list(struct session *s, int argc, char **argv)
{
    struct hot_options o;
    int status = hot_options(s, argc, argv, "j", 1, 1000, &o);
    json j = NULL;

    if (status)
        return status;
    if (o.json) {
        j = json_begin();
        json_array(j, NULL);
    } else {
        printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.",
               "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
    }
    for (int i = optind; i < argc; i++)
        status |= list_guest(s, argv[i], j);
    if (!j)
        return status;
    json_close_array(j);
    return json_end(j) | status;
}
