/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: xenbus/xs/inbox.c xenbus/xs/open.c xenbus/xs/store.c xenbus/xs/strings.c xenbus/xs/talk.c xenbus/xs/watch.c xenbus/wire.c
// LIBS: -Ixenbus
/* The client library survives any daemon: a conversation that is cut, garbled, out of order or
 * endless gives an error at once or a right answer, never a wrong one, a crash or a wait without
 * end.
 */
#include "xs_daemons.h"

#include <poll.h>

/* What the tests of damaged answers vary. */
struct damage {
    char text[16384]; /* what is sent instead of a reply, its request's number filled in where id_at
                         says */
    size_t len;
    size_t cut; /* bytes of it that are sent before the end */
    size_t step;
    long id_at; /* offset of a number to be filled in; -1: none */
};

static bool answer_damaged(struct fake_store *store, int fd, const struct xsd_sockmsg *hdr,
                           char *payload)
{
    struct damage *d = store->arg;
    (void)payload;
    if (hdr->type == XS_WATCH) {
        fake_send(fd, XS_WATCH, hdr->req_id, "OK", 3);
        return true;
    }
    if (d->id_at >= 0)
        memcpy(d->text + d->id_at, &hdr->req_id, sizeof(hdr->req_id));
    for (size_t at = 0; at < d->cut; at += d->step) {
        size_t len = d->cut - at < d->step ? d->cut - at : d->step;
        (void)!send(fd, d->text + at, len, MSG_NOSIGNAL);
    }
    return d->cut == d->len && d->id_at >= 0; /* what is whole and has a number is a conversation */
}

static void damage_add(struct damage *d, uint32_t type, uint32_t id, const void *payload,
                       uint32_t len)
{
    struct xsd_sockmsg hdr = {.type = type, .req_id = id, .len = len};
    memcpy(d->text + d->len, &hdr, sizeof(hdr));
    memcpy(d->text + d->len + sizeof(hdr), payload, len);
    d->len += sizeof(hdr) + len;
    d->cut = d->len;
    d->step = d->len;
}

/* The reply to the request: its number is filled in. */
static void damage_reply(struct damage *d, uint32_t type, const void *payload, uint32_t len)
{
    d->id_at = (long)(d->len + offsetof(struct xsd_sockmsg, req_id));
    damage_add(d, type, 0, payload, len);
}

/* The connection is over: this call and all later ones say so. */
static void assert_over(struct xs_handle *h, char *value)
{
    assert_null(value);
    assert_true(errno == EBADF || errno == EPIPE || errno == ECONNRESET || errno == E2BIG);
    assert_null(xs_read(h, XBT_NULL, "/a", NULL));
    assert_int_equal(errno, EBADF);
    assert_false(xs_write(h, XBT_NULL, "/a", "1", 1));
    assert_int_equal(errno, EBADF);
}

/* ---- damaged conversations, with and without a reading thread */

