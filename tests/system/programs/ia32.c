/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 32-bit program for dom0, without a C library, so that it builds where there is no 32-bit one.
 * It makes system calls in the two ways that 32-bit programs have, INT 0x80 and the kernel's own
 * entry point (AT_SYSINFO: SYSENTER on Intel's processors, SYSCALL on AMD's), takes signals, faults
 * and forks.  Both ways pass the hypervisor: by a gate of the guest's trap table and by the
 * callbacks `sysenter` and `syscall32`.  The exit status is 0, or the number of the check that
 * failed.
 */
typedef unsigned int u32;

enum { /* i386 system call numbers: Linux's ABI */
       NR_exit = 1,
       NR_fork = 2,
       NR_write = 4,
       NR_getpid = 20,
       NR_kill = 37,
       NR_munmap = 91,
       NR_wait4 = 114,
       NR_sched_yield = 158,
       NR_rt_sigaction = 174,
       NR_mmap2 = 192,
};
enum { AT_SYSINFO = 32, SIGUSR1 = 10, SIGSEGV = 11, ENOSYS = 38 };

static u32 entry; /* the kernel's entry point */
static volatile u32 caught;

static long int80(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
    long result;

    asm volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}

static long sysinfo(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
    long result;

    asm volatile("call *%1"
                 : "=a"(result)
                 : "m"(entry), "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
                 : "memory");
    return result;
}

typedef long (*call_fn)(u32 nr, u32 a, u32 b, u32 c, u32 d);

static void on_signal(int nr)
{
    caught = nr;
}

/* Steps over the two bytes of the faulting MOV: EIP is at 56 in the i386 signal frame's context. */
static void on_fault(int nr, void *info, char *context)
{
    caught = nr;
    *(u32 *)(context + 20 + 56) += 2;
}

static long action(call_fn call, int nr, void *handler, u32 flags)
{
    u32 act[5] = {(u32)handler, flags, 0, 0, 0};

    return call(NR_rt_sigaction, nr, (u32)act, 0, 8);
}

#define CHECK(n, what)                                                                             \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            return base + (n);                                                                     \
        }                                                                                          \
    } while (0)

static int checks(call_fn call, int base)
{
    long pid = int80(NR_getpid, 0, 0, 0, 0);

    for (int i = 0; i < 2000; i++) {
        CHECK(1, call(NR_getpid, 0, 0, 0, 0) == pid);
    }
    CHECK(2, call(9999, 0, 0, 0, 0) == -ENOSYS);
    CHECK(3, call(NR_sched_yield, 0, 0, 0, 0) == 0);

    u32 page = call(NR_mmap2, 0, 4096, 3 /* read, write */, 0x22 /* private, anonymous */);
    CHECK(4, page < 0xfffff000u && page % 4096 == 0);
    *(volatile u32 *)page = 0x32323232;
    CHECK(5, *(volatile u32 *)page == 0x32323232);
    CHECK(6, call(NR_munmap, page, 4096, 0, 0) == 0);

    CHECK(7, action(call, SIGUSR1, on_signal, 0) == 0);
    caught = 0;
    CHECK(8, call(NR_kill, pid, SIGUSR1, 0, 0) == 0 && caught == SIGUSR1);
    CHECK(9, action(call, SIGSEGV, on_fault, 4 /* with siginfo */) == 0);
    caught = 0;
    asm volatile("movl %%eax, (%%ecx)" : : "a"(0), "c"(page) : "memory");
    CHECK(10, caught == SIGSEGV);

    for (int i = 0; i < 20; i++) {
        int status = -1;
        long child = call(NR_fork, 0, 0, 0, 0);

        if (child == 0) {
            call(NR_exit, 40 + i, 0, 0, 0);
        }
        CHECK(11, child > 0 && call(NR_wait4, child, (u32)&status, 0, 0) == child);
        CHECK(12, status == (40 + i) << 8);
    }
    return 0;
}

/* The stack at entry: the number of arguments, arguments, 0, environment, 0, pairs of the auxiliary
 * vector. */
__attribute__((used, noreturn)) void program(u32 *stack)
{
    u32 *at = stack + 1 + stack[0] + 1;
    int failed;

    while (*at++) {
    }
    for (; at[0]; at += 2) {
        if (at[0] == AT_SYSINFO) {
            entry = at[1];
        }
    }
    failed = checks(int80, 0);
    if (!failed) {
        failed = entry ? checks(sysinfo, 20) : 99;
    }
    if (!failed) {
        int80(NR_write, 1, (u32) "32-bit: ok\n", 11, 0);
    }
    for (;;) {
        int80(NR_exit, failed, 0, 0, 0);
    }
}

asm(".globl _start\n"
    "_start: mov %esp, %eax\n"
    "and $-16, %esp\n"
    "push %eax\n"
    "push %eax\n"
    "push %eax\n"
    "push %eax\n"
    "call program\n");
