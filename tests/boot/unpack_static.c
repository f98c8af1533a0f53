/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the boot-only decompressors (build/hypervisor/boot/unpack_all.o, the very object that is
 * linked into the hypervisor) need no C library, no allocator, no thread-local storage but the
 * stack canary at %fs:0x28, and less than half of a CPU's stack.
 *
 * A static program without a C library, linked far above 4 GiB: it unpacks the kernel file named
 * on its command line to standard output and reports the deepest use of the stack on standard
 * error.  tests/boot/unpack.sh compares what comes out with the stock tools.
 */
#include <stdarg.h>

#include "debug/assert.h"
#include "dom0/image.h"
#include "dom0/unpack.h"
#include "lib/format.h"
#include "lib/string.h"

#define SYS_WRITE      1
#define SYS_OPEN       2
#define SYS_LSEEK      8
#define SYS_MMAP       9
#define SYS_EXIT       60
#define SYS_ARCH_PRCTL 158
#define ARCH_SET_FS    0x1002
#define STACK          32768
#define PAINT          0xa5

void unpack_libs_init(void);
__noreturn void start_c(long *args);

static uint8_t fs_area[64] __aligned(64);
static uint8_t stack[STACK] __aligned(64);

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start_c\n");

static long sys(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

static void say(const char *text)
{
    sys(SYS_WRITE, 2, (long)text, (long)strlen(text), 0, 0, 0);
    sys(SYS_WRITE, 2, (long)"\n", 1, 0, 0, 0);
}

static __noreturn void quit(int status)
{
    for (;;)
        sys(SYS_EXIT, status, 0, 0, 0, 0, 0);
}

void panic(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    say(text);
    quit(3);
}

static void *memory(size_t size, int fd)
{
    long prot = fd < 0 ? 3 : 1, flags = fd < 0 ? 0x22 : 2; /* private, anonymous or of the file */
    long p = sys(SYS_MMAP, 0, (long)size, prot, flags, fd, 0);

    if (p < 0 && p > -4096)
        panic("mmap of %zu bytes failed", size);
    return (void *)p;
}

static void check(const char *why)
{
    if (!why)
        return;
    say(why);
    quit(1);
}

struct job {
    struct packed_image p;
    struct unpack_arena arena;
    uint64_t size, needs;
    uint8_t *out;
    const char *why;
};

static void run(void *arg)
{
    struct job *job = arg;

    unpack_libs_init();
    job->why = unpack_size(&job->p, &job->size, &job->needs);
    if (job->why)
        return;
    job->out = memory(job->size, -1);
    job->arena = (struct unpack_arena){.base = memory(job->needs + 1, -1), .size = job->needs};
    job->why = unpack(&job->p, job->out, job->size, &job->arena);
}

static void on_stack(void (*fn)(void *), void *arg)
{
    __asm__ volatile("mov %%rsp, %%r12\n mov %2, %%rsp\n call *%0\n mov %%r12, %%rsp"
                     : "+a"(fn), "+D"(arg)
                     : "r"(stack + STACK)
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "memory");
}

void start_c(long *args)
{
    static struct job job;
    char text[128];
    long fd, len;
    size_t unused = 0;

    if (args[0] != 2)
        panic("usage: unpack_static FILE > OUTPUT");
    fd = sys(SYS_OPEN, args[2], 0, 0, 0, 0, 0);
    len = sys(SYS_LSEEK, fd, 0, 2, 0, 0, 0);
    if (fd < 0 || len <= 0)
        panic("cannot read the file");

    for (size_t i = 0; i < sizeof(fs_area); i++)
        fs_area[i] = (uint8_t)(0x3c + i);
    sys(SYS_ARCH_PRCTL, ARCH_SET_FS, (long)fs_area, 0, 0, 0, 0);
    for (size_t i = 0; i < STACK; i++)
        stack[i] = PAINT;

    check(image_recognise(&job.p, memory((size_t)len, (int)fd), (uint64_t)len));
    on_stack(run, &job);
    check(job.why);
    while (stack[unused] == PAINT)
        unused++;
    snprintf(text, sizeof(text), "unpacked %llu bytes, arena %llu of %llu, stack %llu",
             (unsigned long long)job.size, (unsigned long long)job.arena.used,
             (unsigned long long)job.needs, (unsigned long long)(STACK - unused));
    say(text);
    for (uint64_t at = 0; at < job.size;) {
        long n = sys(SYS_WRITE, 1, (long)(job.out + at), (long)(job.size - at), 0, 0, 0);

        if (n <= 0)
            panic("cannot write the output");
        at += (uint64_t)n;
    }
    quit(0);
}
