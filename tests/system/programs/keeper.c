/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What must go on as if nothing had been when a guest is saved and restored: one thread on each
 * vCPU counts, keeps a pattern in the vector registers over a stretch of instructions and compares
 * it, and looks whether a clock ever went back.  Ten times a second /tmp/keeper is replaced by one
 * line:
 *
 *     SUM-OF-COUNTS LOWEST-COUNT REGISTERS-CHANGED CLOCK-WENT-BACK
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS   64
#define STRETCH    20000 /* turns of a loop between loading the registers and looking at them */
#define PAUSE_US   20000
#define REPORT_US  100000
#define NS_PER_S   1000000000ull
#define VECTOR_LEN 32

static struct worker {
    pthread_t thread;
    unsigned cpu;
    _Atomic unsigned long count, changed, back;
} workers[MAX_CPUS];

static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
                                   CLOCK_REALTIME};
#define NR_CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void keep_avx(const void *in, void *out)
{
    unsigned long turns = STRETCH;

    __asm__ volatile(
        "vmovdqu (%1), %%ymm6\n vmovdqu (%1), %%ymm15\n"
        "1: dec %0\n jnz 1b\n"
        "vpxor %%ymm6, %%ymm15, %%ymm15\n vmovdqu %%ymm6, (%2)\n vmovdqu %%ymm15, 32(%2)\n"
        "vzeroupper"
        : "+r"(turns)
        : "r"(in), "r"(out)
        : "memory", "xmm6", "xmm15");
}

static void keep_sse(const void *in, void *out)
{
    unsigned long turns = STRETCH;

    __asm__ volatile("movdqu (%1), %%xmm6\n movdqu 16(%1), %%xmm15\n"
                     "1: dec %0\n jnz 1b\n"
                     "movdqu %%xmm6, (%2)\n movdqu %%xmm15, 16(%2)"
                     : "+r"(turns)
                     : "r"(in), "r"(out)
                     : "memory", "xmm6", "xmm15");
}

static void *work(void *arg)
{
    struct worker *w = arg;
    unsigned char in[VECTOR_LEN];
    unsigned long long last[NR_CLOCKS] = {0};
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(w->cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        abort();
    for (;; usleep(PAUSE_US)) {
        unsigned char out[2 * VECTOR_LEN] = {0};

        memset(in, (int)(w->count ^ w->cpu << 4), sizeof(in));
        if (__builtin_cpu_supports("avx"))
            keep_avx(in, out);
        else
            keep_sse(in, out);
        w->changed += memcmp(in, out, sizeof(in)) != 0;
        for (unsigned i = 0; i < NR_CLOCKS; i++) {
            struct timespec t;
            unsigned long long now;

            clock_gettime(clocks[i], &t);
            now = (unsigned long long)t.tv_sec * NS_PER_S + (unsigned long long)t.tv_nsec;
            w->back += now < last[i];
            last[i] = now;
        }
        w->count++;
    }
}

int main(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    for (unsigned i = 0; i < cpus && i < MAX_CPUS; i++) {
        workers[i].cpu = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            abort();
    }
    for (;; usleep(REPORT_US)) {
        unsigned long sum = 0, lowest = ~0ul, changed = 0, back = 0;
        FILE *f = fopen("/tmp/keeper.new", "w");

        for (unsigned i = 0; i < cpus && i < MAX_CPUS; i++) {
            unsigned long count = workers[i].count;

            sum += count;
            lowest = count < lowest ? count : lowest;
            changed += workers[i].changed;
            back += workers[i].back;
        }
        if (!f)
            abort();
        fprintf(f, "%lu %lu %lu %lu\n", sum, lowest, changed, back);
        fclose(f);
        rename("/tmp/keeper.new", "/tmp/keeper");
    }
}
