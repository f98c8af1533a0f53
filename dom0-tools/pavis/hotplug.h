/* SPDX-License-Identifier: GPL-2.0-only */
/* What the verbs for devices that come and go have in common. */
#pragma once

#include "guest/hotplug.h"
#include "pavis/json.h"
#include "pavis/verb.h"

struct hot_options {
    bool json, force;
    unsigned seconds;
};

/* The options --json, --force and --timeout S, as far as @allowed ("jft") names them; the arguments
 * behind them have to be between @least and @most.  0, or the exit status. */
int hot_options(struct session *s, int argc, char **argv, const char *allowed, int least, int most,
                struct hot_options *o);

/* The guest that a person named, open and with what others left half done removed; -1 after having
 * said why.  The guest's record is locked until hot_close(). */
int hot_guest(struct session *s, const char *name, struct hot_guest *g);

/* The verbs' ways, the sort apart. */
int hot_attach(struct session *s, int argc, char **argv, enum device_sort sort);
int hot_detach(struct session *s, int argc, char **argv, enum device_sort sort);

/* How devices of a sort are listed. */
struct hot_listing {
    enum device_sort sort;
    void (*heading)(void);
    void (*print)(struct xs_handle *xs, unsigned domid, const struct device_entry *e);
    void (*json)(json j, struct xs_handle *xs,
                 const struct device_entry *e); /* what only they have */
};

int hot_list(struct session *s, int argc, char **argv, const struct hot_listing *listing);
/* A node of the device's, as text. */
void hot_json_node(json j, struct xs_handle *xs, const struct device_entry *e, const char *node);
