// SPDX-License-Identifier: GPL-2.0-only
/* Attaching and detaching: see hotplug.h.  The order is that of a kill at any moment: first the
 * node `half`, in the transaction that changes anything at all; last its removal, when the record
 * says what is true by then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/edit.h"
#include "guest/backend.h"
#include "guest/hotplug.h"
#include "guest/nic.h"
#include "guest/unmake.h"

static const char *const keys[] = {[SORT_DISK] = "disk", [SORT_NIC] = "vif"};

static enum device_sort sort_of(const struct device_entry *e)
{
    return strcmp(e->front, "vif") == 0 ? SORT_NIC : SORT_DISK;
}

int hot_open(struct hot_guest *g, struct hypercalls *h, struct xs_handle *xs, unsigned domid,
             struct problem *why)
{
    struct domain_info info;

    *g = (struct hot_guest){.xs = xs, .domid = domid, .record = {.fd = -1}};
    if (domid == 0)
        return problem_set(why, 0, "Name a guest: `pavis list` shows them",
                           "the control domain has no virtual devices");
    if (domains_get(h, domid, &info, why) != 0)
        return -1;
    memcpy(g->uuid, info.handle, sizeof(g->uuid));
    g->paused = info.flags & XEN_DOMINF_paused;
    if (record_find(info.handle) == RECORD_MAKING) /* whose lock is held for long, by `pavis run` */
        return problem_set(why, EBUSY, "Try again when it is done",
                           "domain %u is being made or removed, or is one of `pavis run`", domid);
    if (record_open(&g->record, info.handle, RECORD_ACT | RECORD_WAIT, why) < 0)
        return -1;
    if (g->record.fd >= 0 && (g->record.state != RECORD_LIVE || g->record.domid != domid)) {
        record_close(&g->record);
        return problem_set(why, EBUSY, "Try again when it is done",
                           "domain %u is being made or removed", domid);
    }
    return 0;
}

void hot_close(struct hot_guest *g)
{
    record_close(&g->record);
}

/* ---- what the guest is made from again */

void tell_xl(const struct guest_config *config, unsigned domid, const uint8_t uuid[16])
{
    char path[128], text[UUID_TEXT];
    FILE *out;

    uuid_text(uuid, text);
    snprintf(path, sizeof(path), XL_USERDATA, domid, text);
    out = fopen(path, "we");
    if (!out)
        return;
    guest_config_json(config, out);
    fclose(out);
}

static void tell_xl_text(const struct hot_guest *g, const char *text)
{
    struct config_syntax syntax = {0};
    struct config_report report = {0};
    struct guest_config config;

    if (config_parse(&syntax, "record", text, strlen(text), &report) &&
        guest_config_make(&config, &syntax, &report))
        tell_xl(&config, g->domid, g->uuid);
    config_syntax_free(&syntax);
}

/* The device has these words from now on, or is no more: NULL. */
static int set_words(struct hot_guest *g, enum device_sort sort, unsigned number, const char *words,
                     struct problem *why)
{
    char *text, *changed;
    int status;

    if (g->record.fd < 0)
        return 0;
    text = record_text(&g->record, why);
    if (!text)
        return -1;
    changed = config_with_device(text, keys[sort], number, words);
    status = changed ? record_set_text(&g->record, changed, why)
                     : problem_set(why, ENOMEM, NULL, "cannot change the configuration");
    if (status == 0 && changed)
        tell_xl_text(g, changed);
    free(text);
    free(changed);
    return status;
}

int device_remember(struct hot_guest *g, const struct device_entry *e, const char *name,
                    const char *value, struct problem *why)
{
    char *text, *words, *changed = NULL;
    int status = 0;

    if (g->record.fd < 0)
        return 0;
    text = record_text(&g->record, why);
    if (!text)
        return -1;
    words = config_device(text, keys[sort_of(e)], e->number);
    if (words)
        changed = device_words_with(words, name, value);
    if (changed)
        status = set_words(g, sort_of(e), e->number, changed, why);
    free(text);
    free(words);
    free(changed);
    return status;
}

/* ---- taking away */

static void copy_path(char path[NODE_PATH], const struct hot_guest *g, const struct device_entry *e,
                      const char *node)
{
    snprintf(path, NODE_PATH, "/libxl/%u/device/%s/%u%s", g->domid, e->front, e->number, node);
}

struct change {
    const struct hot_guest *g;
    const struct device_entry *e;
};

static unsigned long state_of(struct nodes *n, const char *end)
{
    char path[NODE_PATH];
    unsigned long state;
    char *text;

    snprintf(path, sizeof(path), "%.150s/state", end);
    text = nodes_read(n, path);
    state = text ? strtoul(text, NULL, 10) : 0;
    free(text);
    return state;
}

static int ask_to_close(struct nodes *n, void *ctx, struct problem *why)
{
    const struct change *c = ctx;
    char path[NODE_PATH];

    (void)why;
    copy_path(path, c->g, c->e, "/half");
    nodes_write(n, path, "1");
    nodes_base(n, "%s", c->e->backend);
    if (state_of(n, c->e->backend) == DEVICE_CLOSED)
        return 0;
    nodes_write(n, "online", "0");
    nodes_write(n, "state", "%d", DEVICE_CLOSING);
    return 0;
}

