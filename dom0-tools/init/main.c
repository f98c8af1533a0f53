// SPDX-License-Identifier: GPL-2.0-only
/* pavis-init: the first process of a guest that `pavis run` makes.
 *
 * It mounts what programs expect, loads the modules that it was given in the order that it was
 * given, opens the link to dom0, runs one command and says in the store how that ended.  It stays
 * in the first file system; the command alone sees the disk as its root.  With `pavis run --boot`
 * the disk's own init takes its place instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "init/init.h"

#define COULD_NOT_START 125 /* as pavis says it */

static int console = STDERR_FILENO;

void complain(const char *format, ...)
{
    int error = errno;
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (text[0] && text[strlen(text) - 1] == ':')
        dprintf(console, "pavis-init: %s %s\n", text, strerror(error));
    else
        dprintf(console, "pavis-init: %s\n", text);
}

/* The file of the orders, which was made for this guest. */
static bool read_job(struct job *job)
{
    FILE *file = fopen("/" JOB_FILE, "re");
    struct stat st;
    char *text;

    if (!file || fstat(fileno(file), &st) != 0 || !(text = calloc(1, (size_t)st.st_size + 1)) ||
        fread(text, 1, (size_t)st.st_size, file) != (size_t)st.st_size ||
        !job_read(job, text, (size_t)st.st_size)) {
        complain("cannot read " JOB_FILE ":");
        return false;
    }
    fclose(file);
    return true;
}

/* busybox under all its names, where it is there. */
static void install_programs(void)
{
    pid_t pid = access("/bin/busybox", X_OK) == 0 ? fork() : -1;

    if (pid == 0) {
        execl("/bin/busybox", "busybox", "--install", "-s", "/bin", NULL);
        _exit(1);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

static void end(void)
{
    sync();
    reboot(RB_POWER_OFF);
    _exit(0);
}

/* Under the name of poweroff, reboot or halt: the first process is asked to end the guest. */
static int ask_for_end(void)
{
    return kill(1, SIGTERM) == 0 ? 0 : 1;
}

/* Who asks before the command runs is not lost: the command is asked when it does (relay.c). */
static void hold_requests(void)
{
    sigset_t those;

    sigemptyset(&those);
    sigaddset(&those, SIGTERM);
    sigprocmask(SIG_BLOCK, &those, NULL);
}

int main(int argc, char **argv)
{
    static struct link l = {.event = -1};
    struct job job;
    char text[EXIT_LONGEST];
    int status = COULD_NOT_START << 8;
    bool linked;

    (void)argc;
    (void)argv;
    if (getpid() != 1)
        return ask_for_end();
    mount_first();
    console = open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (!read_job(&job))
        end();
    if (!job.boot)
        hold_requests();
    load_modules(&job);
    wait_for_disks(&job);
    if (job.boot) {
        if (mount_root(&job)) {
            set_up_network(&job); /* which the kernel keeps */
            store_write(NODE_CHANNEL, "boot");
            boot_root(&job);
        }
        end();
    }
    linked = !job.console && link_open(&l);
    if ((linked || job.console) && (job.root == ROOT_MEMORY || mount_root(&job))) {
        if (job.root == ROOT_MEMORY)
            install_programs();
        set_up_network(&job);
        status = run_command(&l, &job);
    }
    kill(-1, SIGKILL);
    umount_root();
    exit_text(text, status);
    store_write(NODE_EXIT, text);
    if (linked) {
        frame_put(&l.out, FRAME_END, "", 0);
        link_notify(&l);
        link_drain(&l);
    }
    tcdrain(console);
    end();
}
