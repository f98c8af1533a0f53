/* SPDX-License-Identifier: GPL-2.0-only */
/* The short way: a request whose pages are in dom0's page cache is one grant copy between them and
 * the guest's, with nothing read or written on the way.
 *
 * The image is mapped, but nobody here touches the mapping: the kernel does, in the grant copy's
 * call, so a page that has gone bad or a file that has been cut is an error of that call and no
 * signal; then the request goes the ordinary way, which says what is wrong.  A page that is not
 * there would make the call wait, and with it the whole worker.  So only pages that we have had
 * moved before go the short way, and when it once takes long, memory is scarce and we forget them
 * all.
 *
 * Writes go it only to block devices and tmpfs: others' pages want their file system to be asked
 * first.  Pure but for the mapping.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/gate.h"
#include "blkback/image.h"

#define DIRECT_PIECES  64u      /* of one call */
#define DIRECT_SLOW_NS 2000000u /* 2 ms: a call that waited for a disk */

struct direct {
    uint8_t *map; /* NULL: there is no short way */
    uint64_t bytes;
    uint8_t *known; /* a bit for each page */
    bool writes;
    bool reads_tell; /* what was read is in the page cache, and is no hole */
};

/* Does without where it cannot be. */
void direct_open(struct direct *direct, const struct image *image);
void direct_close(struct direct *direct);

/* May these bytes go the short way? */
bool direct_may(const struct direct *direct, uint64_t at, uint64_t len, bool write);
/* They have been moved the ordinary way. */
void direct_learn(struct direct *direct, uint64_t at, uint64_t len, bool write);
/* They are a hole now. */
void direct_punched(struct direct *direct, uint64_t at, uint64_t len);
/* A call has taken so long. */
void direct_took(struct direct *direct, uint64_t ns);
