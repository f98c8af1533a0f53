// SPDX-License-Identifier: GPL-2.0-only
/* CLAIM: one daemon of a kind runs at a time, who asks sees which, and one that was killed is gone
 * at once; a process that goes into the background has the lock when its parent ends.
 */
// SOURCES: xenbus/backend/alone.c
// LIBS: -Ixenbus -D_GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/alone.h"

static char directory[] = "/tmp/pavis-alone-XXXXXX";

/* A daemon that lives until it is killed; returns when it has begun. */
static pid_t begin(bool foreground)
{
    int fds[2];
    char done;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        backend_begin("test", directory, foreground);
        if (write(fds[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    close(fds[1]);
    if (read(fds[0], &done, 1) != 1)
        done = 1;
    close(fds[0]);
    return child;
}

static int status_of(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_one(void **state)
{
    pid_t first;

    assert_int_equal(backend_daemon(directory), 0);
    first = begin(true);
    assert_int_equal(backend_daemon(directory), first);
    assert_int_equal(status_of(begin(true)), 1);
    assert_int_equal(status_of(begin(false)), 1);
    assert_int_equal(backend_daemon(directory), first);
    kill(first, SIGKILL);
    assert_int_equal(status_of(first), -SIGKILL);
    assert_int_equal(backend_daemon(directory), 0);
}

static void test_background(void **state)
{
    pid_t parent = begin(false);
    int daemon;

    assert_int_equal(status_of(parent), 0);
    daemon = backend_daemon(directory);
    assert_true(daemon > 0 && daemon != parent);
    kill(daemon, SIGKILL);
    for (int i = 0; i < 500 && backend_daemon(directory); i++)
        usleep(10000);
    assert_int_equal(backend_daemon(directory), 0);
}

static void test_no_directory(void **state)
{
    assert_int_equal(backend_daemon("/nonexistent"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_no_directory),
    };
    char path[64];
    int status;

    if (!mkdtemp(directory))
        return 1;
    status = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(path, sizeof(path), "%s/" ALONE_FILE, directory);
    unlink(path);
    rmdir(directory);
    return status;
}
