// SPDX-License-Identifier: GPL-2.0-only
/* Which requests may go the short way: see direct.h. */
#include <string.h>
#include <sys/mman.h>

#include "blkback/direct.h"
#include "blkback/request.h"

#define MUCH (64u << 20) /* bytes: page by page would take long */

static uint64_t bitmap_bytes(const struct direct *direct)
{
    return direct->bytes / GATE_PAGE / 8 + 1;
}

/* Of a larger disk the rest goes the long way: the bitmap is memory of the worker's, of which its
 * jail has 256 MiB for all its disks, and this is one MiB of it. */
#define MOST (32ull << 30)

/* Fresh zeroes, and the memory back. */
static void forget(struct direct *direct)
{
    madvise(direct->known, bitmap_bytes(direct), MADV_DONTNEED);
}

void direct_open(struct direct *direct, const struct image *image)
{
    int rights = PROT_READ | (image->read_only ? 0 : PROT_WRITE);
    uint64_t bytes = image->sectors * SECTOR;
    *direct = (struct direct){.bytes = (bytes < MOST ? bytes : MOST) / GATE_PAGE * GATE_PAGE};
    if (image->is_overlay || direct->bytes == 0)
        return;
    direct->writes = image->page_writes;
    direct->reads_tell = image->no_holes;
    void *map = mmap(NULL, direct->bytes, rights, MAP_SHARED, image->fd, 0);
    void *known = mmap(NULL, bitmap_bytes(direct), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (known != MAP_FAILED)
        direct->known = known;
    if (map != MAP_FAILED)
        direct->map = map;
    if (!direct->map || !direct->known)
        direct_close(direct);
}

void direct_close(struct direct *direct)
{
    if (direct->map)
        munmap(direct->map, direct->bytes);
    if (direct->known)
        munmap(direct->known, bitmap_bytes(direct));
    direct->map = direct->known = NULL;
}

bool direct_may(const struct direct *direct, uint64_t at, uint64_t len, bool write)
{
    if (!direct->map || (write && !direct->writes) || len == 0 || at + len > direct->bytes)
        return false;
    for (uint64_t page = at / GATE_PAGE; page <= (at + len - 1) / GATE_PAGE; page++) {
        if (!(direct->known[page / 8] >> page % 8 & 1))
            return false;
    }
    return true;
}

void direct_learn(struct direct *direct, uint64_t at, uint64_t len, bool write)
{
    if (!direct->map || !(write || direct->reads_tell) || at + len > direct->bytes)
        return;
    for (uint64_t page = at / GATE_PAGE; page * GATE_PAGE < at + len; page++)
        direct->known[page / 8] |= (uint8_t)(1u << page % 8);
}

void direct_punched(struct direct *direct, uint64_t at, uint64_t len)
{
    direct->reads_tell = false;
    if (!direct->map)
        return;
    if (len >= MUCH) {
        forget(direct);
        return;
    }
    for (uint64_t page = at / GATE_PAGE;
         page * GATE_PAGE < at + len && page * GATE_PAGE < direct->bytes; page++)
        direct->known[page / 8] &= (uint8_t) ~(1u << page % 8);
}

void direct_took(struct direct *direct, uint64_t ns)
{
    if (ns > DIRECT_SLOW_NS)
        forget(direct);
}
