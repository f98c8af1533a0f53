/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small operations of a program, timed inside whatever Linux runs it: native, dom0, or a guest.
 *
 *     guestbench [-s percent] [-m] [name...]
 *
 * Under QEMU's instruction counting a nanosecond is an executed instruction, so what is printed is
 * instructions per operation, and repeats.  Each operation is run once to warm up and then five
 * times; the best and the median round are printed as
 *
 *     BENCH <name> <operations per round> best <ns> median <ns>
 *
 * With -m the measured rounds stand between two marks, instructions without effect whose immediate
 * a QEMU plugin recognizes (hvprofile.c).  What each operation does is fixed: the rows are compared
 * with those of earlier runs and of other hypervisors, so a change here needs a new name.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096L
#define ROUNDS 5
#define BLOCK  (16 * PAGE)

static volatile uint64_t sink; /* keeps results from being optimized away */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static char *anonymous(size_t length, int protection)
{
    char *p = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

static void null_syscall(long n)
{
    while (n--)
        syscall(SYS_getppid);
}

static void yield(long n)
{
    while (n--)
        sched_yield();
}

static void read_clock(long n)
{
    struct timespec t;

    while (n--)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

/* First touch of anonymous pages, one 4 KiB page at a time. */
static void page_fault(long n)
{
    char *p = anonymous(n * PAGE, PROT_READ | PROT_WRITE);

    madvise(p, n * PAGE, MADV_NOHUGEPAGE);
    for (long i = 0; i < n; i++)
        p[i * PAGE] = 1;
    munmap(p, n * PAGE);
}

static void map_touch_unmap(long n)
{
    while (n--) {
        char *p = anonymous(BLOCK, PROT_READ | PROT_WRITE);

        p[0] = 1;
        munmap(p, BLOCK);
    }
}

/* Sixteen touched pages made read-only and writable again. */
static void protect_pair(long n)
{
    char *p = anonymous(BLOCK, PROT_READ | PROT_WRITE);

    memset(p, 1, BLOCK);
    while (n--) {
        mprotect(p, BLOCK, PROT_READ);
        mprotect(p, BLOCK, PROT_READ | PROT_WRITE);
    }
    munmap(p, BLOCK);
}

static void fork_wait(long n)
{
    while (n--) {
        pid_t child = fork();

        if (child < 0)
            die("fork");
        if (!child)
            _exit(0);
        waitpid(child, NULL, 0);
    }
}

/* This very program does nothing when it is called with one argument, "nothing". */
static void fork_exec_wait(long n)
{
    while (n--) {
        pid_t child = fork();

        if (child < 0)
            die("fork");
        if (!child) {
            execl("/proc/self/exe", "guestbench", "nothing", (char *)NULL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
}

/* A byte to another process and back. */
static void pipe_round_trip(long n)
{
    int there[2], back[2];
    char byte = 0;
    pid_t child;

    if (pipe(there) || pipe(back))
        die("pipe");
    child = fork();
    if (child < 0)
        die("fork");
    if (!child) {
        while (n-- && read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    while (n-- && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
        ;
    waitpid(child, NULL, 0);
    close(there[0]);
    close(there[1]);
    close(back[0]);
    close(back[1]);
}

static void count_signal(int number)
{
    (void)number;
    sink++;
}

static void signal_self(long n)
{
    pid_t me = getpid();

    signal(SIGUSR1, count_signal);
    while (n--)
        kill(me, SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
}

static char *guarded;

static void unprotect(int number)
{
    (void)number;
    mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
}

/* A write to a page without access; the handler of the fault gives access, the write goes on. */
static void fault_handler(long n)
{
    guarded = anonymous(PAGE, PROT_READ | PROT_WRITE);
    signal(SIGSEGV, unprotect);
    while (n--) {
        mprotect(guarded, PAGE, PROT_NONE);
        *(volatile char *)guarded = 1;
    }
    signal(SIGSEGV, SIG_DFL);
    munmap(guarded, PAGE);
}

/* No hypervisor should be seen in this one: the control row. */
static void compute(long n)
{
    uint64_t x = 88172645463325252UL;

    while (n--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    sink = x;
}

static const struct {
    const char *name;
    void (*run)(long n);
    long operations;
} benches[] = {
    {"compute", compute, 1000000},          {"null_syscall", null_syscall, 20000},
    {"sched_yield", yield, 10000},          {"clock_gettime", read_clock, 20000},
    {"page_fault", page_fault, 2000},       {"mmap_touch_munmap", map_touch_unmap, 500},
    {"mprotect16_pair", protect_pair, 500}, {"fork_wait", fork_wait, 30},
    {"fork_exec_wait", fork_exec_wait, 20}, {"pipe_pingpong_proc", pipe_round_trip, 1000},
    {"signal_self", signal_self, 2000},     {"segv_fixup", fault_handler, 1000},
};
#define NR_BENCHES (sizeof(benches) / sizeof(benches[0]))

/* NOPL with a displacement that nobody has by accident; the last byte is the number. */
static void mark_start(void)
{
    __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
}

static void mark_end(void)
{
    __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(unsigned which, long percent, int marks)
{
    long n = benches[which].operations * percent / 100;
    double ns[ROUNDS];

    if (n < 2)
        n = 2;
    benches[which].run(n / 10 + 1);
    if (marks)
        mark_start();
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();

        benches[which].run(n);
        ns[round] = (now_ns() - start) / n;
    }
    if (marks)
        mark_end();
    qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
    printf("BENCH %-20s %8ld best %.1f median %.1f\n", benches[which].name, n, ns[0],
           ns[ROUNDS / 2]);
}

static int wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return 1;
    return count == 0;
}

int main(int argc, char **argv)
{
    long percent = 100;
    int marks = 0, option;
    cpu_set_t one;

    if (argc == 2 && !strcmp(argv[1], "nothing"))
        return 0;
    while ((option = getopt(argc, argv, "s:m")) != -1) {
        if (option == 's')
            percent = atol(optarg);
        else if (option == 'm')
            marks = 1;
        else
            return 2;
    }
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < NR_BENCHES; i++)
        if (wanted(benches[i].name, argc - optind, argv + optind))
            measure(i, percent, marks);
    return 0;
}
