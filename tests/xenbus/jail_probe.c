// SPDX-License-Identifier: GPL-2.0-only
/* What a worker could do that its guest has taken over: this program goes into the same jail by the
 * same function, a disk's with the same io_uring, and tries to get out, each attempt in a process
 * of its own.
 *
 * usage: jail_probe DIRECTORY [net], for a network's worker; else a disk's
 * A line for each attempt that did not end as it must; status 0: all did.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/ask.h"
#include "backend/gate.h"
#include "blkback/engine.h"
#include "blkback/jail.h"
#include "netback/jail.h"

#define GNTDEV_MAP   0x184700ul /* the sizes are those of the driver's structures */
#define GNTDEV_UNMAP 0x104701ul
#define GNTDEV_COPY  0x104708ul
#define EVTCHN_BIND  0x084501ul
#define MEMORY       (512ul << 20) /* more than either may have */
#define DESCRIPTORS  4096          /* likewise */

static int image;  /* a file that was passed in */
static int device; /* stands for gntdev */
static int pair[2];
static struct engine engine;
static int poller;
static uint8_t *page;
static char *const nothing[] = {NULL};

/* ---- attempts: 0 if it has worked, else -errno */

#define ATTEMPT(name, call)                                                                        \
    static int name(void)                                                                          \
    {                                                                                              \
        return (call) == -1 ? -errno : 0;                                                          \
    }

