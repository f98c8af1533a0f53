/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain's memory as a memory file, for tests and fuzzers of dom0-tools/build: mappings of the
 * same frame are the same bytes, as foreign mappings are.  Its machine frames are far from its page
 * frames.
 */
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build/memory.h"

struct world {
    struct guest_memory memory; /* first */
    int fd;
    uint64_t size;       /* of the file, bytes */
    char *all;           /* every frame, in order */
    unsigned fail_after; /* mappings, then they fail; 0: never */
    uint64_t nr_mapped;  /* frames, in all mappings */
};

static inline uint64_t world_mfn(const struct guest_memory *m, uint64_t pfn)
{
    assert(pfn < m->nr_pages);
    return 0x100000 + (pfn ^ 5);
}

static inline void *world_map(struct guest_memory *m, void *at, uint64_t pfn, uint64_t nr,
                              struct problem *why)
{
    struct world *w = (struct world *)m;
    void *p;

    assert(nr && pfn < m->nr_pages && nr <= m->nr_pages - pfn);
    if (w->fail_after && --w->fail_after == 0) {
        problem_set(why, 12, NULL, "this mapping fails");
        return NULL;
    }
    p = mmap(at, nr << GUEST_PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0),
             w->fd, (off_t)(pfn << GUEST_PAGE_SHIFT));
    assert(p != MAP_FAILED);
    w->nr_mapped += nr;
    return p;
}

static inline void world_unmap(struct guest_memory *m, void *p, uint64_t nr)
{
    munmap(p, nr << GUEST_PAGE_SHIFT);
}

/* Mappings of the domain that somebody has made and not undone. */
static inline unsigned world_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned nr = 0;
    char line[400];

    while (fgets(line, sizeof(line), maps))
        nr += strstr(line, "memfd:guest") != NULL;
    fclose(maps);
    return nr - 1;
}

/* The file has @nr_pages for good; tests may give the domain fewer for a while. */
static inline void world_open(struct world *w, uint64_t nr_pages)
{
    *w = (struct world){.memory = {.nr_pages = nr_pages,
                                   .map = world_map,
                                   .unmap = world_unmap,
                                   .forget = world_unmap,
                                   .mfn = world_mfn},
                        .size = nr_pages << GUEST_PAGE_SHIFT};
    w->fd = memfd_create("guest", MFD_CLOEXEC);
    assert(w->fd >= 0 && ftruncate(w->fd, (off_t)w->size) == 0);
    w->all = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    assert(w->all != MAP_FAILED);
}

static inline void world_clear(struct world *w)
{
    int wrong = ftruncate(w->fd, 0) || ftruncate(w->fd, (off_t)w->size);

    assert(!wrong);
    (void)wrong;
}
