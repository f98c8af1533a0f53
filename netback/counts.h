/* SPDX-License-Identifier: GPL-2.0-only */
/* What each card has done since it began, in a file that the worker maps and others read: it
 * outlives workers, so the numbers only grow.  They are read while they are written; each by itself
 * is whole.  "tx" is what the guest sends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "netback/frame.h"

#define COUNTS_MAGIC  0x434e5650u /* changes with the layout, and with drop.def */
#define COUNTS_CARDS  256u        /* one of them is the uplink */
#define COUNTS_SUFFIX ".counts"   /* of the file, behind the network's name */

struct counts {
    uint32_t used;
    uint32_t guest; /* 0: the uplink */
    uint32_t device;
    uint32_t pad;
    uint64_t tx_packets, tx_bytes;
    uint64_t rx_packets, rx_bytes;
    uint64_t tx_gso, rx_gso;     /* of those: to be cut into segments by who gets them */
    uint64_t tx_blank, rx_blank; /* of those: without a checksum */
    uint64_t rx_cut;             /* segments and checksums that we made, for who cannot */
    uint64_t to_guests;          /* of tx: copied once, from guest to guest */
    uint64_t malformed;
    uint64_t copy_failed; /* a page that was granted wrongly, on either side */
    uint64_t rx_full;     /* for it, and it had no room for too long */
    uint64_t throttled;   /* times that its rate made it wait */
    uint64_t dropped[NR_DROPS];
};

struct counts_file {
    uint32_t magic;
    uint32_t size;
    struct counts card[COUNTS_CARDS];
};

/* Makes it empty if it is none of this layout. */
void counts_open(struct counts_file *file);
/* The entry of a card, from before or new; NULL if there is none left. */
struct counts *counts_of(struct counts_file *file, uint32_t guest, uint32_t device);
/* The card is gone. */
void counts_end(struct counts *counts);

/* Prints all cards of all networks in @directory as JSON; false with errno. */
bool counts_show(const char *directory, FILE *to);