/* The guest keeps it, unless it has begun to let go in this moment. */
static int ask_no_more(struct nodes *n, void *ctx, struct problem *why)
{
    const struct change *c = ctx;
    char path[NODE_PATH];

    if (state_of(n, c->e->backend) != DEVICE_CLOSING ||
        state_of(n, c->e->frontend) > DEVICE_CONNECTED)
        return problem_set(why, EAGAIN, NULL, "the guest is letting go");
    nodes_base(n, "%s", c->e->backend);
    nodes_write(n, "online", "1");
    nodes_write(n, "state", "%lu",
                state_of(n, c->e->frontend) == DEVICE_CONNECTED ? (unsigned long)DEVICE_CONNECTED
                                                                : DEVICE_INIT_WAIT);
    copy_path(path, c->g, c->e, "/half");
    nodes_remove(n, path);
    return 0;
}

static int remove_nodes(struct nodes *n, void *ctx, struct problem *why)
{
    const struct change *c = ctx;
    char path[NODE_PATH];

    (void)why;
    nodes_remove(n, c->e->frontend);
    remove_backend(n, c->e->backend);
    copy_path(path, c->g, c->e, "");
    nodes_remove(n, path);
    return 0;
}

/* From the half device that it is by now to nothing. */
static int remove_device(struct hot_guest *g, const struct device_entry *e, struct problem *why)
{
    struct change c = {g, e};

    if (set_words(g, sort_of(e), e->number, NULL, why) != 0)
        return -1;
    free_loop(g->xs, e->backend);
    return nodes_transaction(g->xs, remove_nodes, &c, why);
}

/* Where the card was in one of pavis' own; if this is not reached, the guest's end does it. */
static void leave_network(struct hot_guest *g, const struct device_entry *e)
{
    char *text = device_read(g->xs, e, "mac");
    uint8_t mac[MAC_BYTES];

    if (text && mac_parse(mac, text))
        network_release(g->uuid, mac, NULL);
    free(text);
}

int device_detach(struct hot_guest *g, const struct device_entry *e, unsigned seconds, bool force,
                  struct problem *why)
{
    struct change c = {g, e};
    char *paths[] = {(char *)e->backend};
    struct problem late;

    if (nodes_transaction(g->xs, ask_to_close, &c, why) != 0)
        return -1;
    if (backends_wait(g->xs, paths, 1, DEVICE_CLOSED, seconds, &late) != 0 && !force &&
        nodes_transaction(g->xs, ask_no_more, &c, &late) == 0)
        return problem_set(
            why, ETIMEDOUT,
            g->paused ? "Unpause it, or take the device away with --force"
                      : "See whether the guest runs and uses the device, or take it "
                        "away with --force",
            "domain %u has not given up its device %u within %u seconds and keeps it", g->domid,
            e->number, seconds);
    leave_network(g, e);
    return remove_device(g, e, why);
}

/* A guest that connects, or looks for partitions, is let to, and then asked to let go: Linux's
 * blkfront that loses its device in the middle of that, and sees another one in its place, stops at
 * a BUG_ON() in the thread by which it hears of everything, also of the wish that it shut down. */
#define FINISH_S 10
static void take_half_made(struct hot_guest *g, const struct device_entry *e)
{
    char *paths[] = {(char *)e->backend};

    if (!g->paused)
        backends_wait(g->xs, paths, 1, DEVICE_CONNECTED, FINISH_S, NULL);
    device_detach(g, e, g->paused ? 1 : FINISH_S, true, NULL);
}

int devices_finish(struct hot_guest *g)
{
    int done = 0;

    for (enum device_sort sort = SORT_DISK; sort <= SORT_NIC; sort++) {
        struct device_entry *list = NULL;
        int nr = devices_list(g->xs, g->domid, sort, &list, NULL);

        for (int i = 0; i < nr; i++)
            if (list[i].half) {
                take_half_made(g, &list[i]);
                done++;
            }
        free(list);
    }
    return done;
}

/* ---- giving */

/* What is wrong with a device's words goes into *why. */
static int read_words(enum device_sort sort, const char *words, struct arena *arena,
                      struct guest_disk *disk, struct guest_nic *nic, struct problem *why)
{
    static const struct config_place place = {.source = "device", .line = 1, .column = 1};
    struct config_report report = {0};
    bool good = sort == SORT_DISK ? disk_spec_parse(disk, arena, words, &place, &report)
                                  : nic_spec_parse(nic, arena, words, &place, &report);

    if (good)
        return 0;
    return problem_set(why, 0,
                       sort == SORT_DISK ? "As in: /path/of/image,raw,xvdb,w"
                                         : "As in: bridge=xenbr0,mac=00:16:3e:12:34:56",
                       "%.300s", report.nr_notes ? report.notes[0].text : "no device");
}

