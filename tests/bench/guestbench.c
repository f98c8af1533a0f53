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
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
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

struct pipes {
    int there[2], back[2];
    long n;
};

static struct pipes *pipes_open(struct pipes *p, long n)
{
    p->n = n;
    if (pipe(p->there) || pipe(p->back))
        die("pipe");
    return p;
}

static void *echo(void *pipes)
{
    struct pipes *p = pipes;
    char byte = 0;

    for (long n = p->n; n--;)
        if (read(p->there[0], &byte, 1) != 1 || write(p->back[1], &byte, 1) != 1)
            break;
    return NULL;
}

static void round_trips(struct pipes *p)
{
    char byte = 0;

    for (long n = p->n; n--;)
        if (write(p->there[1], &byte, 1) != 1 || read(p->back[0], &byte, 1) != 1)
            break;
}

static void pipes_close(struct pipes *p)
{
    close(p->there[0]);
    close(p->there[1]);
    close(p->back[0]);
    close(p->back[1]);
}

/* A byte to another process and back. */
static void pipe_round_trip(long n)
{
    struct pipes p, *both = pipes_open(&p, n);
    pid_t child = fork();

    if (child < 0)
        die("fork");
    if (!child) {
        echo(both);
        _exit(0);
    }
    round_trips(both);
    waitpid(child, NULL, 0);
    pipes_close(both);
}

/* The same with another thread: no change of address space. */
static void pipe_thread_round_trip(long n)
{
    struct pipes p, *both = pipes_open(&p, n);
    pthread_t thread;

    if (pthread_create(&thread, NULL, echo, both))
        die("pthread_create");
    round_trips(both);
    pthread_join(thread, NULL);
    pipes_close(both);
}

static void cpuid(long n)
{
    while (n--) {
        uint32_t a = 0, b, c = 0, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    }
}

