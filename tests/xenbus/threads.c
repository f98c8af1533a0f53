/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that share a handle get their own answers and lose no event, without a data race (this is
 * compiled with the thread sanitizer), also while the connection ends under them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <cmocka.h>

#include "fake_store.h"
#include "xs/xenstore.h"

#define THREADS  4
#define REQUESTS 1500
#define LIMIT    120 /* s after which a test that hangs is ended */

static struct fake_store store;
static struct xs_handle *handle;
static unsigned wrong;

/* Values are their paths; each write fires one event; END ends the connection. */
static bool answer(struct fake_store *s, int fd, const struct xsd_sockmsg *hdr, char *payload)
{
    (void)s;
    if (hdr->type == XS_READ) {
        fake_send(fd, XS_READ, hdr->req_id, payload, (uint32_t)strlen(payload));
        return true;
    }
    if (hdr->type == XS_WRITE) {
        char event[64];
        int len = snprintf(event, sizeof(event), "%s%ctoken", payload, 0) + 1;
        fake_send(fd, XS_WATCH_EVENT, 0, event, (uint32_t)len);
    }
    if (hdr->type == XS_RM)
        return false;
    fake_send(fd, hdr->type, hdr->req_id, "OK", 3);
    return true;
}

/* Reads of its own path, and a write now and then. */
static void *asker(void *arg)
{
    char path[32];
    unsigned bad = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        snprintf(path, sizeof(path), "/%lu/%u", (unsigned long)(uintptr_t)arg, i);
        char *value = xs_read(handle, 0, path, NULL);
        bad += !value || strcmp(value, path) != 0;
        free(value);
        if (i % 10 == 0)
            bad += !xs_write(handle, 0, path, "1", 1);
        if (i % 100 == 0)
            bad += !xs_watch(handle, path, "token") || !xs_unwatch(handle, path, "token");
    }
    __atomic_add_fetch(&wrong, bad, __ATOMIC_SEQ_CST);
    return NULL;
}

static unsigned taken;

/* Takes events until the connection is over; every second one by polling. */
static void *taker(void *arg)
{
    bool polls = arg;
    unsigned n;
    for (;;) {
        char **event;
        if (polls) {
            struct pollfd p = {.fd = xs_fileno(handle), .events = POLLIN};
            poll(&p, 1, 10);
            event = xs_check_watch(handle);
            if (!event && errno == EAGAIN)
                continue;
        } else {
            event = xs_read_watch(handle, &n);
        }
        if (!event)
            return NULL;
        __atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
        free(event);
    }
}

static void test_threads(void **state)
{
    pthread_t askers[THREADS];
    pthread_t takers[2];
    (void)state;
    alarm(LIMIT);
    store.answer = answer;
    fake_start(&store);
    handle = xs_open(XS_UNWATCH_FILTER);
    assert_non_null(handle);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&askers[i], NULL, asker, (void *)i);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&takers[i], NULL, taker, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(askers[i], NULL);
    assert_false(xs_rm(handle, 0, "/end"));
    for (unsigned i = 0; i < 2; i++)
        pthread_join(takers[i], NULL);
    assert_int_equal(wrong, 0);
    /* The filter may have dropped an event of a path that was unwatched before it was taken: one at
     * most for each of those writes. */
    unsigned writes = THREADS * REQUESTS / 10;
    assert_in_range(taken, writes - THREADS * REQUESTS / 100, writes);
    xs_close(handle);
    fake_stop(&store);
    alarm(0);
}

/* The connection ends while all of them are busy. */
static void *asker_to_the_end(void *arg)
{
    char *value = arg;
    while (value) {
        value = xs_read(handle, 0, "/a", NULL);
        free(value);
    }
    return NULL;
}

static void test_end_under_threads(void **state)
{
    (void)state;
    alarm(LIMIT);
    for (int round = 0; round < 20; round++) {
        pthread_t askers[THREADS];
        pthread_t takers[2];
        fake_start(&store);
        handle = xs_open(0);
        if (round % 2)
            assert_true(xs_watch(handle, "/w", "token"));
        for (unsigned i = 0; i < THREADS; i++)
            pthread_create(&askers[i], NULL, asker_to_the_end, "");
        for (uintptr_t i = 0; i < 2; i++)
            pthread_create(&takers[i], NULL, taker, (void *)i);
        assert_false(xs_rm(handle, 0, "/end"));
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(askers[i], NULL);
        for (unsigned i = 0; i < 2; i++)
            pthread_join(takers[i], NULL);
        xs_close(handle);
        fake_stop(&store);
    }
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_end_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