struct attaching {
    struct hot_guest *g;
    const struct device_set *set;
    struct device_entry *e;
};

static int write_device(struct nodes *n, void *ctx, struct problem *why)
{
    struct attaching *a = ctx;
    char path[NODE_PATH];
    char *there;

    copy_path(path, a->g, a->e, "/backend");
    there = nodes_read(n, path);
    free(there);
    if (there)
        return problem_set(why, EEXIST, "Choose another, or detach that one first",
                           "domain %u has a device %u already", a->g->domid, a->e->number);
    if (devices_write(n, a->g->domid, a->g->uuid, a->set, why) != 0)
        return -1;
    copy_path(path, a->g, a->e, "/half");
    nodes_write(n, path, "1");
    return 0;
}

static int connect_guest(struct hot_guest *g, const struct device_entry *e, unsigned seconds,
                         bool *taken, struct problem *why)
{
    char *paths[] = {(char *)e->backend};
    struct problem late;

    *taken = !g->paused && seconds &&
             backends_wait(g->xs, paths, 1, DEVICE_CONNECTED, seconds, &late) == 0;
    if (*taken || g->paused || !seconds || late.error == ETIMEDOUT)
        return 0;
    *why = late;
    return -1;
}

static int attach(struct attaching *a, const char *words, unsigned seconds, bool *taken,
                  struct problem *why)
{
    struct hot_guest *g = a->g;
    char path[NODE_PATH];

    if (nodes_transaction(g->xs, write_device, a, why) != 0)
        return -1;
    copy_path(path, g, a->e, "/half");
    if (devices_connect(g->xs, g->domid, a->set, why) == 0 &&
        connect_guest(g, a->e, seconds, taken, why) == 0 &&
        set_words(g, a->set->nr_disks ? SORT_DISK : SORT_NIC, a->e->number, words, why) == 0 &&
        (xs_rm(g->xs, XBT_NULL, path) ||
         problem_set(why, errno, NULL, "the store does not remove %s", path) == 0))
        return 0;
    take_half_made(g, a->e);
    return -1;
}

/* The lowest that no card has. */
static unsigned free_card(struct hot_guest *g)
{
    struct device_entry *list = NULL;
    int nr = devices_list(g->xs, g->domid, SORT_NIC, &list, NULL);
    unsigned number = 0;

    for (int i = 0; i < nr; i++)
        number += list[i].number == number;
    free(list);
    return number;
}

/* Before a network of ours knows of it: there, too, the card with this address is the living one.
 */
static int card_is_new(struct hot_guest *g, const struct guest_nic *nic, const uint8_t mac[6],
                       struct problem *why)
{
    char number[12], address[18];
    struct device_entry there;

    snprintf(number, sizeof(number), "%u", nic->devid);
    snprintf(address, sizeof(address), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
    if (device_find(g->xs, g->domid, SORT_NIC, number, &there, NULL) == 0)
        return problem_set(why, EEXIST, "Choose another, or detach that one first",
                           "domain %u has a device %u already", g->domid, nic->devid);
    if (device_find(g->xs, g->domid, SORT_NIC, address, &there, NULL) == 0)
        return problem_set(why, EEXIST, "Choose another, or detach that one first",
                           "domain %u has a card %s already", g->domid, address);
    return 0;
}

int device_attach(struct hot_guest *g, enum device_sort sort, const char *words, unsigned seconds,
                  struct device_entry *entry, bool *taken, struct problem *why)
{
    struct guest_disk disk;
    struct guest_nic nic = {.devid = sort == SORT_NIC ? free_card(g) : 0};
    struct guest_config config = {.disks = &disk, .nics = &nic};
    struct arena arena = {0};
    struct device_set set;
    struct attaching a = {.g = g, .set = &set, .e = entry};
    uint8_t mac[6] = {0};
    bool entered = false;
    int status = -1;

    config.nr_disks = sort == SORT_DISK;
    config.nr_nics = sort == SORT_NIC;
    if (read_words(sort, words, &arena, &disk, &nic, why) != 0)
        goto out;
    if (sort == SORT_NIC) {
        nic_address(&nic, g->uuid, mac);
        if (card_is_new(g, &nic, mac, why) != 0)
            goto out;
        entered = nic.network;
    }
    if (devices_open(&set, &config, g->uuid, g->record.fd >= 0, why) == 0) {
        const struct device_kind *kind = sort == SORT_DISK ? set.disks[0].kind : set.nics[0].kind;

        *entry = (struct device_entry){.kind = kind};
        entry->number = sort == SORT_DISK ? disk.number : nic.devid;
        snprintf(entry->front, sizeof(entry->front), "%s", kind->front);
        snprintf(entry->frontend, NODE_PATH, "/local/domain/%u/device/%s/%u", g->domid, kind->front,
                 entry->number);
        backend_path(entry->backend, kind->back, g->domid, entry->number);
        status = attach(&a, words, seconds, taken, why);
        devices_close(&set);
    }
    if (status != 0 && entered)
        network_release(g->uuid, mac, NULL);
out:
    arena_free(&arena);
    return status;
}
