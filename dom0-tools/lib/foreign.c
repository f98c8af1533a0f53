// SPDX-License-Identifier: GPL-2.0-only
/* Mappings of other domains' frames: see foreign.h.  Numbers and structures of the ioctls are those
 * of Linux's drivers/xen/privcmd.c. */
#include "lib/foreign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE_SHIFT 12
#define FEW        64

struct run {
    uint64_t va, mfn, nr;
};
struct ioctl_mmap {
    int num;
    uint16_t dom;
    const struct run *runs;
};
#define IOCTL_PRIVCMD_MMAP _IOC(_IOC_NONE, 'P', 2, sizeof(struct ioctl_mmap))

struct ioctl_mmap_resource {
    uint16_t dom;
    uint32_t type, id, first;
    uint64_t num, addr;
};
#define IOCTL_PRIVCMD_MMAP_RESOURCE _IOC(_IOC_NONE, 'P', 7, sizeof(struct ioctl_mmap_resource))

static const char gone[] = "The domain may have ended meanwhile: look at `pavis list`";

/* Takes the place of what is at @at, or finds one where that is NULL. */
static void *reserve(const struct hypercalls *h, void *at, size_t nr)
{
    void *p = mmap(at, nr << PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0),
                   hypercalls_fd(h), 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Frames one after the other are named by their first: most of a domain's are, by 2 MiB. */
static size_t make_runs(struct run *runs, uint64_t at, const uint64_t *mfns, size_t nr)
{
    size_t nr_runs = 0;

    for (size_t i = 0; i < nr; i++)
        if (nr_runs && mfns[i] == mfns[i - 1] + 1)
            runs[nr_runs - 1].nr++;
        else
            runs[nr_runs++] = (struct run){at + (i << PAGE_SHIFT), mfns[i], 1};
    return nr_runs;
}

int foreign_map_at(struct hypercalls *h, unsigned domid, void *at, const uint64_t *mfns, size_t nr,
                   struct problem *why)
{
    struct run few[FEW], *runs = few;
    struct ioctl_mmap map = {.dom = (uint16_t)domid};
    int ret;

    if (!reserve(h, at, nr))
        return problem_set(why, errno, NULL, "no address space for memory of domain %u", domid);
    if (nr > FEW)
        runs = calloc(nr, sizeof(*runs));
    if (!runs)
        return problem_set(why, ENOMEM, NULL, "no memory");
    map.num = (int)make_runs(runs, (uintptr_t)at, mfns, nr);
    map.runs = runs;
    ret = ioctl(hypercalls_fd(h), IOCTL_PRIVCMD_MMAP, &map);
    if (ret < 0)
        problem_set(why, errno, gone, "cannot map %zu frames of domain %u, the first being %#llx",
                    nr, domid, (unsigned long long)mfns[0]);
    if (runs != few)
        free(runs);
    return ret < 0 ? -1 : 0;
}

void *foreign_map(struct hypercalls *h, unsigned domid, const uint64_t *mfns, size_t nr,
                  struct problem *why)
{
    void *at = mmap(NULL, nr << PAGE_SHIFT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) {
        problem_set(why, errno, NULL, "no address space for memory of domain %u", domid);
        return NULL;
    }
    if (foreign_map_at(h, domid, at, mfns, nr, why) == 0)
        return at;
    foreign_unmap(at, nr);
    return NULL;
}

void *foreign_resource(struct hypercalls *h, unsigned domid, unsigned type, unsigned id,
                       unsigned first, size_t nr, struct problem *why)
{
    struct ioctl_mmap_resource map = {
        .dom = (uint16_t)domid, .type = type, .id = id, .first = first, .num = nr};
    void *at = reserve(h, NULL, nr);

    map.addr = (uintptr_t)at;
    if (at && ioctl(hypercalls_fd(h), IOCTL_PRIVCMD_MMAP_RESOURCE, &map) >= 0)
        return at;
    problem_set(why, errno, gone, "cannot map resource %u of domain %u", type, domid);
    foreign_unmap(at, nr);
    return NULL;
}

void foreign_unmap(void *p, size_t nr)
{
    if (p)
        munmap(p, nr << PAGE_SHIFT);
}
