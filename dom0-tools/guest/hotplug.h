// SPDX-License-Identifier: GPL-2.0-only
/* Devices that come to and go from a guest that runs.
 *
 * A device on its way has a node `half` beside its trusted copy.  If whoever attaches or detaches
 * it is killed, the supervisor, or the next command for that guest, removes it.  Guests that pavis
 * made keep the change over a restart; of those that xl made only xl's list of devices knows.
 */
#pragma once

#include "guest/devlist.h"
#include "guest/record.h"

#define HOTPLUG_S 10 /* a guest's time to take a device or to give it up */

/* A guest whose devices are changed.  Only one process at a time changes those of a guest of ours.
 */
struct hot_guest {
    struct xs_handle *xs;
    unsigned domid;
    uint8_t uuid[16];
    bool paused;
    struct record record; /* fd -1: it is none of ours */
};

int hot_open(struct hot_guest *g, struct hypercalls *h, struct xs_handle *xs, unsigned domid,
             struct problem *why);
void hot_close(struct hot_guest *g);

/* Gives the guest the device that xl.cfg would describe with @words.  Returns when its back end has
 * it and the guest has connected, or has not within @seconds: then *taken is false. */
int device_attach(struct hot_guest *g, enum device_sort sort, const char *words, unsigned seconds,
                  struct device_entry *entry, bool *taken, struct problem *why);

/* Takes one away.  A guest that does not give it up within @seconds keeps it, and this fails; with
 * @force it loses it. */
int device_detach(struct hot_guest *g, const struct device_entry *e, unsigned seconds, bool force,
                  struct problem *why);

/* In what the guest is made from again: `name=value` for this device. */
int device_remember(struct hot_guest *g, const struct device_entry *e, const char *name,
                    const char *value, struct problem *why);

/* Removes those of a guest that are half attached or half detached: how many they were. */
int devices_finish(struct hot_guest *g);

/* What libxl keeps of a guest, without which xl's verbs that change devices refuse.  Who has no xl
 * misses nothing. */
void tell_xl(const struct guest_config *config, unsigned domid, const uint8_t uuid[16]);
