/* SPDX-License-Identifier: GPL-2.0-only */
/* Network front ends on the host, beside netback with fake_gate.c, fake_uplink.c and a store: what
 * its tests share.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/io/netif.h"
#include "abi/io/xenbus.h"

#define PAGE    4096u
#define SLOTS   256u
#define NETWORK "lan"

/* A guest's memory, by page, which is by reference. */
#define TX_RING  0u
#define RX_RING  1u
#define RX_PAGES 2u   /* one for each slot */
#define TX_PAGES 258u /* one for each id */
#define PAGES    514

/* One guest with one card. */
struct front {
    unsigned guest;
    bool split; /* two ports */
    bool with_uplink;
    bool poor; /* no segments, no checksums that are left to it */
    uint8_t mac[6];
    uint8_t *memory;
    struct netif_tx_sring *tx;
    struct netif_rx_sring *rx;
    uint32_t tx_sent, tx_heard, rx_sent, rx_heard;
    bool open[SLOTS]; /* TX ids that have no answer yet */
    unsigned nr_open;
    int to_back[2], from_back[2]; /* of the two ports */
};

extern struct xs_handle *store;

/* Everything is in @directory, where a store listens; ends the program if something is missing. */
void world_open(const char *directory);
void backend_start(void);
/* Ends the broker by SIGKILL, and with it the worker; or the worker only. */
void backend_kill(void);
void worker_kill(void);
/* Bytes of memory that it has in use. */
uint64_t worker_rss(void);
/* Tells the broker to end, and waits until it has cleared up. */
void backend_end(void);
/* Fails, with what it was for, if broker or worker are not what they were. */
void backend_alive(const char *what);
/* The other end of the uplink. */
int host_open(void);

/* The toolstack's part, and then both ends until they are connected. */
void card_create(struct front *front);
void front_connect(struct front *front);
void front_disconnect(struct front *front);
void front_state(struct front *front, enum xenbus_state state);
enum xenbus_state back_state(struct front *front);
void back_wait(struct front *front, enum xenbus_state state);
void front_write(struct front *front, const char *name, const char *value);
void back_write(struct front *front, const char *name, const char *value);

/* Slots of the rings; what was filled goes off with front_push(). */
void *tx_slot(struct front *front);
void rx_fill(struct front *front); /* offers all pages that are free */
void front_push(struct front *front, uint32_t tx_before);
void front_kick(struct front *front);
/* A free id, now open; -1: none. */
int tx_id(struct front *front);
/* Takes TX answers; each must be to an open id, or to an extra slot. */
void tx_hear(struct front *front);
/* Waits a little for an event of any of these. */
void fronts_wait(struct front *fronts, unsigned nr, int host, int ms);

void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t any(uint64_t below); /* chance */
extern uint64_t seed;
