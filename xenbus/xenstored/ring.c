// SPDX-License-Identifier: GPL-2.0-only
/* Ring arithmetic: see ring.h.  The barriers pair with those of the domain's kernel: indices are
 * read before the bytes that they promise, and written after them.
 */
#include "ring.h"

#include <string.h>

static uint32_t load(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static uint32_t to_end(uint32_t index)
{
    return XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(index);
}

static uint32_t least(uint32_t a, size_t b)
{
    return a < b ? a : (uint32_t)b;
}

int ring_read(const struct xenstore_domain_interface *ring, uint32_t cons, char *out, size_t room)
{
    uint32_t there = load(&ring->req_prod) - cons;
    if (there > XENSTORE_RING_SIZE)
        return -1;
    uint32_t len = least(there, room), first = least(len, to_end(cons));
    memcpy(out, ring->req + MASK_XENSTORE_IDX(cons), first);
    memcpy(out + first, ring->req, len - first);
    return (int)len;
}

int ring_write(struct xenstore_domain_interface *ring, uint32_t prod, const char *in, size_t len)
{
    uint32_t used = prod - load(&ring->rsp_cons);
    if (used > XENSTORE_RING_SIZE)
        return -1;
    uint32_t n = least(XENSTORE_RING_SIZE - used, len), first = least(n, to_end(prod));
    memcpy(ring->rsp + MASK_XENSTORE_IDX(prod), in, first);
    memcpy(ring->rsp, in + first, n - first);
    return (int)n;
}

void ring_publish_cons(struct xenstore_domain_interface *ring, uint32_t cons)
{
    store(&ring->req_cons, cons);
}

void ring_publish_prod(struct xenstore_domain_interface *ring, uint32_t prod)
{
    store(&ring->rsp_prod, prod);
}

void ring_reset(struct xenstore_domain_interface *ring)
{
    ring->req_cons = ring->req_prod = ring->rsp_cons = ring->rsp_prod = 0;
    ring->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
    ring->error = XENSTORE_ERROR_NONE;
}

void ring_connected(struct xenstore_domain_interface *ring)
{
    store(&ring->connection, XENSTORE_CONNECTED);
}

int ring_wants_reset(const struct xenstore_domain_interface *ring)
{
    return load(&ring->connection) == XENSTORE_RECONNECT;
}

void ring_error(struct xenstore_domain_interface *ring, uint32_t error)
{
    store(&ring->error, error);
}
