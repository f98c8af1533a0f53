/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/xenconsoled/ring.c dom0-tools/xenconsoled/history.c dom0-tools/xenconsoled/logfile.c
// LIBS: -Idom0-tools -D_GNU_SOURCE
/* The console daemon touches nothing outside of its buffers whatever a guest writes into its page,
 * loses and doubles no byte of a guest that behaves, shows the newest to who is slow, and keeps log
 * files below their limit.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "xenconsoled/history.h"
#include "xenconsoled/logfile.h"
#include "xenconsoled/ring.h"

/* ---- the page */

static size_t ring_take(struct xencons_interface *page, char *text)
{
    uint32_t end, before = page->out_cons;
    size_t len = ring_look(page, text, &end);

    assert_int_equal(page->out_cons, before); /* a kill here loses nothing */
    if (len)
        ring_taken(page, end);
    return len;
}

static void test_ring_bytes_in_order(void **state)
{
    struct xencons_interface *page = calloc(1, sizeof(*page));
    char text[sizeof(page->out)];
    unsigned seed = 3;
    uint8_t said = 0;
    uint8_t heard = 0;
    (void)state;
    page->out_cons = page->out_prod = UINT32_MAX - 1000; /* the indices wrap on the way */
    for (int i = 0; i < 3000; i++) {
        size_t room = sizeof(page->out) - (page->out_prod - page->out_cons);
        for (size_t n = (size_t)rand_r(&seed) % (room + 1); n > 0; n--)
            page->out[MASK_XENCONS_IDX(page->out_prod++, page->out)] = (char)said++;
        size_t len = ring_take(page, text);
        for (size_t n = 0; n < len; n++)
            assert_int_equal((uint8_t)text[n], heard++);
        assert_int_equal(said, heard);
        assert_int_equal(page->out_cons, page->out_prod);
    }
    free(page);
}

static void test_ring_input(void **state)
{
    struct xencons_interface *page = calloc(1, sizeof(*page));
    char text[sizeof(page->in)];
    (void)state;
    page->in_cons = page->in_prod = UINT32_MAX - 5;
    assert_int_equal(ring_room(page), sizeof(page->in));
    memset(text, 'x', sizeof(text));
    ring_put(page, text, 1000);
    assert_int_equal(ring_room(page), sizeof(page->in) - 1000);
    ring_put(page, text, ring_room(page));
    assert_int_equal(ring_room(page), 0);
    page->in_cons += 10;
    assert_int_equal(ring_room(page), 10);
    free(page);
}

static void test_ring_hostile(void **state)
{
    struct xencons_interface *page =
        calloc(1, sizeof(*page)); /* of its own, so that ASan sees one byte outside */
    char text[sizeof(page->out)];
    char input[sizeof(page->in)] = {0};
    unsigned seed = 7;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        for (size_t n = 0; n < sizeof(*page); n += 128)
            ((char *)page)[n] = (char)rand_r(&seed);
        page->out_prod = (uint32_t)rand_r(&seed) * 5u;
        page->out_cons = (uint32_t)rand_r(&seed) * 7u;
        page->in_prod = (uint32_t)rand_r(&seed) * 5u;
        page->in_cons = rand_r(&seed) % 2 ? page->in_prod - (uint32_t)rand_r(&seed) % 2000
                                          : (uint32_t)rand_r(&seed);
        assert_in_range(ring_take(page, text), 0, sizeof(text));
        assert_int_equal(ring_take(page, text),
                         0); /* put right, so that one lie is not answered for ever */
        size_t room = ring_room(page);
        assert_in_range(room, 0, sizeof(page->in));
        ring_put(page, input, room);
    }
    free(page);
}

/* ---- the history */

static void test_history(void **state)
{
    struct history *history = calloc(1, sizeof(*history));
    uint64_t fast = 0;
    uint64_t slow = 0;
    unsigned seed = 5;
    const char *text;
    char piece[5000];
    uint64_t said = 0;
    (void)state;
    for (int i = 0; i < 400; i++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(piece);
        for (size_t n = 0; n < len; n++)
            piece[n] = (char)((said + n) % 251);
        said += len;
        history_add(history, piece, len);
        for (size_t got; (got = history_get(history, &fast, &text)) > 0; fast += got) {
            for (size_t n = 0; n < got; n++)
                assert_int_equal((uint8_t)text[n], (fast + n) % 251);
        }
        assert_true(fast == said);
    }
    /* Who did not read has the newest HISTORY_SIZE bytes. */
    size_t all = 0;
    for (size_t got; (got = history_get(history, &slow, &text)) > 0; slow += got) {
        assert_int_equal((uint8_t)text[0], slow % 251);
        all += got;
    }
    assert_int_equal(all, HISTORY_SIZE);
    free(history);
}

