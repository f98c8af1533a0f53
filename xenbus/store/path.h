/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths of the store: what a client may write, and the one form in which the rest sees it.
 *
 * A canonical path is "/" or "/name/name...", of the characters [A-Za-z0-9-/_@], without "//" and
 * without a slash at its end, and shorter than XENSTORE_ABS_PATH_MAX.  Two other words stand where
 * a path does:
 * "@introduceDomain" and "@releaseDomain".  Lengths are checked after a relative path was
 * completed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/io/xs_wire.h"

struct path {
    size_t len;
    size_t base; /* bytes of "/local/domain/<id>/" that were put in front; 0 of an absolute path */
    char text[XENSTORE_ABS_PATH_MAX + 1];
};

/* Makes @text canonical; relative ones begin at the home of domain @base.  @limit bounds the part
 * that is not "/local/domain/<id>/" (0: only the protocol's own limits).  False if it is no path.
 */
bool path_canonical(struct path *out, const char *text, unsigned base, size_t limit);

/* Hash of a path, grown byte by byte, so that one pass gives the hashes of all its ancestors. */
#define PATH_HASH_START 0xcbf29ce484222325u
static inline uint64_t path_hash_byte(uint64_t hash, char c)
{
    return (hash ^ (uint8_t)c) * 0x100000001b3u; /* FNV-1a */
}
uint64_t path_hash(const char *path, size_t len);
