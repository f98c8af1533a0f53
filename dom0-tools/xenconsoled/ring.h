/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of a guest's console page.  The guest is hostile: it may write anything anywhere
 * in the page at any time.  Each index is read once and judged; whatever it says, no byte outside
 * of the rings is touched.  Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/io/console.h"

/* Copies what the guest has written: at most one ring's size, the number of bytes.  Its room is the
 * guest's again only by the second call, with the first one's @end: when the text is where a kill
 * does not reach it.  A distance between the indices that cannot be gives the ring's whole size
 * once, and is put right then.
 */
size_t ring_look(const struct xencons_interface *page,
                 char text[sizeof(((struct xencons_interface *)0)->out)], uint32_t *end);
void ring_taken(struct xencons_interface *page, uint32_t end);

/* Room for input now, and puts some there; @len must not exceed it. */
size_t ring_room(const struct xencons_interface *page);
void ring_put(struct xencons_interface *page, const char *text, size_t len);
