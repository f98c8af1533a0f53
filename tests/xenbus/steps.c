// SPDX-License-Identifier: GPL-2.0-only
/* Watches a program by ptrace, for tests of the store's daemon: counts the instructions that it
 * executes in user mode, or ends it at a chosen system call.
 *
 *   steps count PID FILE             counts, until it is ended itself.  FILE has two numbers of 64
 *                                    bits: instructions, system calls; they are always up to date.
 *                                    What a REP prefix repeats counts once.
 *   steps kill SEED CALLS PIDS... FILE  sends SIGKILL to each of two processes that replace each
 *                                    other, and to their successors, at some system call of its
 *                                    life, before it or after it, about CALLS after it began; but
 *                                    never to the last one of the two.  FILE has the number of
 *                                    kills of daemons and of keepers; a third number, set by the
 *                                    test, says that it is enough.
 *
 * A keeper is who is called so; the others are daemons.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile uint64_t *report;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void map_report(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        fail(path);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        fail(path);
    report = p;
}

static void seize(pid_t pid, unsigned long options)
{
    if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
        fail("ptrace");
}

/* ---- counting */

static unsigned long rip_of(pid_t pid)
{
    return (unsigned long)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), 0);
}

/* Is there a SYSCALL at this place?  Code does not change, so each place is read once. */
static bool is_syscall(pid_t pid, unsigned long rip)
{
    static struct {
        unsigned long rip;
        bool is;
    } known[1 << 14], *k;
    k = &known[(rip * 0x9e3779b97f4a7c15u) >> 50];
    if (k->rip != rip) {
        k->rip = rip;
        k->is = (ptrace(PTRACE_PEEKTEXT, pid, rip, 0) & 0xffff) == 0x050f;
    }
    return k->is;
}

static int count(pid_t pid)
{
    int status;
    unsigned long rip = 0;
    seize(pid, 0);
    for (;;) {
        int deliver = 0;
        if (waitpid(pid, &status, __WALL) < 0)
            return errno == ECHILD ? 0 : 1;
        if (!WIFSTOPPED(status))
            return 0;
        bool event = status >> 16;
        if (WSTOPSIG(status) != SIGTRAP)
            deliver = event ? 0 : WSTOPSIG(status);
        unsigned long now = rip_of(pid);
        if (!event && !deliver && now != rip)
            report[0]++;
        rip = now;
        if (!deliver && is_syscall(pid, rip))
            report[1]++;
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, deliver) < 0 && errno != ESRCH)
            return 1;
    }
}

/* ---- killing */

struct victim {
    pid_t pid;
    bool keeper, doomed;
    bool told;          /* its maker has told of it: not before that may it go */
    unsigned long left; /* stops that it lives for still */
};

#define VICTIMS  64
#define TAKEOVER 100 /* stops, about, until a daemon serves */

static struct victim victims[VICTIMS];
static uint64_t seed;
static unsigned calls;

static unsigned long rnd(unsigned long n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static struct victim *victim(pid_t pid)
{
    for (int i = 0; i < VICTIMS; i++)
        if (victims[i].pid == pid)
            return &victims[i];
    return NULL;
}

static struct victim *victim_new(pid_t pid, bool keeper)
{
    struct victim *v = victim(pid);
    if (!v)
        v = victim(0);
    if (!v)
        fail("too many processes");
    if (!v->pid)
        /* Two stops for each call.  A quarter die early: while they take over.  A keeper makes few
         * calls. */
        *v = (struct victim){.pid = pid,
                             .left = keeper   ? rnd(TAKEOVER)
                                     : rnd(4) ? TAKEOVER + rnd(4ul * calls)
                                              : rnd(2 * TAKEOVER)};
    v->keeper = keeper;
    return v;
}

/* A living process of the other kind, which would replace it. */
static bool has_other(bool keeper)
{
    for (int i = 0; i < VICTIMS; i++)
        if (victims[i].pid && !victims[i].doomed && victims[i].keeper != keeper)
            return true;
    return false;
}

/* A stop at the beginning or the end of a system call. */
static bool dies_now(struct victim *v)
{
    if (v->left) {
        v->left--;
        return false;
    }
    return v->told && !v->doomed && !report[2] && has_other(v->keeper);
}

static void stopped(struct victim *v, int status)
{
    int event = status >> 16, deliver = 0;
    unsigned long child;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_VFORK) {
        if (ptrace(PTRACE_GETEVENTMSG, v->pid, 0, &child) == 0)
            victim_new((pid_t)child, !v->keeper)->told = true; /* each makes the other */
    } else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        if (dies_now(v)) {
            v->doomed = true;
            report[v->keeper]++;
            kill(v->pid, SIGKILL);
            return;
        }
    } else if (!event) {
        deliver = WSTOPSIG(status);
    }
    if (ptrace(PTRACE_SYSCALL, v->pid, 0, deliver) < 0 && errno != ESRCH)
        fail("ptrace");
}

static int murder(char *pids[], int nr)
{
    int status;
    for (int i = 0; i < nr; i++) {
        char path[64], name[32] = "";
        pid_t pid = atoi(pids[i]);
        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        FILE *f = fopen(path, "r");
        if (!f || !fgets(name, sizeof(name), f))
            fail(path);
        fclose(f);
        victim_new(pid, strstr(name, "keeper"))->told = true;
        seize(pid, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                       PTRACE_O_TRACECLONE);
    }
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0)
            return errno == ECHILD ? 0 : 1;
        struct victim *v = victim(pid);
        if (!WIFSTOPPED(status)) {
            if (v)
                v->pid = 0;
            continue;
        }
        if (!v) /* it is stopped before its maker tells of it: of the kind that is missing */
            v = victim_new(pid, !has_other(false));
        stopped(v, status);
    }
}

int main(int argc, char *argv[])
{
    if (argc == 4 && strcmp(argv[1], "count") == 0) {
        map_report(argv[3]);
        return count(atoi(argv[2]));
    }
    if (argc >= 6 && strcmp(argv[1], "kill") == 0) {
        seed = strtoul(argv[2], NULL, 10);
        calls = (unsigned)strtoul(argv[3], NULL, 10);
        map_report(argv[argc - 1]);
        return murder(argv + 4, argc - 5);
    }
    fputs("usage: steps count PID FILE | steps kill SEED CALLS PIDS... FILE\n", stderr);
    return 2;
}