static void test_replay_begins_at_a_line(void **state)
{
    struct history *history = calloc(1, sizeof(*history));
    (void)state;
    assert_int_equal(history_last(history, 100), 0);
    history_add(history, "one\ntwo\nthree\n", 14);
    assert_int_equal(history_last(history, 100), 0);
    assert_int_equal(history_last(history, 14), 0);
    assert_int_equal(history_last(history, 12), 4);
    assert_int_equal(history_last(history, 10), 8);
    assert_int_equal(history_last(history, 0), 14);
    for (int i = 0; i < HISTORY_SIZE; i++)
        history_add(history, "x", 1);
    assert_int_equal(history_last(history, HISTORY_SIZE * 2),
                     14); /* no line in sight: as much as there is */
    assert_int_equal(history_last(history, 5), 14 + HISTORY_SIZE - 5);
    free(history);
}

/* ---- log files */

static char dir[] = "/tmp/consoled.XXXXXX";

static void assert_file(const char *name, const char *text)
{
    char path[300];
    char got[5000] = {0};
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(got, 1, sizeof(got) - 1, f) < sizeof(got));
    fclose(f);
    assert_string_equal(got, text);
}

static void empty_dir(void)
{
    char path[400];
    struct dirent *entry;
    DIR *d = opendir(dir);
    while ((entry = readdir(d))) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        unlink(path);
    }
    closedir(d);
}

static void test_log(void **state)
{
    struct logfile log = {.fd = -1, .limit = 20, .replace_escape = true};
    char path[300];
    char other[300];
    (void)state;
    assert_true(logfile_open(&log, dir, "guest-../a b"));
    snprintf(path, sizeof(path), "%s/guest-.._a_b.log", dir);
    assert_string_equal(log.path, path);
    logfile_write(&log, "twelve bytes", 12);
    logfile_write(&log, "\033[0m", 4);
    assert_file("guest-.._a_b.log", "twelve bytes.[0m");
    logfile_write(&log, "\nhello\n", 7);
    assert_file("guest-.._a_b.log.1", "twelve bytes.[0m");
    assert_file("guest-.._a_b.log", "\nhello\n");
    /* Somebody moves the file; and what is there already counts against the limit. */
    snprintf(other, sizeof(other), "%s/moved", dir);
    assert_int_equal(rename(path, other), 0);
    logfile_reopen(&log);
    logfile_write(&log, "new", 3);
    assert_file("moved", "\nhello\n");
    assert_file("guest-.._a_b.log", "new");
    logfile_close(&log);
    assert_true(logfile_open(&log, dir, "guest-../a b"));
    logfile_write(&log, "0123456789012345678", 19);
    assert_file("guest-.._a_b.log", "0123456789012345678");
    assert_file("guest-.._a_b.log.1", "new");
    logfile_close(&log);
    empty_dir();
}

static void test_log_times(void **state)
{
    struct logfile log = {.fd = -1, .times = true};
    char path[300];
    char line[100];
    unsigned n;
    (void)state;
    assert_true(logfile_open(&log, dir, "t"));
    logfile_write(&log, "one\ntw", 6);
    logfile_write(&log, "o\n", 2);
    logfile_close(&log);
    snprintf(path, sizeof(path), "%s/t.log", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(line, sizeof(line), f));
    assert_int_equal(sscanf(line, "[%u-%*u-%*u %*u:%*u:%*u] one", &n), 1);
    assert_non_null(fgets(line, sizeof(line), f));
    assert_non_null(strstr(line, "] two\n"));
    assert_null(fgets(line, sizeof(line), f));
    fclose(f);
    empty_dir();
}

static void test_log_cannot_be_opened(void **state)
{
    struct logfile log = {.fd = -1};
    (void)state;
    assert_false(logfile_open(&log, "/nowhere/at/all", "x"));
    logfile_write(&log, "lost", 4);
    logfile_reopen(&log);
    logfile_close(&log);
    logfile_write(&log, "lost", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_bytes_in_order),
        cmocka_unit_test(test_ring_input),
        cmocka_unit_test(test_ring_hostile),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_replay_begins_at_a_line),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_times),
        cmocka_unit_test(test_log_cannot_be_opened),
    };
    if (!mkdtemp(dir))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