static void test_cut_at_each_byte(void **state)
{
    struct damage d = {.id_at = -1};
    (void)state;
    damage_reply(&d, XS_READ, "value", 5);
    for (int watching = 0; watching < 2; watching++) {
        for (size_t cut = 0; cut <= d.len; cut++) {
            d.cut = cut;
            begin(answer_damaged, &d);
            struct xs_handle *h = opened(watching);
            unsigned len = 99;
            char *value = xs_read(h, XBT_NULL, "/a", &len);
            if (cut < d.len) {
                assert_over(h, value);
            } else {
                assert_string_equal(value, "value");
                assert_int_equal(len, 5);
                free(value);
            }
            xs_close(h);
            end();
        }
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (int watching = 0; watching < 2; watching++) {
        struct damage d = {.id_at = -1};
        damage_add(&d, XS_WATCH_EVENT, 0, "/x\0t", 5);
        damage_reply(&d, XS_READ, "value", 5);
        d.step = 1;
        begin(answer_damaged, &d);
        struct xs_handle *h = opened(watching);
        for (int i = 0; i < 3; i++) {
            char *value = xs_read(h, XBT_NULL, "/a", NULL);
            assert_string_equal(value, "value");
            free(value);
            char **event = xs_check_watch(h);
            assert_string_equal(event[XS_WATCH_PATH], "/x");
            assert_string_equal(event[XS_WATCH_TOKEN], "t");
            free(event);
        }
        xs_close(h);
        end();
    }
}

/* Each entry is an answer that does not fit; the connection must be given up, though what follows
 * would fit. */
static void test_what_does_not_fit(void **state)
{
    (void)state;
    for (int watching = 0; watching < 2; watching++) {
        for (int what = 0; what < 10; what++) {
            struct damage d = {.id_at = -1};
            struct xsd_sockmsg hdr = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};
            switch (what) {
            case 0: damage_add(&d, XS_READ, 77777, "v", 1); break;
            case 1: damage_reply(&d, XS_DIRECTORY, "v", 1); break;
            case 2: damage_reply(&d, XS_INVALID, "v", 1); break;
            case 3: damage_add(&d, XS_WATCH_EVENT, 0, "", 0); break;
            case 4: damage_add(&d, XS_WATCH_EVENT, 0, "/path only", 11); break;
            case 5: damage_add(&d, XS_WATCH_EVENT, 0, "no end", 6); break;
            case 6:
                damage_reply(&d, XS_READ, "v", 1);
                memcpy(d.text, &hdr, sizeof(hdr));
                break;
            case 7:
                hdr.len = UINT32_MAX;
                damage_reply(&d, XS_READ, "v", 1);
                memcpy(d.text, &hdr, sizeof(hdr));
                break;
            case 8:
                hdr.len = UINT32_MAX - sizeof(hdr) + 1;
                hdr.type = XS_WATCH_EVENT;
                damage_reply(&d, XS_READ, "v", 1);
                memcpy(d.text, &hdr, sizeof(hdr));
                break;
            default: damage_add(&d, XS_ERROR, 5, "ENOENT", 7); break;
            }
            if (d.id_at < 0)
                damage_reply(&d, XS_READ, "v", 1);
            begin(answer_damaged, &d);
            struct xs_handle *h = opened(watching);
            assert_over(h, xs_read(h, XBT_NULL, "/a", NULL));
            xs_close(h);
            end();
        }
    }
}

static bool answer_twice(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    (void)s;
    (void)payload;
    fake_send(fd, hdr->type, hdr->req_id, "one", 3);
    fake_send(fd, hdr->type, hdr->req_id, "two", 3);
    return true;
}

static void test_second_reply_is_nobodys(void **state)
{
    (void)state;
    begin(answer_twice, NULL);
    struct xs_handle *h = opened(false);
    char *value = xs_read(h, XBT_NULL, "/a", NULL);
    assert_string_equal(value, "one");
    free(value);
    assert_over(h, xs_read(h, XBT_NULL, "/b", NULL));
    xs_close(h);
    end();
}

/* A daemon that stops in the middle of a message and stays: close does not wait for the rest. */
static bool answer_half(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    (void)s;
    (void)payload;
    fake_send(fd, hdr->type, hdr->req_id, "OK", 3);
    (void)!send(fd, "\x0f\0\0\0\0\0", 6, MSG_NOSIGNAL);
    return true;
}

static void test_close_in_the_middle_of_a_message(void **state)
{
    (void)state;
    begin(answer_half, NULL);
    struct xs_handle *h = opened(true);
    usleep(20000);
    xs_close(h);
    end();
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        uint32_t len;
        int error;
    } cases[] = {{"ENOENT", 7, ENOENT}, {"EAGAIN", 7, EAGAIN}, {"EPERM", 6, EPERM},
                 {"E2BIG", 5, E2BIG},   {"EODD", 5, EINVAL},   {"", 0, EINVAL},
                 {"", 1, EINVAL},       {"ENOENTX", 8, EINVAL}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct damage d = {.id_at = -1};
        damage_reply(&d, XS_ERROR, cases[i].text, cases[i].len);
        begin(answer_damaged, &d);
        struct xs_handle *h = opened(false);
        for (int again = 0; again < 2; again++) { /* an error is an answer like any other */
            assert_null(xs_read(h, XBT_NULL, "/a", NULL));
            assert_int_equal(errno, cases[i].error);
        }
        assert_int_equal(xs_transaction_start(h), XBT_NULL);
        assert_false(xs_is_domain_introduced(h, 1));
        xs_close(h);
        end();
    }
}

