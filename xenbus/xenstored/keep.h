/* SPDX-License-Identifier: GPL-2.0-only */
/* What outlives a daemon that is killed: memory that it shares with its keeper, and the journal in
 * it.
 *
 * The store is a machine (store/store.h): its state follows from its inputs.  So what is kept is
 * the inputs, in the order of execution, from the last snapshot on.  A new daemon reads the
 * snapshot and plays the journal; that also gives again every byte that was ever put out, of which
 * those already sent are skipped.  Hence each request is executed once, whatever the moment of the
 * kill:
 *
 *   - bytes that came in are in a connection's input, in this memory.  The kernel itself notes
 * there how many it delivered or took (recvmmsg and sendmmsg write their counts to memory, and a
 * system call that has begun to copy is not broken off by SIGKILL); what a call did is known even
 * if its caller did not live to see it return.  In a ring our indices are these counts.
 *   - a request belongs to the journal from one store to `tail` on.  Before it, the request is
 * executed again from the input, and nothing of the first time was sent; after it, it is played.
 *
 * Descriptors need no care: daemon and keeper share one table of them (clone with CLONE_FILES).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../store/store.h"

#define KEEP_INPUT 8192u /* bytes of a connection's input; a message has at most 4112 */

enum slot_state {
    SLOT_FREE,
    SLOT_LIVE,
    SLOT_CLOSING /* ends; its descriptor, or port, is to be closed */
};

struct slot {
    uint32_t state;
    uint32_t ring; /* else a socket */
    int32_t fd;    /* of a socket */
    uint16_t domid;
    uint16_t broken; /* the domain's indices or messages were nonsense: not listened to */
    uint64_t mfn;
    uint32_t remote_port, port;
    uint64_t received, sent; /* bytes since the connection began */
    uint32_t cons_base;      /* received - cons_base is the ring's req_cons, modulo 2^32 */
    uint32_t prod_base;      /* and sent - prod_base its rsp_prod */
};

#define NO_SLOT      0xffffffffu
#define NOT_RETURNED 0xffffffffu

/* A system call on a socket: its effect is base + msg.msg_len if that is not NOT_RETURNED. */
struct flight {
    uint32_t slot;
    uint64_t base;
    struct mmsghdr msg;
    struct iovec iov[2];
};

enum record_kind {
    RECORD_CONNECT, /* a socket */
    RECORD_RING,    /* dom0's ring */
    RECORD_DISCONNECT,
    RECORD_REQUEST,  /* result: what the hook of an INTRODUCE answered */
    RECORD_REFUSED,  /* a request that was answered with error -result */
    RECORD_SHUTDOWN, /* conn: a domain's id */
    RECORD_DEAD,
    RECORD_ACKED,    /* bytes */
    RECORD_RESET,    /* a ring begins anew */
    RECORD_EXECUTED, /* bytes of a connection's input, up to the snapshot before it */
};

struct record {
    uint32_t size; /* with what follows, a multiple of 8 */
    uint16_t kind;
    uint16_t pad;
    uint32_t conn;
    int32_t result;
    uint64_t bytes;
    struct xsd_sockmsg hdr; /* of requests; the payload follows */
};

struct half {
    uint64_t snapshot; /* bytes of the snapshot that it begins with; 0: an empty store */
    uint64_t tail;     /* end of the journal that follows */
    uint64_t backed;   /* bytes that surely have memory */
};

struct keep {
    uint32_t starts; /* of a daemon on this memory */
    uint32_t half;   /* the one in use */
    int32_t memory_fd, listen_fd, evtchn_fd, log_fd;
    int32_t ready_fd;       /* a byte to it says that the store is there; -1 */
    uint32_t domain_port;   /* VIRQ_DOM_EXC's */
    uint64_t journal_min;   /* bytes of journal from which on a snapshot is considered */
    uint32_t single;        /* there is no keeper */
    uint32_t background;    /* nobody sees standard error */
    uint32_t no_dom0;       /* dom0's kernel is left alone */
    uint32_t done;          /* told to stop: no other daemon is wanted */
    int32_t daemon, keeper; /* process ids */
    struct quota quota;
    struct flight in, out;
    struct half halves[2];
    struct slot slots[STORE_CONNS];
};

#define KEEP_JOURNAL_MIN (4ul << 20)

/* Shared memory for all of it; NULL and errno. */
struct keep *keep_new(void);

char *keep_input(struct keep *k, uint32_t slot);

/* Memory for one more record of any size: to be called before the request is executed.  False:
 * none, and a snapshot may help.
 */
bool keep_room(struct keep *k);
void keep_append(struct keep *k, enum record_kind kind, uint32_t conn, int32_t result,
                 uint64_t bytes, const struct xsd_sockmsg *hdr, const char *payload);
/* Changes whenever something was journaled. */
uint64_t keep_progress(const struct keep *k);
/* The journal is so long that a snapshot costs little beside it. */
bool keep_wants_snapshot(const struct keep *k);
/* Begins a new journal behind a snapshot of @s; @executed: bytes of each connection's input. False:
 * no memory, the old one goes on.
 */
bool keep_snapshot(struct keep *k, struct store *s, const uint64_t executed[STORE_CONNS]);

/* The store as the last snapshot has it (or empty), and the records behind it, one after the other.
 */
struct store *keep_store(struct keep *k, const struct store_hooks *hooks);
const struct record *keep_next(const struct keep *k, const struct record *last);
