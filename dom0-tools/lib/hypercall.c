// SPDX-License-Identifier: GPL-2.0-only
/* /dev/xen/privcmd and the buffers of hypercalls: see hypercall.h.  Numbers and structures of the
 * ioctl are those of Linux's drivers/xen/privcmd.c.
 *
 * Buffers come from /dev/xen/hypercall, whose pages the kernel never moves; kernels before 4.18
 * have no such device, there locked anonymous memory serves.  One small arena lasts for nearly all
 * calls of a program; larger buffers are mapped for themselves.
 */
#include "lib/hypercall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE        4096u
#define ARENA       (4 * PAGE) /* a vCPU's context is 5 KiB */
#define ALIGN       16u
#define LINUX_AGAIN 85 /* ERESTART: the kernel keeps this number from programs, Xen does not */

struct ioctl_hypercall {
    uint64_t op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct ioctl_hypercall))

/* In front of each buffer. */
struct buffer {
    size_t size;   /* of the mapping, 0: in the arena */
    size_t before; /* what was used of the arena */
};
_Static_assert(sizeof(struct buffer) == ALIGN, "a buffer begins aligned");

struct hypercalls {
    int privcmd;
    int buffers; /* -1: locked memory instead */
    char *arena;
    size_t used;
};

static void *map_locked(const struct hypercalls *h, size_t size)
{
    void *p = MAP_FAILED;

    if (h->buffers >= 0)
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, h->buffers, 0);
    if (p == MAP_FAILED)
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1,
                 0);
    return p == MAP_FAILED ? NULL : p;
}

struct hypercalls *hypercalls_open(struct problem *why)
{
    struct hypercalls *h = calloc(1, sizeof(*h));

    if (!h) {
        problem_set(why, ENOMEM, NULL, "no memory");
        return NULL;
    }
    h->buffers = -1;
    h->privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (h->privcmd < 0) {
        const char *remedy = errno == EACCES || errno == EPERM
                                 ? "Run this as root"
                                 : "Run this in dom0 of a machine that was booted with Pavis or "
                                   "Xen; if it was, load the module xen-privcmd";

        problem_set(why, errno, remedy, "the hypervisor cannot be reached: /dev/xen/privcmd");
        free(h);
        return NULL;
    }
    h->buffers = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
    h->arena = map_locked(h, ARENA);
    if (!h->arena) {
        problem_set(why, errno, "Give dom0 more memory", "no memory for hypercalls");
        hypercalls_close(h);
        return NULL;
    }
    return h;
}

void hypercalls_close(struct hypercalls *h)
{
    if (!h)
        return;
    if (h->arena)
        munmap(h->arena, ARENA);
    if (h->buffers >= 0)
        close(h->buffers);
    close(h->privcmd);
    free(h);
}

int hypercalls_fd(const struct hypercalls *h)
{
    return h->privcmd;
}

void *hypercall_alloc(struct hypercalls *h, size_t size)
{
    struct buffer *b;

    if (size > SIZE_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    size = (size + sizeof(*b) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size <= ARENA - h->used) {
        b = (struct buffer *)(h->arena + h->used);
        memset(b, 0, size);
        b->before = h->used;
        h->used += size;
        return b + 1;
    }
    size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
    b = map_locked(h, size);
    if (!b)
        return NULL;
    b->size = size;
    return b + 1;
}

void hypercall_free(struct hypercalls *h, void *p)
{
    struct buffer *b = p;

    if (!p)
        return;
    b--;
    if (b->size)
        munmap(b, b->size);
    else
        h->used = b->before;
}

long hypercall(struct hypercalls *h, unsigned op, uint64_t a0, uint64_t a1, uint64_t a2,
               uint64_t a3)
{
    struct ioctl_hypercall call = {.op = op, .arg = {a0, a1, a2, a3}};
    long result;

    /* ioctl() would cut the result to an int. */
    do {
        result = syscall(SYS_ioctl, h->privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
    } while (result < 0 && (errno == LINUX_AGAIN || errno == EINTR));
    return result;
}
