// SPDX-License-Identifier: GPL-2.0-only
/* The devices of a guest: see devlist.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guest/devlist.h"

static const char *const fronts[] = {[SORT_DISK] = "vbd", [SORT_NIC] = "vif"};

/* One entry of /libxl: false if it is none of a back end in a domain. */
static bool read_entry(struct xs_handle *xs, unsigned domid, const char *front, const char *name,
                       struct device_entry *e)
{
    char path[NODE_PATH], back[16];
    char *backend, *half;
    bool good;

    *e = (struct device_entry){.number = (unsigned)strtoul(name, NULL, 10)};
    snprintf(e->front, sizeof(e->front), "%s", front);
    snprintf(e->frontend, NODE_PATH, "/local/domain/%u/device/%s/%u", domid, front, e->number);
    snprintf(path, sizeof(path), "/libxl/%u/device/%s/%u/backend", domid, front, e->number);
    backend = xs_read(xs, XBT_NULL, path, NULL);
    good = backend && strlen(backend) < NODE_PATH / 2 &&
           sscanf(backend, "/local/domain/%u/backend/%15[^/]/", &e->backend_domid, back) == 2;
    if (good) {
        snprintf(e->backend, NODE_PATH, "%s", backend);
        e->kind = kind_named(back);
        snprintf(path, sizeof(path), "/libxl/%u/device/%s/%u/half", domid, front, e->number);
        half = xs_read(xs, XBT_NULL, path, NULL);
        e->half = half;
        free(half);
    }
    free(backend);
    return good;
}

static int by_number(const void *a, const void *b)
{
    const struct device_entry *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

int devices_list(struct xs_handle *xs, unsigned domid, enum device_sort sort,
                 struct device_entry **list, struct problem *why)
{
    char path[NODE_PATH];
    unsigned nr_names = 0;
    char **names;
    int nr = 0;

    snprintf(path, sizeof(path), "/libxl/%u/device/%s", domid, fronts[sort]);
    names = xs_directory(xs, XBT_NULL, path, &nr_names);
    *list = calloc(nr_names + 1, sizeof(**list));
    if (!*list) {
        free(names);
        return problem_set(why, ENOMEM, NULL, "no memory");
    }
    for (unsigned i = 0; names && i < nr_names; i++)
        nr += read_entry(xs, domid, fronts[sort], names[i], &(*list)[nr]);
    free(names);
    if (nr > 0)
        qsort(*list, (size_t)nr, sizeof(**list), by_number);
    return nr;
}

char *device_read(struct xs_handle *xs, const struct device_entry *e, const char *node)
{
    char path[NODE_PATH];

    snprintf(path, sizeof(path), "%.150s/%.32s", e->backend, node);
    return xs_read(xs, XBT_NULL, path, NULL);
}

long device_number(struct xs_handle *xs, const char *end, const char *node)
{
    char path[NODE_PATH];
    long number = -1;
    char *text;

    snprintf(path, sizeof(path), "%.150s/%.32s", end, node);
    text = xs_read(xs, XBT_NULL, path, NULL);
    if (text && *text)
        number = strtol(text, NULL, 10);
    free(text);
    return number;
}

static bool has_mac(struct xs_handle *xs, const struct device_entry *e, const char *text)
{
    char *mac = device_read(xs, e, "mac");
    bool same = mac && strcasecmp(mac, text) == 0;

    free(mac);
    return same;
}

int device_find(struct xs_handle *xs, unsigned domid, enum device_sort sort, const char *text,
                struct device_entry *entry, struct problem *why)
{
    struct device_entry *list = NULL;
    int nr = devices_list(xs, domid, sort, &list, why), found = -1;
    bool disk = sort == SORT_DISK;
    uint64_t devid = 0;
    long number = disk                                     ? disk_number(text)
                  : number_parse(text, UINT32_MAX, &devid) ? (long)devid
                                                           : -1;

    for (int i = 0; i < nr && found < 0; i++)
        if ((number >= 0 && list[i].number == (unsigned long)number) ||
            (!disk && has_mac(xs, &list[i], text)))
            found = i;
    if (found >= 0)
        *entry = list[found];
    else if (nr >= 0)
        problem_set(why, ESRCH,
                    disk ? "`pavis block-list DOMAIN` shows its disks"
                         : "`pavis network-list DOMAIN` shows its cards",
                    "domain %u has no %s %s", domid, disk ? "disk" : "network card", text);
    free(list);
    return found >= 0 ? 0 : -1;
}
