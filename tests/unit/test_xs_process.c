/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: xenbus/xs/inbox.c xenbus/xs/open.c xenbus/xs/store.c xenbus/xs/strings.c xenbus/xs/talk.c xenbus/xs/watch.c xenbus/wire.c
// LIBS: -Ixenbus
/* What programs rely on in the client library beside its answers: signals, fork and SIGPIPE change
 * nothing, xs_open finds what the environment names, a device will do for a socket; and its pure
 * parts.
 */
#include "xs_daemons.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>

/* ---- the process around it */

static volatile int signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* Signals in the middle of system calls change nothing, and the reading thread takes none. */
static void test_interrupted(void **state)
{
    struct sigaction action = {.sa_handler = count_signal}; /* no SA_RESTART */
    struct sigaction old;
    struct itimerval often = {{0, 500}, {0, 500}};
    struct itimerval never = {{0, 0}, {0, 0}};
    (void)state;
    begin(answer_echo, NULL);
    sigaction(SIGVTALRM, &action, &old);
    struct xs_handle *h = opened(true);
    setitimer(ITIMER_VIRTUAL, &often, NULL);
    signals = 0;
    for (int i = 0; i < 100000 && signals < 20; i++) {
        char *value = xs_read(h, 0, "/abc", NULL);
        assert_string_equal(value, "/abc");
        free(value);
    }
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    assert_true(signals > 0);
    sigaction(SIGVTALRM, &old, NULL);
    xs_close(h);
    end();
}

static bool answer_none(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    (void)s;
    (void)fd;
    (void)hdr;
    (void)payload;
    return false;
}

static void test_no_sigpipe(void **state)
{
    struct sigaction old;
    (void)state;
    begin(answer_none, NULL);
    sigaction(SIGPIPE, NULL, &old);
    assert_ptr_equal(old.sa_handler, SIG_DFL); /* it would end this program */
    struct xs_handle *h = opened(false);
    for (int i = 0; i < 3; i++)
        assert_false(xs_write(h, 0, "/a", "1", 1));
    xs_close(h);
    end();
}

static void in_child(struct xs_handle *h)
{
    struct xs_handle *own;
    alarm(LIMIT);
    if (xs_read(h, 0, "/a", NULL) || errno != EBADF) /* its thread is the parent's */
        _exit(1);
    xs_daemon_destroy_postfork(h);
    own = xs_open(0);
    xs_close(own);
    _exit(own ? 0 : 2);
}

static void test_fork(void **state)
{
    unsigned n;
    int status;
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = opened(true);
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (i == 0)
                in_child(h);
            xs_close(h); /* not the right call, but it must not end the parent's connection */
            _exit(0);
        }
        waitpid(child, &status, 0);
        assert_int_equal(status, 0);
        free(xs_read_watch(h, &n));
        assert_true(xs_write(h, 0, "/after", "1", 1));
    }
    xs_close(h);
    end();
}

/* A handle without watches goes along to a child that is a daemon, watches there, and ends. */
static void test_fork_then_watch(void **state)
{
    unsigned n;
    int status;
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = opened(false);
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT);
        if (!xs_watch(h, "/a", "t"))
            _exit(1);
        free(xs_read_watch(h, &n));
        if (!xs_write(h, 0, "/in/child", "1", 1))
            _exit(2);
        xs_close(h);
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    xs_close(h);
    end();
}

