/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/guest/record.c dom0-tools/lib/problem.c dom0-tools/lib/domains.c
// SOURCES: dom0-tools/lib/host.c dom0-tools/lib/hypercall.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE -DRECORD_FOLDER='"record"'
/* A guest's record is there from its making to its removal, in one state, whenever its holder is
 * killed; it belongs to one holder at a time; and a file that was cut short at any byte is read
 * without harm.  The folder is one of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/record.h"
#include "xs/xenstore.h"

static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const char text[] = "name = \"a\"\nmemory = 64\n";

/* For the file that has uuid_text(); nothing here asks a store. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    return NULL;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    return NULL;
}

/* Which of the three folders has one record, in digits. */
static unsigned where(void)
{
    unsigned found = 0;

    for (unsigned i = RECORD_MAKING; i <= RECORD_AGAIN; i++) {
        uint8_t(*uuids)[16];
        int nr = records_list((enum record_state)i, &uuids, NULL);

        assert_in_range(nr, 0, 1);
        if (nr) {
            assert_memory_equal(uuids[0], uuid, sizeof(uuid));
            found = found * 10 + i + 1;
        }
        free(uuids);
    }
    assert_int_equal(records_any(), found != 0);
    return found;
}

static void check_text(const struct record *r)
{
    char *got = record_text(r, NULL);

    assert_string_equal(got, text);
    free(got);
}

static void test_life(void **state)
{
    struct record r, other;
    struct problem why;

    assert_int_equal(where(), 0);
    assert_int_equal(record_make(&r, uuid, text, &why), 0);
    assert_int_equal(where(), 1);
    assert_int_equal(record_make(&other, uuid, text, &why), -1);
    assert_int_equal(why.error, EEXIST);
    assert_int_equal(record_open(&other, uuid, 0, &why), 0); /* somebody holds it */
    assert_int_equal(other.fd, -1);
    assert_int_equal(record_set_domain(&r, 77, &why), 0);
    assert_int_equal(record_set_state(&r, RECORD_LIVE, &why), 0);
    assert_int_equal(where(), 2);
    assert_int_equal(record_make(&other, uuid, text, &why), -1); /* in whatever state */
    assert_true(records_mention("memory = 64"));                 /* whoever holds it */
    assert_false(records_mention("memory = 65"));
    record_close(&r);

    assert_int_equal(record_open(&other, uuid, 0, &why), 1);
    assert_int_equal(other.domid, 77);
    assert_int_equal(other.state, RECORD_LIVE);
    check_text(&other);
    assert_int_equal(record_set_domain(&other, 99999, &why), 0); /* though open for reading */
    assert_int_equal(record_set_state(&other, RECORD_AGAIN, &why), 0);
    assert_int_equal(where(), 3);
    record_close(&other);
    assert_int_equal(record_open(&r, uuid, RECORD_ACT, &why), 1);
    assert_int_equal(r.domid, 99999);
    check_text(&r);
    record_remove(&r);
    assert_int_equal(where(), 0);
    assert_false(records_mention("memory = 64"));
    assert_int_equal(record_open(&r, uuid, RECORD_WAIT, &why), 0);
    record_remove(&r); /* of nothing is nothing */
}

/* Who waits gets it as its holder left it, whichever way the holder ends. */
static void test_holder_killed(void **state)
{
    for (unsigned round = 0; round < 20; round++) {
        struct record r;
        struct problem why;
        int ready[2], status;
        char byte;
        pid_t child;

        assert_int_equal(pipe(ready), 0);
        child = fork();
        if (child == 0) {
            if (record_make(&r, uuid, text, NULL) != 0 || write(ready[1], "", 1) != 1)
                _exit(1);
            record_set_domain(&r, round + 1, NULL);
            record_set_state(&r, RECORD_LIVE, NULL);
            for (;;)
                pause();
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        usleep(round * 50);
        kill(child, SIGKILL);
        assert_int_equal(record_open(&r, uuid, RECORD_ACT | RECORD_WAIT, &why), 1);
        assert_true(r.domid == 0 || r.domid == round + 1);
        assert_true(r.state == RECORD_MAKING || (r.state == RECORD_LIVE && r.domid));
        check_text(&r);
        record_remove(&r);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(where(), 0);
        close(ready[0]);
        close(ready[1]);
    }
}

/* Its writer was killed in the middle, or the disk was full. */
static void test_cut_short(void **state)
{
    struct record r;
    struct problem why;
    struct stat st;
    char *got;

    assert_int_equal(record_make(&r, uuid, text, &why), 0);
    assert_int_equal(record_set_domain(&r, 5, &why), 0);
    assert_int_equal(fstat(r.fd, &st), 0);
    for (off_t len = st.st_size; len-- > 0;) {
        struct record short_one;

        assert_int_equal(ftruncate(r.fd, len), 0);
        record_close(&r);
        assert_int_equal(record_open(&short_one, uuid, RECORD_ACT, &why), 1);
        assert_true(short_one.domid == 5 || (len < 13 && short_one.domid == 0));
        got = record_text(&short_one, &why);
        assert_non_null(got);
        assert_int_equal(strncmp(got, text, strlen(got)), 0);
        free(got);
        r = short_one;
    }
    record_remove(&r);
}

/* What else lies in the folders is no record. */
static void test_strangers(void **state)
{
    int fd = open(RECORD_FOLDER "/guests/README", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(where(), 0);
    assert_int_equal(unlink(RECORD_FOLDER "/guests/README"), 0);
}

static int new_folder(void **state)
{
    static char folder[] = "/tmp/test_record.XXXXXX";

    *state = folder;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const parts[] = {RECORD_FOLDER "/making", RECORD_FOLDER "/guests",
                                        RECORD_FOLDER "/again", RECORD_FOLDER};

    for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (rmdir(parts[i]) != 0)
            return -1;
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_holder_killed),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_strangers),
    };

    return cmocka_run_group_tests(tests, new_folder, remove_folder);
}
