// SPDX-License-Identifier: GPL-2.0-only
/* A daemon's lock: see alone.h.  It is of the kind that fork() does not pass on and that can be
 * asked for its holder without being taken. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/alone.h"

static int open_file(const char *directory, int flags)
{
    char path[256];
    if (snprintf(path, sizeof(path), "%s/" ALONE_FILE, directory) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void lock_or_end(const char *program, const char *directory)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_file(directory, O_RDWR | O_CREAT);
    if (fd >= 0 && fd <= STDERR_FILENO) { /* which become /dev/null later */
        int low = fd;
        fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
    }
    if (fd < 0)
        err(1, "cannot write to %s", directory);
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return; /* and the descriptor stays open, since closing it would end the lock */
    if (errno == EAGAIN || errno == EACCES)
        errx(1, "another %s (process %d) uses %s", program, backend_daemon(directory), directory);
    err(1, "cannot lock %s/" ALONE_FILE, directory);
}

/* In the parent: until the child says that it has begun, or ends. */
static void wait_and_end(int fd)
{
    char done;
    ssize_t n;
    do
        n = read(fd, &done, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? 0 : 1);
}

void backend_begin(const char *program, const char *directory, bool foreground)
{
    int fds[2];
    if (foreground) {
        lock_or_end(program, directory);
        return;
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        err(1, "pipe");
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    close(fds[child > 0]);
    if (child > 0)
        wait_and_end(fds[0]);
    lock_or_end(program, directory);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (setsid() < 0 || chdir("/") != 0 || null < 0)
        err(1, "cannot go into the background");
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    if (write(fds[1], "", 1) != 1)
        _exit(1);
    close(fds[1]);
    if (null > 2)
        close(null);
}

int backend_daemon(const char *directory)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int fd = open_file(directory, O_RDONLY);
    if (fd < 0)
        return 0;
    bool known = fcntl(fd, F_GETLK, &lock) == 0;
    close(fd);
    return known && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}
