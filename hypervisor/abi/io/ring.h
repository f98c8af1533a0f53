/* SPDX-License-Identifier: MIT */
/*
 * The shared-page ring of blkif and netif: a 64-byte header of four free-running indices, then
 * slots that hold a request or, in its place, the response.  The number of slots is the largest
 * power of two that fits.  Only the layout lives here; index arithmetic and its checks belong to
 * the back ends, since the other side writes every one of these fields at any time.
 */
#pragma once

#include <stdint.h>

typedef uint32_t RING_IDX;

#define XEN_PAGE_SHIFT 12

/* Bytes before the first slot. */
#define XEN_RING_HEADER_SIZE 64

/*
 * Defines union <name>_sring_entry and struct <name>_sring.  A producer that moves its index past
 * the other side's *_event must notify.
 */
#define DEFINE_RING_TYPES(name, req_t, rsp_t)                                                      \
    union name##_sring_entry {                                                                     \
        req_t req;                                                                                 \
        rsp_t rsp;                                                                                 \
    };                                                                                             \
    struct name##_sring {                                                                          \
        RING_IDX req_prod;                                                                         \
        RING_IDX req_event;                                                                        \
        RING_IDX rsp_prod;                                                                         \
        RING_IDX rsp_event;                                                                        \
        uint8_t pvt[4];                                                                            \
        uint8_t __pad[44];                                                                         \
        union name##_sring_entry ring[1];                                                          \
    }
