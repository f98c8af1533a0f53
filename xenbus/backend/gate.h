/* SPDX-License-Identifier: GPL-2.0-only */
/* A daemon's ways to a guest: its granted pages and its event channels.
 *
 * gate.c does it by /dev/xen/gntdev and /dev/xen/evtchn; tests put ordinary memory in its place. In
 * a jail (ask.h) what names a grant or a port goes by a broker; the use of what was mapped and
 * bound does not.  Nothing else in a back end knows the kernel's devices.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GATE_PAGE 4096u

/* Maps @nr pages that domain @domid has granted as @refs, one behind the other; NULL with errno,
 * and then none of them.  With @writable false the guest's grant may be a read-only one.
 */
void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable);
void grants_unmap(void *pages, unsigned nr);

/* One piece of one granted page, and where it goes to or comes from. */
struct grant_piece {
    uint32_t ref;
    uint16_t offset; /* offset + len is at most a page */
    uint16_t len;
    void *local;
};

/* Copies between the guest's pages and ours, without mapping anything: what the guest does to the
 * page afterwards changes nothing of ours.  False with errno if any piece could not be copied;
 * others may have been.
 */
bool grants_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest);

/* One side of a copy: memory of ours, or a piece of a page that a domain has granted. */
union grant_side {
    void *local;
    struct {
        uint32_t ref;
        uint16_t offset; /* offset + the copy's len is at most a page */
        uint16_t domid;
    } granted;
};

/* One copy between any two sides but two of ours: with both granted, data goes from guest to guest
 * and is never here.  Laid out as Linux's driver takes it, so that an array goes there as it is.
 */
struct grant_copy {
    union grant_side from;
    union grant_side to;
    uint16_t len;
    uint16_t flags; /* GNTCOPY_source_gref, GNTCOPY_dest_gref of abi/grant_table.h */
    int16_t status; /* afterwards: GNTST_okay, or what was wrong with this one */
};

/* Does @nr copies in any number of calls, each for itself.  False with errno: the driver takes none
 * of it, and nothing is known of any. */
bool grants_copy_each(struct grant_copy *copies, unsigned nr);

/* @nr pages of ours, one behind the other, that are granted to ourselves: @refs, to be used with
 * DOMID_SELF.  A copy that names our side so costs the kernel nothing, where it looks up and pins
 * the pages behind a pointer each time.  For as long as the process lives; NULL with errno: there
 * are none, or not so many. */
void *grants_own(unsigned nr, uint32_t *refs);

/* An event channel with a descriptor of its own. */
struct event {
    int fd; /* readable when the event is pending; -1: none */
    uint32_t port;
};

/* Binds to the other end @port of domain @domid, or to a virtual interrupt of the hypervisor; false
 * with errno. */
bool event_bind(struct event *event, unsigned domid, uint32_t port);
bool event_bind_virq(struct event *event, unsigned virq);
void event_close(struct event *event);

/* Is one pending?  It is taken then, and no other comes until event_enable(). */
bool event_take(const struct event *event);
void event_enable(const struct event *event);
void event_notify(const struct event *event);

/* ---- for brokers and jails ---- */

/* Another descriptor of the device by which grants are mapped; -1 with errno. */
int gate_device(void);
/* Uses that of a broker from now on. */
void gate_use(int device);

/* Makes grants ready for an mmap() of @device at @offset, by whoever shares it; false with errno.
 * gate_withdraw() ends that; what is mapped meanwhile stays until munmap(). */
bool gate_offer(int device, unsigned domid, const uint32_t *refs, unsigned nr, uint64_t *offset);
void gate_withdraw(int device, uint64_t offset, unsigned nr);

/* All that this process may do to the kernel's devices in a jail: numbers of ioctls, ended by 0. */
const unsigned long *gate_ioctls(void);
