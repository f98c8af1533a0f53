/* SPDX-License-Identifier: GPL-2.0-only */
/* How a packet is laid into the pages that its receiver has offered: a plan of copies.  Pure.
 *
 * Where the pieces lie in their pages decides how many copies there are, which is what a packet
 * costs.  So a piece that fits goes whole, into what is left of a page or into the next one; pages
 * are not filled to the brim.  At most as many slots as pieces are needed, and a packet of at most
 * 18 pieces has at most 18 slots, which is what a front end takes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PLACE_PAGE      4096u
#define PLACE_MAX_SLOTS 18u
#define PLACE_PIECES    20u /* 18 of a packet, and its header, which is ours */
#define PLACE_MAX_STEPS (PLACE_PIECES + PLACE_MAX_SLOTS)

struct place {
    unsigned nr_slots;
    uint16_t used[PLACE_MAX_SLOTS]; /* bytes in each slot */
    unsigned nr_steps;
    struct place_step {
        uint8_t piece;
        uint8_t slot;
        uint16_t to;   /* offset in the slot's page */
        uint32_t from; /* offset in the piece: a frame of dom0's may be longer than 65535 */
        uint16_t len;
    } steps[PLACE_MAX_STEPS];
};

/* Lays @nr pieces of these lengths one after the other.  False: they do not go into 18 slots. */
bool place_plan(const uint32_t *lens, unsigned nr, struct place *place);
