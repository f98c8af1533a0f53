/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of a worker: the process, in a jail, that serves all cards of one network, and what it
 * consists of.
 *
 *   worker  ->  cards  ->  queues (two rings and their ports each)
 *   parcels: packets on their way, from a queue or the uplink to queues or the uplink
 *
 * One thread does everything, so nothing here has a lock.  It works in rounds (forward.c): packets
 * are taken from all queues that have some, their heads are read by one batch of copies, the switch
 * says where each goes, one batch of copies brings them there, and everything is answered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/device.h"
#include "backend/gate.h"
#include "backend/limit.h"
#include "netback/counts.h"
#include "netback/front.h"
#include "netback/guard.h"
#include "netback/journal.h"
#include "netback/offload.h"
#include "netback/order.h"
#include "netback/packet.h"
#include "netback/place.h"
#include "netback/ring.h"
#include "netback/switch.h"

#define PARCEL_ROOM  (17u * GATE_PAGE) /* of a buffer: any packet, beginning anywhere in a page */
#define OWN_BUFFERS  24u               /* so many of them are granted to ourselves (gate.h) ... */
#define OWN_HEADS    256u              /* ... and so many parcels' heads, ... */
#define HEAD_ROOM    512u              /* ... each of which takes this */
#define BATCH_COPIES 1024u
#define BATCH_DROPS  256u       /* deliveries */
#define MOST_HELD    128u       /* slots of a sender whose receivers have no room: half of a ring */
#define MOST_WAITING (1u << 20) /* bytes in buffers, for one receiver ... */
#define MOST_BUFFERS 512u       /* ... and buffers of all */
#define HOLD_NS      (NS_PER_S) /* after it a receiver without room is given up */

struct card;
struct queue;
struct worker;

/* ---- a packet on its way ---- */

struct parcel {
    struct parcel *next; /* on the list that it is on */
    struct queue *from;  /* whose TX slots are answered in the end; NULL: it is from the uplink */
    unsigned port;       /* of the switch, from which it comes */
    unsigned refs;       /* deliveries, and who looks at it */
    uint32_t size;
    struct offload offload;
    struct virtio_net_hdr virtio; /* the same for a TAP */
    struct verdict verdict;
    uint64_t until;                 /* it waits for room no longer than this */
    bool failed;                    /* it could not be read */
    unsigned first_copy, nr_copies; /* that read it, in this round's batch */
    /* Its bytes: head_len of them at head; the others at tail, if @here, or still in the sender's
     * pages. */
    uint8_t *head;
    unsigned head_len;
    bool here;
    uint8_t *tail;
    uint8_t *buffer;
    unsigned nr_rest;
    struct piece rest[PACKET_MAX_PIECES];
    uint8_t *own_head;   /* FRAME_HEAD bytes, and behind them ... */
    uint8_t *other_head; /* ... with a tag, or without: for those who want that */
    unsigned other_len;  /* 0: not made yet */
    /* To be answered: places in the journal. */
    unsigned nr_slots;
    uint16_t slots[PACKET_MAX_SLOTS];
};

struct parcel_list {
    struct parcel *first;
    struct parcel **end;
};

void parcels_init(struct parcel_list *list);
void parcels_add(struct parcel_list *list, struct parcel *parcel);
struct parcel *parcels_take(struct parcel_list *list); /* NULL: none */

/* Memory for the first parcels and buffers, by which copies are cheaper; without it they work, too.
 */
void parcels_open(struct worker *worker);
/* Where @at is in that memory, as a side of a copy, and how many of @len bytes are in that page; 0:
 * it is elsewhere. */
uint32_t parcels_grant(const struct worker *worker, const uint8_t *at, uint32_t len,
                       union grant_side *side);
/* A new one with one reference; NULL: no memory. */
struct parcel *parcel_new(struct worker *worker);
/* Gives it a buffer if it has none; false: no memory, or too many are in use. */
bool parcel_buffer(struct worker *worker, struct parcel *parcel);
/* Where in its buffer what is to be fetched is to begin: senders fill pages, most often all but
 * the first piece, and then each piece has a page of ours to itself. */
uint8_t *parcel_place(const struct parcel *parcel);
/* Those bytes are not wanted from its sender any more. */
void parcel_cut(struct parcel *parcel, uint32_t len);
/* The last one answers its slots. */
void parcel_put(struct worker *worker, struct parcel *parcel);

/* ---- one queue ---- */

struct watcher {
    int fd; /* -1: none */
    void (*ready)(struct watcher *watcher);
};

struct queue {
    struct card *card;
    unsigned number;
    struct journal_queue *journal;
    struct ring tx, rx;
    void *tx_page, *rx_page;
    struct event tx_event, rx_event; /* rx_event.fd is -1 where one port serves both */
    struct watcher tx_watcher, rx_watcher;
    uint32_t kept;             /* RX requests below this index are read from the journal */
    uint16_t free[RING_SLOTS]; /* places in the journal */
    unsigned nr_free;
    uint16_t answered[RING_SLOTS]; /* places whose answers are not published yet */
    unsigned nr_answered;
    unsigned nr_held;           /* TX slots of parcels that wait for others' room */
    struct parcel_list waiting; /* for room in the RX ring */
    unsigned waiting_buffers;   /* of them, and their bytes */
    uint32_t waiting_bytes;
    bool stalled;         /* it has let one wait too long, and made no room since */
    bool look;            /* the TX ring may have requests */
    bool uplink_last;     /* the last packet went to the uplink */
    bool broken;          /* a ring says what cannot be */
    bool active;          /* on the worker's list */
    bool tx_new, rx_new;  /* answers to be published */
    unsigned idle_events; /* one after the other that brought nothing */
    uint64_t enable_at;   /* 0: its event is enabled; else when it will be */
    struct queue *next_active;
    struct queue *next_new;
};

