/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums and segments that a sender leaves to others, between the two ways of saying so: the
 * flags of netif and the header of virtio that a TAP wants.  A guest's word is checked against the
 * packet's own headers, since what comes behind us believes it.  Pure.
 */
#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "netback/packet.h"

/* A guest's packet: the first @len of its @size bytes are at @head, in memory of ours.  Fills
 * @virtio.  Where the guest says "segments" but not "no checksum", which no front end should, the
 * checksum field is made such that it is true, and @offload is corrected.  False with @reason: its
 * headers are not what it says.
 */
bool offload_from_guest(uint8_t *head, unsigned len, uint32_t size, struct offload *offload,
                        struct virtio_net_hdr *virtio, const char **reason);

/* What a packet from the TAP leaves to others; false: it is of a kind that was not agreed on. */
bool offload_from_host(const struct virtio_net_hdr *virtio, struct offload *offload);