ATTEMPT(open_file, open("/etc/passwd", O_RDONLY))
ATTEMPT(open_here, syscall(SYS_open, ".", O_RDONLY))
ATTEMPT(open_proc, open("/proc/self/mem", O_RDWR))
ATTEMPT(create_file, openat(AT_FDCWD, "x", O_CREAT | O_RDWR, 0600))
ATTEMPT(list_root, access("/", F_OK))
ATTEMPT(remove_file, unlink("x"))
ATTEMPT(make_node, mknod("m", S_IFCHR | 0600, 0x101))
ATTEMPT(local_socket, socket(AF_UNIX, SOCK_STREAM, 0))
ATTEMPT(inet_socket, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(connect_it, connect(pair[0], &(struct sockaddr){AF_UNIX, "\0x"}, 4))
ATTEMPT(run_program, execve("/bin/true", nothing, nothing))
ATTEMPT(run_descriptor, syscall(SYS_execveat, image, "", nothing, nothing, AT_EMPTY_PATH))
ATTEMPT(new_process, syscall(SYS_fork))
ATTEMPT(new_thread, syscall(SYS_clone, CLONE_VM | SIGCHLD, 0, 0, 0, 0))
ATTEMPT(new_thread_3, syscall(SYS_clone3, page, 64))
ATTEMPT(trace, ptrace(PTRACE_ATTACH, getppid(), 0, 0))
ATTEMPT(read_other,
        process_vm_readv(getppid(), &(struct iovec){page, 8}, 1, &(struct iovec){page, 8}, 1, 0))
ATTEMPT(kill_parent, kill(getppid(), 0))
ATTEMPT(kill_thread, syscall(SYS_tgkill, getppid(), getppid(), 0))
ATTEMPT(become_root, setuid(0))
ATTEMPT(become_root_3, setresuid(0, 0, 0))
ATTEMPT(other_root, chroot("."))
ATTEMPT(new_spaces, unshare(CLONE_NEWUSER))
ATTEMPT(more_memory_rights, mprotect(page, GATE_PAGE, PROT_READ | PROT_EXEC))
ATTEMPT(change_prctl, prctl(PR_SET_DUMPABLE, 1))
ATTEMPT(memory_file, memfd_create("x", 0))
ATTEMPT(second_ring, syscall(SYS_io_uring_setup, 8, page))
ATTEMPT(register_ring, syscall(SYS_io_uring_register, engine.ring.ring_fd, 0, 0, 0))
ATTEMPT(map_grant, ioctl(device, GNTDEV_MAP, page))
ATTEMPT(unmap_grant, ioctl(device, GNTDEV_UNMAP, page))
ATTEMPT(bind_event, ioctl(device, EVTCHN_BIND, page))
ATTEMPT(type_for_others, ioctl(device, 0x5412, "x"))
ATTEMPT(copy_grant, ioctl(device, GNTDEV_COPY, page))
ATTEMPT(make_tap, ioctl(device, TUNSETIFF, page))
ATTEMPT(change_tap, ioctl(device, TUNSETOFFLOAD, 0))
ATTEMPT(enter_ring, syscall(SYS_io_uring_enter, device, 0, 0, 0, 0, 0))
ATTEMPT(sync_file, fdatasync(image))
ATTEMPT(poll_many, epoll_wait(poller, (struct epoll_event *)page, 1, 0))
ATTEMPT(kill_itself, syscall(SYS_tgkill, getpid(), getpid(), SIGKILL))
ATTEMPT(hidden_bits, syscall(SYS_ioctl, device, GNTDEV_MAP | 1ul << 32, page))

static int executable(void)
{
    return mmap(NULL, GATE_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? -errno
               : 0;
}

static int executable_file(void)
{
    return mmap(NULL, GATE_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, image, 0) == MAP_FAILED
               ? -errno
               : 0;
}

static int all_memory(void)
{
    return mmap(NULL, MEMORY, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -errno
                                                                                            : 0;
}

static int many_descriptors(void)
{
    /* The filter has no dup(); what is passed in counts as well. */
    struct iovec iov = {page, 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr msg = {NULL, 0, &iov, 1, control.bytes, sizeof(control.bytes), 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    for (int i = 0; i < DESCRIPTORS; i++) {
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &image, sizeof(int));
        msg.msg_controllen = sizeof(control.bytes);
        if (sendmsg(pair[0], &msg, 0) < 0 || recvmsg(pair[1], &msg, 0) < 0)
            return -errno;
        if (msg.msg_flags & MSG_CTRUNC)
            return -EMFILE;
    }
    return 0;
}

/* The calls of 32-bit programs have other numbers, and a filter could have forgotten them. */
static int old_gate(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    return result < 0 ? (int)result : 0;
}

static int x32(void)
{
    return syscall(SYS_getpid | 0x40000000) == -1 ? -errno : 0;
}

static int ring_result;

static void ring_done(struct operation *operation, int result)
{
    ring_result = result;
}

static int ring_does(uint8_t opcode, int fd, void *address)
{
    static struct operation operation = {ring_done};
    static struct iovec iov;
    struct io_uring_sqe *sqe = engine_entry(&engine);
    iov = (struct iovec){page, 16};
    io_uring_prep_rw(opcode, sqe, fd, address ? address : &iov, opcode == IORING_OP_READV ? 1 : 0,
                     0);
    io_uring_sqe_set_data(sqe, &operation);
    ring_result = 1;
    engine_wait(&engine, ENGINE_FOREVER);
    return ring_result < 0 ? ring_result : 0;
}

static int ring_opens(void)
{
    return ring_does(IORING_OP_OPENAT, AT_FDCWD, (void *)(uintptr_t) "/etc/passwd");
}

static int ring_connects(void)
{
    return ring_does(IORING_OP_CONNECT, pair[0], page);
}

static int ring_socket(void)
{
    return ring_does(45, AF_UNIX, NULL); /* IORING_OP_SOCKET */
}

static int ring_reads(void)
{
    return ring_does(IORING_OP_READV, image, NULL);
}

static int reads(void)
{
    return pread(image, page, 16, 0) == 16 ? 0 : -errno;
}

static int maps(void)
{
    return mmap(NULL, GATE_PAGE, PROT_READ, MAP_SHARED, image, 0) == MAP_FAILED ? -errno : 0;
}

/* The gate's own calls pass the filter; what is no such device refuses them by itself. */
static int uses_gate(void)
{
    return ioctl(device, gate_ioctls()[0], page) == 0 ? 0 : errno == ENOTTY ? 0 : -errno;
}

#define KILLED 1

enum who { BOTH, DISK, NET };

static const struct {
    const char *name;
    int (*attempt)(void);
    int must; /* 0: work; KILLED; or this error */
    enum who who;
} attempts[] = {
    {"read a descriptor", reads, 0, BOTH},
    {"map a file read-only", maps, 0, BOTH},
    {"read by the ring", ring_reads, 0, DISK},
    {"use the gate", uses_gate, 0, BOTH},
    {"open a file", open_file, -EPERM, BOTH},
    {"open the directory", open_here, -EPERM, BOTH},
    {"open its memory", open_proc, -EPERM, BOTH},
    {"create a file", create_file, -EPERM, BOTH},
    {"look at the root", list_root, -EPERM, BOTH},
    {"remove a file", remove_file, -EPERM, BOTH},
    {"make a device", make_node, -EPERM, BOTH},
    {"make a local socket", local_socket, -EPERM, BOTH},
    {"make a network socket", inet_socket, -EPERM, BOTH},
    {"connect", connect_it, KILLED, BOTH},
    {"run a program", run_program, KILLED, BOTH},
    {"run a descriptor", run_descriptor, KILLED, BOTH},
    {"make a process", new_process, -EPERM, BOTH},
    {"make a thread", new_thread, -EPERM, BOTH},
    {"make a thread, otherwise", new_thread_3, -EPERM, BOTH},
    {"trace a process", trace, KILLED, BOTH},
    {"read a process", read_other, KILLED, BOTH},
    {"signal its parent", kill_parent, -EPERM, BOTH},
    {"signal its parent's thread", kill_thread, -EPERM, BOTH},
    {"become root", become_root, KILLED, BOTH},
    {"become root, otherwise", become_root_3, KILLED, BOTH},
    {"change its root", other_root, KILLED, BOTH},
    {"make a user namespace", new_spaces, KILLED, BOTH},
    {"make memory executable", more_memory_rights, -EPERM, BOTH},
    {"map executable memory", executable, -EPERM, BOTH},
    {"map an executable file", executable_file, -EPERM, BOTH},
    {"take all memory", all_memory, -ENOMEM, BOTH},
    {"take all descriptors", many_descriptors, -EMFILE, BOTH},
    {"be dumpable", change_prctl, -EPERM, BOTH},
    {"make a file in memory", memory_file, -EPERM, BOTH},
    {"make another ring", second_ring, KILLED, BOTH},
    {"register with the ring", register_ring, KILLED, DISK},
    {"open by the ring", ring_opens, -EACCES, DISK},
    {"connect by the ring", ring_connects, -EACCES, DISK},
    {"make a socket by the ring", ring_socket, -EACCES, DISK},
    {"map a grant", map_grant, -EPERM, BOTH},
    {"unmap a grant", unmap_grant, -EPERM, BOTH},
    {"bind an event channel", bind_event, -EPERM, BOTH},
    {"type on a terminal", type_for_others, -EPERM, BOTH},
    {"hide an ioctl's number", hidden_bits, -EPERM, BOTH},
    {"copy a grant when the broker does", copy_grant, -EPERM, DISK},
    {"wait by epoll", poll_many, 0, NET},
    {"wait by epoll, which is not a disk's", poll_many, -EPERM, DISK},
    {"enter a ring", enter_ring, -EPERM, NET},
    {"sync a file", sync_file, -EPERM, NET},
    {"make a TAP", make_tap, -EPERM, BOTH},
    {"change a TAP", change_tap, -EPERM, BOTH},
    {"say that it was killed", kill_itself, -EPERM, BOTH},
    {"make 32-bit calls", old_gate, KILLED, BOTH},
    {"make x32 calls", x32, KILLED, BOTH},
};

/* ---- */

static const char *directory;

static bool is_net;

/* @strict: copies are the broker's. */
static void enter(bool strict)
{
    const char *what;
    ask_for_copies(strict ? page : NULL);
    struct jail jail = is_net ? net_jail(directory) : disk_jail(7, directory);
    if ((!is_net && engine_open(&engine) < 0) || !jail_enter(&jail, &what))
        _exit(255);
}

/* 0, KILLED, or -errno; 255: it could not go into the jail. */
static int try(int (*attempt)(void), bool strict)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        enter(strict);
        _exit(-attempt());
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status) - 1000;
    return WEXITSTATUS(status) == 255 ? 255 : -WEXITSTATUS(status);
}

/* What the kernel says of a process in the jail. */
static bool is_locked_in(void)
{
    static const char *const lines[] = {"CapInh:\t0000000000000000\n",
                                        "CapPrm:\t0000000000000000\n",
                                        "CapEff:\t0000000000000000\n",
                                        "CapAmb:\t0000000000000000\n",
                                        "NoNewPrivs:\t1\n",
                                        "Seccomp:\t2\n"};
    char text[8192] = "";
    char path[64];
    char id[64];
    bool good = true;
    pid_t child = fork();
    if (child == 0) {
        enter(false);
        while (write(pair[0], "", 1) >= 0)
            sleep(1000);
        _exit(1);
    }
    if (read(pair[1], text, 1) != 1)
        text[0] = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", child);
    int fd = open(path, O_RDONLY);
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = 0;
    close(fd);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        good = good && strstr(text, lines[i]);
    unsigned uid = is_net ? JAIL_UID_NET + (unsigned)child : JAIL_UID_BLK + 7;
    snprintf(id, sizeof(id), "Uid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    good = good && (geteuid() != 0 || strstr(text, id));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return good;
}

int main(int argc, char *argv[])
{
    unsigned wrong = 0;
    unsigned nr = 0;
    if (argc < 2)
        return 2;
    directory = argv[1];
    is_net = argc > 2;
    poller = epoll_create1(EPOLL_CLOEXEC);
    image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    device = open("/dev/null", O_RDWR | O_CLOEXEC);
    page = mmap(NULL, GATE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image < 0 || device < 0 || page == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return 2;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        if (attempts[i].who == (is_net ? DISK : NET))
            continue;
        nr++;
        int result = try(attempts[i].attempt, attempts[i].attempt == copy_grant);
        if (result == attempts[i].must)
            continue;
        printf("%s: %d and not %d\n", attempts[i].name, result, attempts[i].must);
        wrong++;
    }
    if (!is_locked_in()) {
        printf("the kernel does not show it locked in\n");
        wrong++;
    }
    printf("%u attempts, %u wrong\n", nr, wrong);
    return wrong ? 1 : 0;
}
