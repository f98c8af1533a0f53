/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon: between the store (a machine without a world) and sockets, rings, event channels.
 *
 * One thread, one loop.  Input is moved into a connection's shared buffer, requests are executed
 * from there one by one and noted in the journal, output is sent when all that was ready has been
 * looked at. A connection with much unsent output is not listened to, so that what it can make us
 * keep is bounded.
 */
#pragma once

#include "keep.h"
#include "xen.h"

#define EVTCHN_PORTS (1u << 17) /* of dom0, with either ABI */

/* Why a connection's input is not executed. */
enum stall {
    STALL_NONE,
    STALL_UNREAD, /* its own answers have to be read first */
    STALL_WAITS   /* for another one's transaction, or for memory: see priority.c */
};

struct link {
    struct xenstore_domain_interface *ring;
    enum stall stall;
    uint32_t waiting_at; /* in daemon.waiting */
    uint32_t events;     /* of a socket, that epoll shall tell of */
    uint64_t rest_until; /* us: before then its transactions do not go first */
};

struct daemon {
    struct keep *k;
    struct store *s;
    int epoll;
    /* For whose transaction others wait, since when (us; 0: nobody's), and when there may be such a
     * one again. */
    uint32_t first_slot;
    uint64_t first_since, rest_until;
    int32_t answer; /* of the last hook, for the journal; when playing, from it */
    bool playing;
    bool domains_changed;
    uint32_t waiting[STORE_CONNS], nr_waiting; /* slots */
    uint32_t free_from;                        /* no slot below is free */
    struct link links[STORE_CONNS];
    uint64_t executed[STORE_CONNS]; /* bytes of each input */
    uint32_t closing[STORE_CONNS];  /* rings that the store has let go, for link_reap */
    uint32_t nr_closing;
    uint32_t port_slot[EVTCHN_PORTS]; /* number + 1 */
};

/* A new daemon on the keeper's memory: plays the journal, takes up every connection.  NULL: said
 * why. */
struct daemon *daemon_new(struct keep *k);
/* Before daemon_new: what SIGTERM, SIGINT (stop) and SIGUSR1 (the keeper died) do. */
void daemon_signals(void);
/* Serves until told to stop (SIGTERM, SIGINT). */
void daemon_run(struct daemon *d);

/* ---- between the files of this folder */

/* Executes what is in a connection's input, as far as it may. */
void link_execute(struct daemon *d, uint32_t slot);
/* Takes in what has come; then executes. */
void link_input(struct daemon *d, uint32_t slot);
/* Notes why the input is not executed, or that it is. */
void link_stall(struct daemon *d, uint32_t slot, enum stall why);
/* Both directions, and a ring that wants to begin anew. */
void link_event(struct daemon *d, uint32_t slot);
/* Sends what can be sent. */
void link_output(struct daemon *d, uint32_t slot);
/* All connections with new output. */
void link_output_all(struct daemon *d);
/* Ends a socket's connection. */
void link_close(struct daemon *d, uint32_t slot);
/* Descriptors and ports of connections that the store has ended. */
void link_reap(struct daemon *d);

/* A free slot, or NO_SLOT. */
uint32_t slot_find(struct daemon *d);
/* A new connection on a socket; journals it. */
bool link_accept(struct daemon *d, int fd);
/* Connects a socket's slot; false: no memory, the slot is free again. */
bool link_connect(struct daemon *d, uint32_t slot);
/* Tells epoll what to tell of a socket. */
void link_arm(struct daemon *d, uint32_t slot, bool added);
/* Maps a ring's slot.  0 or -errno. */
int link_map(struct daemon *d, uint32_t slot);

/* Takes up the connections of a daemon that died.  False: what is kept makes no sense. */
bool recover(struct daemon *d);
/* Serves what an earlier one was told of and did not do any more. */
void recover_events(struct daemon *d);
/* Closes what an earlier daemon had open and nobody will use. */
void recover_descriptors(struct daemon *d);

/* True if a request has to wait now for a transaction that goes first. */
bool priority_wait(struct daemon *d, const struct conn *c, const struct xsd_sockmsg *hdr);
/* Ends what has gone first for too long, and tries again whatever waits. */
void priority_retry(struct daemon *d);

void daemon_hooks(struct daemon *d, struct store_hooks *hooks);
/* Room in the journal, after a snapshot if need be. */
bool daemon_room(struct daemon *d);
