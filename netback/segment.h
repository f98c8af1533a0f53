/* SPDX-License-Identifier: GPL-2.0-only */
/* What a sender has left to others, done here for a receiver who cannot: the checksum, and cutting
 * into segments.  Seldom, since Linux's front end takes all of it; and slow.  Pure.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

/* Fills the checksum of @size bytes at @frame; @virtio says where.  False: it lies outside. */
bool segment_checksum(uint8_t *frame, uint32_t size, const struct virtio_net_hdr *virtio);

/* Segment number @index of the frame, with its headers and checksums, to @out, which has room for
 * @size bytes.  Its length; 0: there is no such segment, or the headers are not those of TCP. */
uint32_t segment_make(const uint8_t *frame, uint32_t size, const struct virtio_net_hdr *virtio,
                      unsigned index, uint8_t *out);
