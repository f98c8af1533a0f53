// SPDX-License-Identifier: GPL-2.0-only
/* Shared memory and journal: see keep.h.  Stores that have to be in this order are, for a compiler;
 * the processor needs nothing, since a process that is killed has made all stores up to some
 * instruction.
 */
#include "keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../store/snapshot.h"

#define HALF_SIZE   (1ul << 30) /* addresses; memory comes as it is used */
#define INPUTS_SIZE ((size_t)STORE_CONNS * KEEP_INPUT)
#define STEP        (1ul << 20) /* by which memory is asked for */
#define SNAPSHOTS_IN_JOURNAL                                                                       \
    4 /* a snapshot is worth it when the journal is so many times as long */
#define RECORD_MAX (sizeof(struct record) + XENSTORE_PAYLOAD_MAX)

#define barrier() __asm__ volatile("" ::: "memory")

static size_t header_size(void)
{
    return (sizeof(struct keep) + STEP - 1) & ~(STEP - 1);
}

struct keep *keep_new(void)
{
    size_t size = header_size() + INPUTS_SIZE + 2 * HALF_SIZE;
    int fd = memfd_create("xenstore", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return NULL;
    if (fallocate(fd, 0, 0, (off_t)header_size()) < 0)
        return NULL;
    struct keep *k = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (k == MAP_FAILED)
        return NULL;
    k->memory_fd = fd;
    k->listen_fd = k->evtchn_fd = k->log_fd = k->ready_fd = -1;
    k->in.slot = k->out.slot = NO_SLOT;
    return k;
}

char *keep_input(struct keep *k, uint32_t slot)
{
    return (char *)k + header_size() + (size_t)slot * KEEP_INPUT;
}

static size_t half_offset(uint32_t half)
{
    return header_size() + INPUTS_SIZE + half * HALF_SIZE;
}

static char *half_data(const struct keep *k, uint32_t half)
{
    return (char *)(uintptr_t)k + half_offset(half);
}

/* Writing to memory that the system cannot provide would be a SIGBUS: ask first. */
static bool half_back(struct keep *k, uint32_t half, size_t size)
{
    struct half *h = &k->halves[half];
    if (size <= h->backed)
        return true;
    size_t backed = (size + STEP - 1) & ~(STEP - 1);
    if (backed > HALF_SIZE || fallocate(k->memory_fd, 0, (off_t)(half_offset(half) + h->backed),
                                        (off_t)(backed - h->backed)) < 0)
        return false;
    h->backed = backed;
    return true;
}

bool keep_room(struct keep *k)
{
    return half_back(k, k->half, k->halves[k->half].tail + 2 * RECORD_MAX);
}

static void append(struct keep *k, uint32_t half, enum record_kind kind, uint32_t conn,
                   int32_t result, uint64_t bytes, const struct xsd_sockmsg *hdr,
                   const char *payload)
{
    struct half *h = &k->halves[half];
    struct record *r = (struct record *)(half_data(k, half) + h->tail);
    size_t len = hdr ? hdr->len : 0;
    r->size = (uint32_t)((sizeof(*r) + len + 7) & ~7ul);
    r->kind = (uint16_t)kind;
    r->conn = conn;
    r->result = result;
    r->bytes = bytes;
    if (hdr) {
        r->hdr = *hdr;
        memcpy(r + 1, payload, len);
    }
    barrier();
    h->tail += r->size;
    barrier();
}

void keep_append(struct keep *k, enum record_kind kind, uint32_t conn, int32_t result,
                 uint64_t bytes, const struct xsd_sockmsg *hdr, const char *payload)
{
    append(k, k->half, kind, conn, result, bytes, hdr, payload);
}

uint64_t keep_progress(const struct keep *k)
{
    return k->halves[k->half].tail * 2 + k->half;
}

bool keep_wants_snapshot(const struct keep *k)
{
    const struct half *h = &k->halves[k->half];
    size_t journal = h->tail - h->snapshot;
    return journal > k->journal_min && journal > SNAPSHOTS_IN_JOURNAL * h->snapshot;
}

bool keep_snapshot(struct keep *k, struct store *s, const uint64_t executed[STORE_CONNS])
{
    uint32_t other = !k->half;
    struct half *h = &k->halves[other];
    size_t len = 0;
    char *bytes = NULL;
    for (size_t room = k->halves[k->half].snapshot + STEP; !len && room <= HALF_SIZE / 2;
         room *= 2) {
        free(bytes);
        bytes = malloc(room);
        len = bytes ? snapshot_write(s, bytes, room) : 0;
        if (!bytes)
            break;
    }
    size_t tail = (len + 7) & ~7ul;
    if (len && half_back(k, other, tail + STORE_CONNS * sizeof(struct record) + 2 * RECORD_MAX)) {
        memcpy(half_data(k, other), bytes, len);
        h->snapshot = h->tail = tail;
        for (uint32_t i = 0; i < STORE_CONNS; i++)
            if (s->conn[i])
                append(k, other, RECORD_EXECUTED, i, 0, executed[i], NULL, NULL);
        barrier();
        k->half = other;
        barrier();
        /* The old one's memory is given back. */
        fallocate(k->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)half_offset(!other), (off_t)HALF_SIZE);
        k->halves[!other] = (struct half){0};
    }
    free(bytes);
    return k->half == other;
}

struct store *keep_store(struct keep *k, const struct store_hooks *hooks)
{
    const struct half *h = &k->halves[k->half];
    /* Killed while it wrote the other half: begin that one anew. */
    fallocate(k->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              (off_t)half_offset(!k->half), (off_t)HALF_SIZE);
    k->halves[!k->half] = (struct half){0};
    if (h->snapshot)
        return snapshot_read(half_data(k, k->half), h->snapshot, hooks);
    struct store *s = store_new(hooks);
    if (s)
        s->quota = k->quota;
    return s;
}

const struct record *keep_next(const struct keep *k, const struct record *last)
{
    const struct half *h = &k->halves[k->half];
    const char *data = half_data(k, k->half);
    const char *p = last ? (const char *)last + last->size : data + h->snapshot;
    return p < data + h->tail ? (const struct record *)p : NULL;
}
