// SPDX-License-Identifier: GPL-2.0-only
/* nft and dnsmasq: see program.h.
 *
 * A dnsmasq is known by its process's command line, which names the network's own file: a number in
 * a file alone could be anybody's by now.
 */
#include "network/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEARCH      "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
#define STOP_MS     2000 /* for the kernel to end a killed process */
#define STOP_ROUNDS 8
#define COMMAND     512

extern char **environ;

/* The program's path; false: it is nowhere. */
static bool find(const char *program, char path[64])
{
    for (const char *at = SEARCH; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        snprintf(path, 64, "%.*s/%s", (int)strcspn(at, ":"), at, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static int require(const char *program, const char *package, char path[64], struct problem *why)
{
    char remedy[64];

    if (find(program, path))
        return 0;
    snprintf(remedy, sizeof(remedy), "apt-get install %s", package);
    return problem_set(why, ENOENT, remedy,
                       "there is no program %s, which a network of pavis' own needs", program);
}

int programs_check(struct problem *why)
{
    char path[64];

    return require("nft", "nftables", path, why) || require("dnsmasq", "dnsmasq-base", path, why)
               ? -1
               : 0;
}

/* A file in memory with this text, to be read from its start. */
static int text_file(const char *text)
{
    int fd = memfd_create("pavis", MFD_CLOEXEC);
    size_t len = strlen(text);

    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* What the program said, in one line, without the control characters that a terminal would obey. */
static void heard(int fd, char line[200])
{
    ssize_t n = pread(fd, line, 199, 0);

    line[n > 0 ? n : 0] = 0;
    while (n > 0 && line[n - 1] == '\n')
        line[--n] = 0;
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = ' ';
}

/* Runs it to its end with @input as its standard input; all that it says is taken.  0: its status
 * was 0. */
static int run(char *const argv[], const char *input, struct problem *why)
{
    int in = text_file(input), out = text_file(""), status = 0, error = errno;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char line[200] = "";
    sigset_t none;
    pid_t pid;

    if (in >= 0 && out >= 0) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in, 0);
        posix_spawn_file_actions_adddup2(&actions, out, 1);
        posix_spawn_file_actions_adddup2(&actions, out, 2);
        /* dnsmasq stays, and has to hear SIGHUP, whatever is held back here. */
        posix_spawnattr_init(&attributes);
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        error = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        while (!error && waitpid(pid, &status, 0) < 0)
            if (errno != EINTR)
                error = errno;
        heard(out, line);
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (error)
        return problem_set(why, error, NULL, "cannot run %s", argv[0]);
    return status == 0 ? 0 : problem_set(why, 0, NULL, "%s failed: %s", argv[0], line);
}

int nft_apply(const char *rules, struct problem *why)
{
    char path[64];
    char *argv[] = {path, (char *)"-f", (char *)"-", NULL};

    if (require("nft", "nftables", path, why) != 0)
        return -1;
    if (run(argv, rules, why) == 0)
        return 0;
    if (why)
        snprintf(why->remedy, sizeof(why->remedy),
                 "See that the kernel has its modules: modprobe -a nft_chain_nat nft_masq nft_ct");
    return -1;
}

bool nft_has(const char *name)
{
    char path[64], table[PLAN_TABLE];
    char *argv[] = {path, (char *)"list", (char *)"table", (char *)"inet", table, NULL};

    plan_table(name, table);
    return find("nft", path) && run(argv, "", NULL) == 0;
}

/* ---- dnsmasq */

static bool is_dnsmasq(pid_t pid, const char *name)
{
    char path[STATE_PATH], command[COMMAND], proc[32];
    ssize_t n;
    int fd;

    state_path(path, name, "dnsmasq.conf");
    snprintf(proc, sizeof(proc), "/proc/%d/cmdline", pid);
    fd = open(proc, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, command, sizeof(command)) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(command, (size_t)n, path, strlen(path) + 1) &&
           memmem(command, (size_t)n, "dnsmasq", 7);
}

/* Its process, or 0. */
static pid_t find_dnsmasq(const char *name)
{
    char path[STATE_PATH];
    char *text;
    long pid;

    state_path(path, name, "pid");
    text = state_read(path);
    pid = text ? strtol(text, NULL, 10) : 0;
    free(text);
    return pid > 1 && is_dnsmasq((pid_t)pid, name) ? (pid_t)pid : 0;
}

bool dnsmasq_runs(const char *name)
{
    return find_dnsmasq(name) > 0;
}

struct filling {
    const struct network_state *state;
    const char *folder, *user;
};

static void fill(void *ctx, FILE *to)
{
    const struct filling *f = ctx;

    plan_dnsmasq(&f->state->plan.options, f->folder, f->user, to);
}

/* Whom it shall be: nobody else's files are his. */
static const char *server_user(void)
{
    static const char *const users[] = {"dnsmasq", "nobody"};

    for (unsigned i = 0; i < 2; i++)
        if (getpwnam(users[i]))
            return users[i];
    return "root";
}

int dnsmasq_start(const struct network_state *state, struct problem *why)
{
    char folder[STATE_PATH], config[STATE_PATH], option[STATE_PATH + 16], path[64];
    char *argv[] = {path, option, NULL};
    struct filling f = {state, folder, server_user()};
    pid_t pid;

    state_path(folder, state->name, "");
    state_path(config, state->name, "dnsmasq.conf");
    snprintf(option, sizeof(option), "--conf-file=%s", config);
    if (require("dnsmasq", "dnsmasq-base", path, why) != 0)
        return -1;
    pid = find_dnsmasq(state->name);
    if (pid > 0) /* it reads the file of hosts anew */
        return kill(pid, SIGHUP) == 0
                   ? 0
                   : problem_set(why, errno, NULL, "cannot tell dnsmasq of a new card");
    dnsmasq_stop(state->name); /* one without a file of its number */
    if (state_write(config, fill, &f, why) != 0)
        return -1;
    return run(argv, "", why);
}

/* Ends those that there are; whether there was one. */
static bool stop_some(const char *name)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    bool any = false;

    while (folder && (entry = readdir(folder))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct pollfd end = {.events = POLLIN};

        if (pid <= 1 || !is_dnsmasq(pid, name))
            continue;
        end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (end.fd < 0)
            continue;
        if (is_dnsmasq(pid, name)) { /* still, now that the number is held */
            any = syscall(SYS_pidfd_send_signal, end.fd, SIGKILL, NULL, 0) == 0;
            poll(&end, 1, STOP_MS);
        }
        close(end.fd);
    }
    if (folder)
        closedir(folder);
    return any;
}

void dnsmasq_stop(const char *name)
{
    /* The last one may have had a child behind our back; what cannot be killed is left alone. */
    for (unsigned i = 0; i < STOP_ROUNDS && stop_some(name); i++)
        ;
}