static void test_odd_payloads(void **state)
{
    struct damage d = {.id_at = -1};
    unsigned n;
    (void)state;
    begin(answer_damaged, &d);
    struct xs_handle *h = opened(false);

    damage_reply(&d, XS_GET_PERMS, "n0\0r-1\0b0x10", 12); /* no NUL at the end: two strings */
    struct xs_permissions *perms = xs_get_permissions(h, XBT_NULL, "/a", &n);
    assert_int_equal(n, 2);
    assert_int_equal(perms[1].id, UINT32_MAX);
    free(perms);
    static const char *const bad[] = {"x1", "n", "", "n1 ", "nn", "1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        d.len = 0;
        damage_reply(&d, XS_GET_PERMS, bad[i], (uint32_t)strlen(bad[i]) + 1);
        assert_null(xs_get_permissions(h, XBT_NULL, "/a", &n));
        assert_int_equal(errno, EINVAL);
    }
    d.len = 0;
    damage_reply(&d, XS_DIRECTORY, "a\0\0last", 7);
    char **names = xs_directory(h, XBT_NULL, "/", &n);
    assert_int_equal(n, 3);
    assert_string_equal(names[2], "last");
    free(names);
    d.len = 0;
    damage_reply(&d, XS_DIRECTORY, "", 0);
    names = xs_directory(h, XBT_NULL, "/", &n);
    assert_non_null(names);
    assert_int_equal(n, 0);
    free(names);
    d.len = 0;
    damage_reply(&d, XS_TRANSACTION_START, "7 and more", 10);
    assert_int_equal(xs_transaction_start(h), 7);
    d.len = 0;
    damage_reply(&d, XS_IS_DOMAIN_INTRODUCED, "F", 2);
    assert_false(xs_is_domain_introduced(h, 3));
    d.len = 0;
    damage_reply(&d, XS_IS_DOMAIN_INTRODUCED, "T", 2);
    assert_true(xs_is_domain_introduced(h, 3));
    xs_close(h);
    end();
}

/* Messages with a few bytes changed, in any place: what comes back does not matter, that it comes
 * does. */
static bool answer_garbled(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr,
                           char *payload)
{
    unsigned *seed = s->arg;
    char text[64] = {0};
    struct xsd_sockmsg reply = {.type = hdr->type, .req_id = hdr->req_id, .len = 24};
    (void)payload;
    memcpy(text, &reply, sizeof(reply));
    memcpy(text + sizeof(reply), "n0\0b7\0name\0/some/path\0t\0", 24);
    size_t len = sizeof(reply) + reply.len;
    for (int i = rand_r(seed) % 3; i > 0; i--)
        text[(size_t)rand_r(seed) % len] =
            (char)(rand_r(seed) % 4 ? rand_r(seed) % 24 : rand_r(seed));
    (void)!send(fd, text, len, MSG_NOSIGNAL);
    return rand_r(seed) % 4 != 0;
}

static void *stopper(void *arg)
{
    usleep(2000); /* garbled lengths make both sides wait: end it from the daemon's side */
    shutdown(((struct xs_handle *)arg)->fd, SHUT_RDWR);
    return NULL;
}

static void test_garbled(void **state)
{
    unsigned seed = 20261121;
    unsigned choices = 7;
    (void)state;
    begin(answer_garbled, &seed);
    for (int i = 0; i < 400; i++) {
        struct xs_handle *h = xs_open(0);
        pthread_t thread;
        unsigned n = 0;
        pthread_create(&thread, NULL, stopper, h);
        for (int call = 0; call < 4; call++) {
            switch (rand_r(&choices) % 6) {
            case 0: free(xs_read(h, XBT_NULL, "/a", &n)); break;
            case 1: free(xs_directory(h, XBT_NULL, "/a", &n)); break;
            case 2: free(xs_get_permissions(h, XBT_NULL, "/a", &n)); break;
            case 3: xs_watch(h, "/a", "t"); break;
            case 4: free(xs_check_watch(h)); break;
            default: xs_transaction_end(h, 1, false); break;
            }
        }
        pthread_join(thread, NULL);
        xs_close(h);
    }
    end();
}

