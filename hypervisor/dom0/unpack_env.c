/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carries a call's arguments through unpack_env.S, which has room for one pointer, and runs the
 * archives' constructors before their first use.
 */
#include "dom0/unpack_env.h"

#include "lib/compiler.h"

/* unpack_env.S: runs fn(arg) with interrupts off, SSE usable and %fs at fs_area. */
void unpack_env_call(void (*fn)(void *arg), void *arg, const void *fs_area);
/* boot/unpack_libs.c */
void unpack_libs_init(void);

struct unpack_job {
    const struct packed_image *p;
    uint64_t *out_size, *arena_size; /* both NULL: unpack */
    void *dst;
    size_t dst_size;
    struct unpack_arena *arena;
    const char *why;
};

static __boot_text void run(void *arg)
{
    struct unpack_job *job = arg;

    unpack_libs_init();
    job->why = job->out_size ? unpack_size(job->p, job->out_size, job->arena_size)
                             : unpack(job->p, job->dst, job->dst_size, job->arena);
}

static __boot_text const char *enter(struct unpack_job *job)
{
    /*
     * gcc's stack protector reads its canary at %fs:0x28, the sixth word.  It guards against no
     * attacker here, so that a fixed value does; one with a zero byte stops string copies.
     */
    static const uint64_t fs_area[8] __aligned(64) = {[5] = 0x5041564953c0de00ULL};

    unpack_env_call(run, job, fs_area);
    return job->why;
}

__boot_text const char *unpack_env_size(const struct packed_image *p, uint64_t *out_size,
                                        uint64_t *arena_size)
{
    struct unpack_job job = {.p = p, .out_size = out_size, .arena_size = arena_size};

    return enter(&job);
}

__boot_text const char *unpack_env_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                                          struct unpack_arena *arena)
{
    struct unpack_job job = {.p = p, .dst = dst, .dst_size = dst_size, .arena = arena};

    return enter(&job);
}
