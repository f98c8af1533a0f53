// SPDX-License-Identifier: GPL-2.0-only
/* The jail: see jail.h.  Each step by itself would hold a good part of what the others hold; the
 * order is that of what the next one still needs.
 *
 * Calls that are not listed fail with EPERM, so that a library which asks for some luxury goes
 * without it.  A few that no worker makes by mistake end the process at once: its broker logs that.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/jail.h"

#define THREADS 64 /* the kernel's, for input and output that has to wait */

static const int usual[] = {
    /* its descriptors */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(lseek),
    /* its memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(madvise),
    /* time, itself */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Only somebody else's code makes these. */
static const int never[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(connect),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(setuid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setreuid),
    SCMP_SYS(chroot),
    SCMP_SYS(mount),
    SCMP_SYS(pivot_root),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(keyctl),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_register),
};

static bool allow_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t nr)
{
    for (size_t i = 0; i < nr && calls[i] != -1; i++) {
        if (seccomp_rule_add(filter, action, calls[i], 0) != 0)
            return false;
    }
    return true;
}

/* Memory that can be run is what it was when the process began. */
static bool allow_memory(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0) == 0;
}

static bool filter_calls(const struct jail *jail)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool good = filter && seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
                allow_all(filter, SCMP_ACT_ALLOW, usual, sizeof(usual) / sizeof(usual[0])) &&
                allow_all(filter, SCMP_ACT_KILL_PROCESS, never, sizeof(never) / sizeof(never[0])) &&
                (!jail->calls || allow_all(filter, SCMP_ACT_ALLOW, jail->calls, SIZE_MAX)) &&
                allow_memory(filter) &&
                /* abort(); not SIGKILL, which to its broker means that somebody else has done it */
                seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
                                 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
                                 SCMP_A2(SCMP_CMP_EQ, SIGABRT)) == 0;
    for (const unsigned long *nr = jail->ioctls; good && nr && *nr; nr++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                SCMP_A1(SCMP_CMP_EQ, *nr)) == 0;
    int status = good ? seccomp_load(filter) : -EINVAL;
    seccomp_release(filter);
    errno = -status;
    return status == 0;
}

/* Bytes of memory that count as data: the sixth of the numbers there, in pages. */
static unsigned long data_now(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f || fscanf(f, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

static bool limit(int resource, unsigned long most)
{
    struct rlimit r = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &r) == 0;
}

static bool limit_all(const struct jail *jail, bool root)
{
    return limit(RLIMIT_DATA, data_now() + jail->memory) &&
           limit(RLIMIT_NOFILE, jail->descriptors) && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_RTPRIO, 0) &&
           /* Counted for the user, who has nothing else running if the id is the jail's. */
           (!root || limit(RLIMIT_NPROC, THREADS));
}

/* The root is a directory that was removed: nothing is in it and nothing can come into it. */
static bool leave_files(const char *directory)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/root.%d", directory, getpid());
    rmdir(path); /* of a process of the same number, which was killed here */
    return mkdir(path, 0) == 0 && chdir(path) == 0 && rmdir(path) == 0 && chroot(".") == 0 &&
           chdir("/") == 0;
}

static bool become(unsigned uid)
{
    return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
           setresuid(uid, uid, uid) == 0;
}

bool jail_enter(const struct jail *jail, const char **what)
{
    bool root = geteuid() == 0;
    *what = "its limits";
    if (!limit_all(jail, root))
        return false;
    *what = "networks and shared memory";
    if (root && unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0)
        return false;
    *what = "files";
    if (root && !leave_files(jail->directory))
        return false;
    *what = "its user";
    if (root && !become(jail->uid))
        return false;
    *what = "new privileges";
    /* Only now, since a change of the user undoes both. */
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    *what = "system calls";
    return filter_calls(jail);
}