/* Maps the rings and binds the ports.  @again: a predecessor may have left requests half done.
 * NULL: the reason has been told. */
struct queue *queue_open(struct card *card, unsigned number, const struct front_queue *front,
                         bool again);
void queue_close(struct queue *queue);
/* The next round looks at it. */
void queue_activate(struct queue *queue);
/* Takes the next packet and notes its slots; NULL: there is none, or none that may be. */
struct parcel *queue_take(struct queue *queue);
/* The answer to the request at this place of the journal. */
void queue_answer(struct queue *queue, unsigned slot, bool failed);
/* Takes @nr RX requests, if there are so many; else asks for an event when there are. */
bool queue_receive(struct queue *queue, union rx_slot *slots, unsigned nr);
void queue_put(struct queue *queue, const union rx_slot *answer);
/* Shows what was answered. */
void queue_publish(struct queue *queue);
/* Enables the event when its time has come; returns when that is, or UINT64_MAX. */
uint64_t queue_tick(struct queue *queue, uint64_t now);

/* ---- one card ---- */

struct card {
    struct backend_device *device;
    struct worker *worker;
    struct front front;
    struct guard guard;
    unsigned port; /* of the switch; 0: none yet */
    unsigned nr_queues;
    struct queue *queue[FRONT_MAX_QUEUES];
    struct rate rate;
    struct counts *counts; /* in the shared file, or spare */
    struct counts spare;
    unsigned complaints;
};

/* A line in the log about what a guest did, but not for ever. */
void card_complain(struct card *card, const char *what);

/* ---- copies ---- */

/* A packet's way into a receiver's pages, or into a buffer and from there to the uplink. */
struct delivery {
    struct parcel *parcel;
    struct queue *to; /* NULL: the uplink */
    unsigned first_copy, nr_copies;
    struct place place;
    union rx_slot slots[PLACE_MAX_SLOTS + 1]; /* requests; one more for segments */
};

struct batch {
    unsigned nr_copies;
    unsigned nr_deliveries;
    struct grant_copy copies[BATCH_COPIES];
    struct delivery deliveries[BATCH_DROPS];
};

/* For so many copies, and one delivery. */
bool batch_has_room(const struct batch *batch, unsigned copies);
/* One more, with GNTCOPY_* @flags; the caller has seen that there is room, and fills in its sides.
 */
struct grant_copy *batch_add(struct batch *batch, unsigned flags, unsigned len);
/* A page that the queue's guest has granted. */
void batch_side(union grant_side *side, const struct queue *queue, uint32_t ref, unsigned offset);
/* @len bytes between a granted page and memory of ours, which may be several pages. */
void batch_copy(struct worker *worker, const union grant_side *theirs, uint8_t *ours, uint32_t len,
                bool to_guest);
/* The next @len bytes of what is still with the sender, to memory of ours. */
void batch_fetch(struct worker *worker, const struct parcel *parcel, uint8_t *to, uint32_t len);
/* Does them all; batch_copied() tells how they went. */
void batch_run(struct batch *batch);
bool batch_copied(const struct batch *batch, unsigned first, unsigned nr);

/* ---- the process ---- */

struct worker {
    struct backend backend;
    const char *network;
    struct journal *journal;
    struct counts_file *counts;
    struct counts *uplink_counts; /* in the shared file, or spare */
    struct counts spare;
    struct net_switch *net;
    struct card *cards[SWITCH_PORTS]; /* by port */
    struct watcher orders, tap;
    int uplink; /* the descriptor of the TAP; -1: none */
    bool uplink_ready;
    bool ordered;      /* an order has come */
    unsigned patience; /* how often it still waits for ports that a predecessor has */
    int epoll;
    struct queue *active;
    struct queue *fresh_answers; /* queues with something to publish */
    struct parcel_list taken;
    struct parcel *free_parcels;
    void *free_buffers, *own_buffers; /* not in use; the latter go first */
    uint8_t *own;                     /* memory that is granted to ourselves, or NULL */
    uint32_t *own_refs;
    unsigned own_pages, own_parcels; /* how large it is; parcels that have their heads there */
    unsigned buffers;                /* in use */
    uint64_t now;                    /* of this round */
    uint64_t wake_at;                /* something becomes possible by itself; UINT64_MAX: nothing */
    struct batch batch;
};

/* Everything that can be done now. */
void forward_round(struct worker *worker);
/* Drops what has waited for this queue for too long. */
void forward_expire(struct worker *worker, struct queue *queue);
/* Drops what waits for this queue, which is about to be closed, and what waits that is of it. */
void forward_forget(struct worker *worker, struct queue *queue);

/* Nanoseconds of a clock that only goes forward. */
uint64_t clock_now(void);
void watcher_start(struct worker *worker, struct watcher *watcher, int fd,
                   void (*ready)(struct watcher *watcher));
void watcher_end(struct worker *worker, struct watcher *watcher);

/* Files for successors are in @directory.  The process is in the jail afterwards; false: the reason
 * has been told. */
bool worker_open(struct worker *worker, const char *network, const char *directory);
/* The way out, which the worker takes if it has none yet. */
bool worker_uplink(struct worker *worker, int fd);
/* One wait, one round, and one order if there is any; false: the broker is gone. */
bool worker_round(struct worker *worker);