/* ---- directories in parts */

struct parts {
    int change_at; /* the request at which the directory is another */
    int asked;
    bool no_parts; /* an old daemon */
    bool no_progress;
};

#define NR_NAMES 1500

static bool answer_parts(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    struct parts *p = s->arg;
    static char all[NR_NAMES * 8 + 1];
    unsigned size = 0;
    if (hdr->type == XS_DIRECTORY) {
        fake_send(fd, XS_ERROR, hdr->req_id, "E2BIG", 6);
        return true;
    }
    if (p->no_parts) {
        fake_send(fd, XS_ERROR, hdr->req_id, "ENOSYS", 7);
        return true;
    }
    bool changed = ++p->asked >= p->change_at;
    for (int i = 0; i < NR_NAMES; i++)
        size += (unsigned)sprintf(all + size, "%c%d", changed ? 'b' : 'a', i) + 1;
    all[size++] = '\0';
    unsigned offset = (unsigned)atoi(payload + strlen(payload) + 1);
    assert_true(offset < size);
    char reply[1024];
    unsigned head = (unsigned)sprintf(reply, "%d", changed ? 2 : 1) + 1;
    unsigned len =
        size - offset < sizeof(reply) - head ? size - offset : (unsigned)sizeof(reply) - head;
    memcpy(reply + head, all + offset, len);
    fake_send(fd, hdr->type, hdr->req_id, reply, p->no_progress ? head : head + len);
    return true;
}

static void test_directory_in_parts(void **state)
{
    (void)state;
    for (int change_at = 0; change_at < 12; change_at++) {
        struct parts p = {.change_at = change_at};
        unsigned n;
        begin(answer_parts, &p);
        struct xs_handle *h = opened(false);
        char **names = xs_directory(h, XBT_NULL, "/big", &n);
        assert_non_null(names);
        assert_int_equal(n, NR_NAMES);
        for (unsigned i = 0; i < n; i++) { /* never a mixture of both */
            assert_int_equal(names[i][0], names[0][0]);
            assert_int_equal(atoi(names[i] + 1), i);
        }
        free(names);
        xs_close(h);
        end();
    }
    struct parts old = {.no_parts = true};
    struct parts stuck = {.no_progress = true};
    unsigned n;
    begin(answer_parts, &old);
    struct xs_handle *h = opened(false);
    assert_null(xs_directory(h, XBT_NULL, "/big", &n));
    assert_int_equal(errno, E2BIG);
    store.arg = &stuck;
    assert_null(xs_directory(h, XBT_NULL, "/big", &n));
    assert_int_equal(errno, EIO);
    xs_close(h);
    end();
}

/* ---- what is sent */

static char sent[XENSTORE_PAYLOAD_MAX + 1];
static struct xsd_sockmsg sent_header;

static bool answer_keep(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    (void)s;
    sent_header = *hdr;
    memcpy(sent, payload, hdr->len);
    fake_send(fd, hdr->type, hdr->req_id, "OK", 3);
    return true;
}

static void assert_sent(uint32_t type, uint32_t tx, const char *payload, uint32_t len)
{
    assert_int_equal(sent_header.type, type);
    assert_int_equal(sent_header.tx_id, tx);
    assert_int_equal(sent_header.len, len);
    assert_memory_equal(sent, payload, len);
}

