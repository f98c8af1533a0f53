/* SPDX-License-Identifier: GPL-2.0-only */
/* What a commit charged to domains, in case it has to be taken back. */
#pragma once

#include "store.h"

struct charge {
    struct domain *domain;
    int64_t nodes, bytes;
};

struct charges {
    struct charge *charge;
    size_t nr, room;
};

void charges_undo(struct store *s, struct charges *u);

/* Charges a node to its owner, as a snapshot is read. */
void tree_charge(struct store *s, const struct node *n);
