/* SPDX-License-Identifier: GPL-2.0-only */
/* A block front end on the host, beside blkback with fake_gate.c and a store: what its tests share.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/io/blkif.h"
#include "abi/io/xenbus.h"

#define GUEST     7u
#define PAGE      4096u
#define MAX_RINGS 2u

/* One disk, as the guest and as the toolstack see it. */
struct front {
    unsigned id;
    unsigned order;    /* of the ring's pages */
    uint32_t ring_ref; /* its pages are this one and those behind it */
    unsigned port;
    bool persistent;
    struct blkif_sring *ring;
    unsigned slots;
    uint32_t sent;
    uint32_t heard;
    int to_back;
    int from_back;
};

extern uint8_t *guest_memory;
extern unsigned guest_pages;
extern pid_t broker;
extern struct xs_handle *store;

/* Everything is in @directory, where a store listens; ends the program if something is missing. */
void world_open(const char *directory, unsigned pages);
void backend_start(bool copy);
/* Ends the broker, and with it the worker, by SIGKILL; or the worker only, if there is one, and the
 * broker starts another.  The worker's end has come afterwards. */
void backend_kill(void);
void worker_kill(void);
/* What that worker had taken and not answered, by its journal. */
unsigned requests_taken(void);
/* Bytes of memory that the worker has in use. */
uint64_t worker_rss(void);
/* Fails, with what it was for, if broker or worker are not what they were. */
void backend_alive(const char *what);

/* An empty file of this size. */
void image_create(const char *path, uint64_t bytes);

/* The toolstack's part: nodes for a disk on @image. */
void disk_create(struct front *front, const char *image, bool writable);
void disk_remove_nodes(struct front *front);
void front_write(struct front *front, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void front_state(struct front *front, enum xenbus_state state);
enum xenbus_state back_state(struct front *front);
void back_wait(struct front *front, enum xenbus_state state);
uint64_t back_number(struct front *front, const char *name);
void back_write(struct front *front, const char *name, const char *value);
/* Bytes that the worker says it has moved. */
uint64_t back_bytes(struct front *front);

/* The guest's: connects with fresh rings; and the whole way down. */
void front_connect(struct front *front);
void front_disconnect(struct front *front);
struct blkif_request *front_slot(struct front *front); /* the next one to fill */
void front_push(struct front *front, unsigned nr);
/* Waits a little for an event. */
void front_wait(struct front *front, int ms);

void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t any(uint64_t below); /* chance */
extern uint64_t seed;