static void test_requests(void **state)
{
    struct xs_permissions perms[] = {
        {3, XS_PERM_NONE}, {4, XS_PERM_READ}, {5, XS_PERM_WRITE}, {6, 3}};
    (void)state;
    begin(answer_keep, NULL);
    struct xs_handle *h = opened(false);
    assert_true(xs_write(h, 9, "/a", "x\0y", 3));
    assert_sent(XS_WRITE, 9, "/a\0x\0y", 6);
    assert_true(xs_write(h, 0, "/a", NULL, 0));
    assert_sent(XS_WRITE, 0, "/a", 3);
    assert_true(xs_mkdir(h, 2, "/m"));
    assert_sent(XS_MKDIR, 2, "/m", 3);
    assert_true(xs_rm(h, 2, "/m"));
    assert_sent(XS_RM, 2, "/m", 3);
    assert_true(xs_set_permissions(h, 1, "/p", perms, 4));
    assert_sent(XS_SET_PERMS, 1, "/p\0n3\0r4\0w5\0b6", 15);
    perms[3].perms = 4;
    assert_false(xs_set_permissions(h, 1, "/p", perms, 4));
    assert_int_equal(errno, EINVAL);
    assert_true(xs_transaction_end(h, 5, true));
    assert_sent(XS_TRANSACTION_END, 5, "F", 2);
    assert_true(xs_introduce_domain(h, 7, 0x123456789abul, 3));
    assert_sent(XS_INTRODUCE, 0, "7\0001250999896491\0003", 18);
    assert_true(xs_set_target(h, 7, 8));
    assert_sent(XS_SET_TARGET, 0, "7\0008", 4);
    assert_true(xs_release_domain(h, UINT32_MAX));
    assert_sent(XS_RELEASE, 0, "4294967295", 11);
    assert_true(xs_resume_domain(h, 7));
    assert_sent(XS_RESUME, 0, "7", 2);
    char *answer = xs_debug_command(h, "print", "hi", 3);
    assert_string_equal(answer, "OK");
    assert_sent(XS_CONTROL, 0, "print\0hi", 9);
    free(answer);
    assert_false(xs_restrict(h, 1));

    /* The greatest request there is, and one byte more, of which the daemon hears nothing. */
    static char value[XENSTORE_PAYLOAD_MAX];
    assert_true(xs_write(h, 0, "/a", value, XENSTORE_PAYLOAD_MAX - 3));
    assert_int_equal(sent_header.len, XENSTORE_PAYLOAD_MAX);
    uint32_t id = sent_header.req_id;
    assert_false(xs_write(h, 0, "/a", value, XENSTORE_PAYLOAD_MAX - 2));
    assert_int_equal(errno, E2BIG);
    assert_false(xs_write(h, 0, "/a", value, UINT32_MAX));
    assert_int_equal(errno, E2BIG);
    struct xs_permissions *many = calloc(2000, sizeof(*many));
    assert_false(xs_set_permissions(h, 0, "/a", many, 2000));
    assert_int_equal(errno, E2BIG);
    free(many);
    assert_true(xs_rm(h, 0, "/a"));
    assert_int_equal(sent_header.req_id, id + 1);
    xs_close(h);
    end();
}

/* ---- watches */

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LIMIT * 1000), 1);
}

static void test_watch_events(void **state)
{
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = opened(false);
    int fd = xs_fileno(h);
    unsigned n;
    assert_true(fd >= 0);
    assert_int_equal(xs_fileno(h), fd);
    assert_false(readable(fd));
    assert_null(xs_check_watch(h));
    assert_int_equal(errno, EAGAIN);

    /* In order, and the descriptor is readable exactly while one waits. */
    assert_true(xs_watch(h, "/w1", "one"));
    assert_true(xs_watch(h, "/w2", "two"));
    for (int i = 0; i < 2; i++) {
        wait_readable(fd);
        char **event = xs_read_watch(h, &n);
        assert_int_equal(n, 2);
        assert_string_equal(event[XS_WATCH_PATH], i ? "/w2" : "/w1");
        assert_string_equal(event[XS_WATCH_TOKEN], i ? "two" : "one");
        free(event);
    }
    assert_false(readable(fd));
    assert_null(xs_check_watch(h));
    assert_int_equal(errno, EAGAIN);

    /* Without the flag unwatch leaves what waits. */
    assert_true(xs_write(h, 0, "/w1/x", "1", 1));
    wait_readable(fd);
    assert_true(xs_unwatch(h, "/w1", "token"));
    free(xs_read_watch(h, &n));
    xs_close(h);
    end();
}