static void test_open(void **state)
{
    char path[128];
    char longer[300];
    struct stat before;
    struct stat after;
    (void)state;
    begin(answer_echo, NULL);
    snprintf(path, sizeof(path), "%s/socket", store.folder);
    assert_string_equal(xs_daemon_rundir(), store.folder);
    assert_string_equal(xs_daemon_socket(), path);
    assert_string_equal(xs_daemon_socket_ro(), path);
    struct xs_handle *h = xs_daemon_open();
    assert_non_null(h);
    assert_true(fcntl(h->fd, F_GETFD) & FD_CLOEXEC);
    xs_daemon_close(h);

    setenv("XENSTORED_PATH", path, 1);
    setenv("XENSTORED_RUNDIR", "/nowhere", 1);
    h = xs_daemon_open_readonly();
    assert_non_null(h);
    xs_close(h);
    h = xs_domain_open();
    assert_non_null(h);
    xs_close(h);

    setenv("XENSTORED_PATH", "/nowhere/at/all", 1);
    assert_null(xs_open(0));
    assert_int_equal(errno, ENOENT);
    memset(longer, 'l', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    setenv("XENSTORED_PATH", longer, 1);
    assert_null(xs_open(0));
    unsetenv("XENSTORED_PATH");
    assert_string_equal(xs_daemon_socket(), "/nowhere/socket");
    unsetenv("XENSTORED_RUNDIR");
    assert_string_equal(xs_daemon_socket(), "/var/run/xenstored/socket");
    xs_close(NULL);

    /* A socket that nobody listens at, and no descriptor left behind. */
    setenv("XENSTORED_PATH", path, 1);
    int probe = dup(0);
    fstat(probe, &before);
    close(probe);
    end();
    assert_null(xs_open(0));
    int again = dup(0);
    assert_true(again <= probe);
    fstat(again, &after);
    close(again);
    unsetenv("XENSTORED_PATH");
}

/* Through a character device instead of a socket: a terminal in raw mode stands in for
 * /dev/xen/xenbus. */
static void *device_main(void *arg)
{
    fake_serve(&store, *(int *)arg);
    return NULL;
}

static bool answer_device(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr,
                          char *payload)
{
    struct xsd_sockmsg event = {.type = XS_WATCH_EVENT, .len = 5};
    struct xsd_sockmsg reply = {
        .type = hdr->type, .req_id = hdr->req_id, .len = (uint32_t)strlen(payload)};
    (void)s;
    if (write(fd, &reply, sizeof(reply)) < 0 || write(fd, payload, reply.len) < 0 ||
        write(fd, &event, sizeof(event)) < 0 || write(fd, "/d\0t", 5) < 0)
        return false;
    return true;
}

static void test_device(void **state)
{
    pthread_t thread;
    struct termios raw;
    unsigned n;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    (void)state;
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    setenv("XENSTORED_PATH", ptsname(master), 1);
    store.answer = answer_device;
    alarm(LIMIT);
    pthread_create(&thread, NULL, device_main, &master);

    struct xs_handle *h = xs_open(0);
    assert_non_null(h);
    for (int watching = 0; watching < 2; watching++) {
        char *value = xs_read(h, 0, "/abc", NULL);
        assert_string_equal(value, "/abc");
        free(value);
        assert_true(xs_watch(h, "/d", "t"));
        free(xs_read_watch(h, &n));
    }
    xs_close(h); /* ends a thread that waits for a device */
    close(slave);
    pthread_join(thread, NULL);
    close(master);
    alarm(0);
    unsetenv("XENSTORED_PATH");
}

/* ---- the pure parts */

static void test_subpath(void **state)
{
    (void)state;
    assert_true(xs_path_is_subpath("/a", "/a"));
    assert_true(xs_path_is_subpath("/a", "/a/b"));
    assert_false(xs_path_is_subpath("/a", "/ab"));
    assert_false(xs_path_is_subpath("/a/b", "/a"));
    assert_false(xs_path_is_subpath("/", "/a")); /* by the letters alone, as ever */
    assert_true(xs_path_is_subpath("", "/a"));
    assert_true(xs_path_is_subpath("@releaseDomain", "@releaseDomain"));
}

static void test_write_all(void **state)
{
    int fds[2];
    static char data[300000];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        static char got[sizeof(data)];
        close(fds[1]);
        _exit(fake_receive(fds[0], got, sizeof(got)) ? 0 : 1);
    }
    close(fds[0]);
    assert_true(xs_write_all(fds[1], data, sizeof(data)));
    close(fds[1]);
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_false(xs_write_all(-1, data, 1));
    assert_true(xs_write_all(-1, data, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_no_sigpipe),
        cmocka_unit_test(test_fork),        cmocka_unit_test(test_fork_then_watch),
        cmocka_unit_test(test_open),        cmocka_unit_test(test_device),
        cmocka_unit_test(test_subpath),     cmocka_unit_test(test_write_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