/* A timer that is set again before it is over: the kernel programs its clock each time. */
static void arm_timer(long n)
{
    struct itimerspec off = {{0, 0}, {0, 0}}, soon = {{0, 0}, {0, 500000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);

    if (timer < 0)
        die("timerfd_create");
    while (n--)
        timerfd_settime(timer, 0, &soon, NULL);
    timerfd_settime(timer, 0, &off, NULL);
    close(timer);
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

/* --- what only a control domain's program can do: the kernel's device nodes for hypercalls, events
 * and grants, whose ioctl numbers and structures are Linux's ABI ---------------------------------
 */

#define XEN_IOCTL(type, nr, structure) _IOC(_IOC_NONE, type, nr, sizeof(structure))

struct privcmd_call {
    uint64_t number, argument[5];
};
struct evtchn_peer {
    uint32_t domain, port;
};
struct gntalloc_refs {
    uint16_t domain, flags; /* flags: 1 writable */
    uint32_t count;
    uint64_t index;
    uint32_t ref[1];
};
struct gntdev_map {
    uint32_t count, pad;
    uint64_t index;
    uint32_t domain, ref;
};
struct gntdev_unmap {
    uint64_t index;
    uint32_t count, pad;
};
struct gntdev_segment {
    union {
        void *address;
        struct {
            uint32_t ref;
            uint16_t offset, domain;
        } foreign;
    } source, destination;
    uint16_t length, flags; /* flags: 1 the source is a reference */
    int16_t status;
};
struct gntdev_copy {
    uint32_t count;
    struct gntdev_segment *segments;
};

static int privcmd, evtchn, gntdev;
static uint32_t ports[2], own_ref;

static int have_privcmd(void)
{
    privcmd = open("/dev/xen/privcmd", O_RDWR);
    return privcmd >= 0;
}

/* xen_version, which does nothing: a system call and a hypercall. */
static void privcmd_null(long n)
{
    struct privcmd_call call = {17, {0}};

    while (n--)
        if (ioctl(privcmd, XEN_IOCTL('P', 0, call), &call) < 0)
            die("privcmd");
}

/* A channel of the domain to itself. */
static int have_evtchn(void)
{
    uint32_t domain = 0;
    struct evtchn_peer peer = {0, 0};
    int port;

    evtchn = open("/dev/xen/evtchn", O_RDWR);
    if (evtchn < 0)
        return 0;
    port = ioctl(evtchn, XEN_IOCTL('E', 2, domain), &domain);
    if (port < 0)
        return 0;
    ports[0] = peer.port = (uint32_t)port;
    port = ioctl(evtchn, XEN_IOCTL('E', 1, peer), &peer);
    ports[1] = (uint32_t)port;
    return port >= 0;
}

/* An event sent, received by the same process, and its port unmasked. */
static void evtchn_self(long n)
{
    while (n--) {
        uint32_t port;

        if (ioctl(evtchn, XEN_IOCTL('E', 4, port), &ports[0]) < 0 ||
            read(evtchn, &port, sizeof(port)) != sizeof(port) ||
            write(evtchn, &port, sizeof(port)) != sizeof(port))
            die("evtchn");
    }
}

/* A page that the domain grants to itself. */
static int have_gntdev(void)
{
    struct gntalloc_refs refs = {.flags = 1, .count = 1};
    int gntalloc = open("/dev/xen/gntalloc", O_RDWR);

    gntdev = open("/dev/xen/gntdev", O_RDWR);
    if (gntdev < 0 || gntalloc < 0 || ioctl(gntalloc, XEN_IOCTL('G', 5, refs), &refs) < 0)
        return 0;
    own_ref = refs.ref[0];
    return 1;
}

static void gntdev_map_touch(long n)
{
    while (n--) {
        struct gntdev_map map = {.count = 1, .ref = own_ref};
        struct gntdev_unmap unmap = {.count = 1};
        char *p;

        if (ioctl(gntdev, XEN_IOCTL('G', 0, map), &map) < 0)
            die("gntdev map");
        p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev, (off_t)map.index);
        if (p == MAP_FAILED)
            die("gntdev mmap");
        p[0]++;
        munmap(p, PAGE);
        unmap.index = map.index;
        ioctl(gntdev, XEN_IOCTL('G', 1, unmap), &unmap);
    }
}

static void gntdev_copy_page(long n)
{
    static char page[4096] __attribute__((aligned(4096)));

    page[0] = 1;
    while (n--) {
        struct gntdev_segment segment = {.length = 4096, .flags = 1};
        struct gntdev_copy copy = {1, &segment};

        segment.source.foreign.ref = own_ref;
        segment.destination.address = page;
        if (ioctl(gntdev, XEN_IOCTL('G', 8, copy), &copy) < 0 || segment.status)
            die("gntdev copy");
    }
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

static int everywhere(void)
{
    return 1;
}

static const struct {
    const char *name;
    void (*run)(long n);
    long operations;
    int (*available)(void); /* asked once, and prepares */
} benches[] = {
    {"compute", compute, 1000000, everywhere},
    {"null_syscall", null_syscall, 20000, everywhere},
    {"sched_yield", yield, 10000, everywhere},
    {"clock_gettime", read_clock, 20000, everywhere},
    {"cpuid", cpuid, 20000, everywhere},
    {"page_fault", page_fault, 2000, everywhere},
    {"mmap_touch_munmap", map_touch_unmap, 500, everywhere},
    {"mprotect16_pair", protect_pair, 500, everywhere},
    {"fork_wait", fork_wait, 30, everywhere},
    {"fork_exec_wait", fork_exec_wait, 20, everywhere},
    {"pipe_pingpong_proc", pipe_round_trip, 1000, everywhere},
    {"pipe_pingpong_thread", pipe_thread_round_trip, 1000, everywhere},
    {"signal_self", signal_self, 2000, everywhere},
    {"segv_fixup", fault_handler, 1000, everywhere},
    {"timer_arm", arm_timer, 2000, everywhere},
    {"privcmd_null", privcmd_null, 2000, have_privcmd},
    {"evtchn_self", evtchn_self, 1000, have_evtchn},
    {"gntdev_map_touch", gntdev_map_touch, 300, have_gntdev},
    {"gntdev_copy_page", gntdev_copy_page, 500, have_gntdev},
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
        if (wanted(benches[i].name, argc - optind, argv + optind) && benches[i].available())
            measure(i, percent, marks);
    puts("guestbench: done");
    return 0;
}