static void test_fileno_after_events(void **state)
{
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = opened(true);
    unsigned n;
    usleep(20000); /* mostly the event is there before somebody asks for the descriptor */
    int fd = xs_fileno(h);
    wait_readable(fd);
    free(xs_read_watch(h, &n));
    assert_false(readable(fd));
    xs_close(h);
    end();
}

static void test_unwatch_filter(void **state)
{
    static const char *const paths[] = {"/w", "/w/below", "/wide", "/other", "/w/x"};
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = xs_open(XS_UNWATCH_FILTER);
    unsigned n;
    assert_true(xs_watch(h, "/w", "another"));
    free(xs_read_watch(h, &n));
    assert_true(xs_watch(h, "/w", "token"));
    for (int i = 0; i < 5; i++)
        assert_true(xs_write(h, 0, paths[i], "1", 1)); /* fires with "token" */
    assert_true(xs_write(h, 0, "/other", "1", 1));
    assert_true(xs_unwatch(h, "/w", "token"));
    /* Both rests are left, those of the watch are not; and what comes later is hung behind them. */
    static const char *const rest[] = {"/wide", "/other", "/other", "/later"};
    assert_true(xs_write(h, 0, "/later", "1", 1));
    for (int i = 0; i < 4; i++) {
        char **event = xs_read_watch(h, &n);
        assert_string_equal(event[XS_WATCH_PATH], rest[i]);
        free(event);
    }
    assert_null(xs_check_watch(h));
    assert_true(xs_watch(h, "/w", "token"));
    assert_true(xs_unwatch(h, "/w", "token"));
    assert_false(readable(xs_fileno(h)));
    xs_close(h);
    end();
}

static bool answer_then_end(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr,
                            char *payload)
{
    answer_echo(s, fd, hdr, payload);
    return hdr->type != XS_WRITE;
}

static void *waiter(void *arg)
{
    unsigned n;
    char **event = xs_read_watch(arg, &n);
    const char *said = event ? "event" : errno == EINVAL ? "over" : "?";
    free(event);
    return (void *)said;
}

/* When the daemon goes, what has arrived can still be taken, then everyone who waits is told. */
static void test_daemon_goes(void **state)
{
    pthread_t threads[3];
    unsigned n;
    (void)state;
    begin(answer_then_end, NULL);
    struct xs_handle *h = opened(true);
    free(xs_read_watch(h, &n));
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, waiter, h);
    usleep(10000);
    assert_true(xs_write(h, 0, "/last", "1", 1)); /* its event is for one of them */
    int events = 0;
    for (int i = 0; i < 3; i++) {
        void *said;
        pthread_join(threads[i], &said);
        events += strcmp(said, "event") == 0;
        assert_string_not_equal(said, "?");
    }
    assert_int_equal(events, 1);
    assert_null(xs_check_watch(h));
    assert_int_equal(errno, EINVAL);
    assert_null(xs_read(h, 0, "/a", NULL));
    assert_int_equal(errno, EBADF);
    xs_close(h);
    end();
}

static void *cancelled(void *arg)
{
    unsigned n;
    for (;;)
        free(xs_read_watch(arg, &n));
    return NULL;
}

static void test_cancel(void **state)
{
    pthread_t thread;
    void *said;
    unsigned n;
    (void)state;
    begin(answer_echo, NULL);
    struct xs_handle *h = opened(true);
    pthread_create(&thread, NULL, cancelled, h);
    usleep(10000);
    pthread_cancel(thread);
    pthread_join(thread, &said);
    assert_ptr_equal(said, PTHREAD_CANCELED);
    char **event;
    while ((event = xs_check_watch(h)))
        free(event);
    assert_true(xs_write(h, 0, "/a", "1", 1)); /* no lock was left behind */
    free(xs_read_watch(h, &n));
    xs_close(h);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_each_byte),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_second_reply_is_nobodys),
        cmocka_unit_test(test_close_in_the_middle_of_a_message),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_odd_payloads),
        cmocka_unit_test(test_garbled),
        cmocka_unit_test(test_directory_in_parts),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_watch_events),
        cmocka_unit_test(test_fileno_after_events),
        cmocka_unit_test(test_unwatch_filter),
        cmocka_unit_test(test_daemon_goes),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
