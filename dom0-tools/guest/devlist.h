// SPDX-License-Identifier: GPL-2.0-only
/* The devices that a guest has, whoever made them: from the list below /libxl, which only dom0 can
 * write.  What the guest's end says is the guest's word. */
#pragma once

#include "guest/device.h"

struct device_entry {
    unsigned number; /* 51712; of a card 0, 1... */
    unsigned backend_domid;
    char front[16];                 /* vbd, vif */
    char frontend[NODE_PATH];       /* the guest's end */
    char backend[NODE_PATH];        /* the other one */
    const struct device_kind *kind; /* NULL: of another sort, as xl's qdisk */
    bool half;                      /* whoever attached or detached it was killed */
};

/* All of a sort, by number: their count, and *list for the caller to free().  -1: no memory. */
int devices_list(struct xs_handle *xs, unsigned domid, enum device_sort sort,
                 struct device_entry **list, struct problem *why);

/* The one that a person named: xvdb, 51728; of a card its number or MAC.  -1 with the reason. */
int device_find(struct xs_handle *xs, unsigned domid, enum device_sort sort, const char *text,
                struct device_entry *entry, struct problem *why);

/* A node of the back end, for the caller to free(); NULL: none. */
char *device_read(struct xs_handle *xs, const struct device_entry *e, const char *node);

/* A number that one end says, -1 where there is none. */
long device_number(struct xs_handle *xs, const char *end, const char *node);
