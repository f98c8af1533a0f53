// SPDX-License-Identifier: GPL-2.0-only
/* Rings of frames in shared pages: see channel.h. */
#include "run/channel.h"

#include <string.h>

struct pipe_end pipe_to_guest(struct channel_pages *pages)
{
    return (struct pipe_end){&pages->to_put, &pages->to_taken, pages->to_guest, TO_GUEST, 0};
}

struct pipe_end pipe_from_guest(struct channel_pages *pages)
{
    return (struct pipe_end){&pages->from_put, &pages->from_taken, pages->from_guest, FROM_GUEST,
                             0};
}

static void copy_in(struct pipe_end *p, uint32_t at, const void *bytes, size_t len)
{
    size_t begin = at % p->size, piece = len < p->size - begin ? len : p->size - begin;

    memcpy(p->bytes + begin, bytes, piece);
    memcpy(p->bytes, (const char *)bytes + piece, len - piece);
}

static void copy_out(const struct pipe_end *p, uint32_t at, void *bytes, size_t len)
{
    size_t begin = at % p->size, piece = len < p->size - begin ? len : p->size - begin;

    memcpy(bytes, p->bytes + begin, piece);
    memcpy((char *)bytes + piece, p->bytes, len - piece);
}

bool frame_fits(const struct pipe_end *p, size_t len)
{
    uint32_t used = p->own - __atomic_load_n(p->taken, __ATOMIC_ACQUIRE);

    return used <= p->size && len <= FRAME_MAX && p->size - used >= FRAME_HEADER + len;
}

bool frame_put(struct pipe_end *p, enum frame_kind kind, const void *bytes, size_t len)
{
    const uint8_t header[FRAME_HEADER] = {(uint8_t)kind, 0, (uint8_t)len, (uint8_t)(len >> 8)};

    if (!frame_fits(p, len))
        return false;
    copy_in(p, p->own, header, sizeof(header));
    copy_in(p, p->own + FRAME_HEADER, bytes, len);
    p->own += FRAME_HEADER + (uint32_t)len;
    __atomic_store_n(p->put, p->own, __ATOMIC_RELEASE);
    return true;
}

int frame_get(struct pipe_end *p, uint8_t *kind, char bytes[FRAME_MAX])
{
    uint32_t there = __atomic_load_n(p->put, __ATOMIC_ACQUIRE) - p->own;
    uint8_t header[FRAME_HEADER];
    uint32_t len;

    if (there > p->size)
        return FRAME_BROKEN;
    if (there < FRAME_HEADER)
        return there ? FRAME_BROKEN : FRAME_NONE; /* frames are put whole */
    copy_out(p, p->own, header, sizeof(header));
    len = header[2] | (uint32_t)header[3] << 8;
    if (header[1] || len > FRAME_MAX || len > there - FRAME_HEADER)
        return FRAME_BROKEN;
    *kind = header[0];
    copy_out(p, p->own + FRAME_HEADER, bytes, len);
    p->own += FRAME_HEADER + len;
    __atomic_store_n(p->taken, p->own, __ATOMIC_RELEASE);
    return (int)len;
}

bool pipe_empty(const struct pipe_end *p)
{
    return __atomic_load_n(p->taken, __ATOMIC_ACQUIRE) == p->own;
}
