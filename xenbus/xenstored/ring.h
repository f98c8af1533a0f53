/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes to and from the page that a domain shares with the store.  Pure: the page is just memory,
 * and everything in it may change at any moment and mean harm.  Our own indices are never read from
 * it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/io/xs_wire.h"

/* Copies at most @room bytes of requests, from index @cons on: how many, or -1 if the domain's
 * index is nonsense.  The caller publishes the new index when it has noted what it took.
 */
int ring_read(const struct xenstore_domain_interface *ring, uint32_t cons, char *out, size_t room);
/* Copies at most @len bytes of answers to index @prod on, as many as there is room for: see
 * ring_read. */
int ring_write(struct xenstore_domain_interface *ring, uint32_t prod, const char *in, size_t len);

void ring_publish_cons(struct xenstore_domain_interface *ring, uint32_t cons);
void ring_publish_prod(struct xenstore_domain_interface *ring, uint32_t prod);

/* Empties the ring for a fresh start and says what the store can do; then, that it is there. */
void ring_reset(struct xenstore_domain_interface *ring);
void ring_connected(struct xenstore_domain_interface *ring);
/* The domain wants that fresh start. */
int ring_wants_reset(const struct xenstore_domain_interface *ring);
/* Why the store does not listen any more: XENSTORE_ERROR_*. */
void ring_error(struct xenstore_domain_interface *ring, uint32_t error);
