/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between plant.c, which plants a fault, asks the audit and takes the fault back, and plant_*.c,
 * where the faults are.
 */
#pragma once

#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/frame.h"
#include "mem/page_type.h"
#include "mem/pte.h"

/* enum plant_result for fault `number` of plants.def; PLANT_NOWHERE beyond the last. */
long plant_and_audit(unsigned number);

/* What a domain offers, found anew before each fault. */
struct side {
    struct domain *d;
    struct vcpu *v;         /* its first, which has been given a context */
    struct frame *table[5]; /* by level: those that lead to `page` */
    pte_t *entry[5];        /* by level: those entries */
    pte_t *empty[5];        /* by level: an entry that is not present in these tables */
    struct frame *page;     /* plain memory, mapped writable, once */
};
struct world {
    struct side our, their; /* dom0, and the one domain beside it */
};
extern struct world w;

/* The first frame of RAM that fits; NULL. */
struct frame *find_frame(bool (*fits)(const struct frame *f));

/* One function per row: writes what is wrong, by POKE; false when there is nothing to spoil. */
#define PLANT(name, says) bool plant_##name(void);
#include "plants.def"
#undef PLANT

/* Stores into anything of up to 8 bytes; what was there is put back when the audit has run. */
void poke(void *at, const void *value, unsigned size);
#define POKE(place, value)                                                                         \
    do {                                                                                           \
        typeof(place) poke_value = (value);                                                        \
        poke(&(place), &poke_value, sizeof(place));                                                \
    } while (0)
/* To be called when the fault is taken back, where POKE does not do. */
void plant_undo(void (*fn)(void));
