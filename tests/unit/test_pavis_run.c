// SPDX-License-Identifier: GPL-2.0-only
/* CLAIM: what `pavis run` and its guest exchange is understood only in the form that it was sent
 * in, whatever the other side writes; modules come behind those that they need; archives are those
 * that cpio reads; a command line becomes the xl.cfg that says the same.
 */
// SOURCES: dom0-tools/run/cpio.c dom0-tools/run/modules.c dom0-tools/run/channel.c dom0-tools/run/job.c
// SOURCES: dom0-tools/run/options.c dom0-tools/lib/problem.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/channel.h"
#include "run/cpio.h"
#include "run/job.h"
#include "run/modules.h"
#include "run/options.h"

/* ---- modules */

static const char dep[] =
    "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n"
    "kernel/fs/jbd2/jbd2.ko: kernel/lib/crc32.ko\n"
    "kernel/fs/mbcache.ko:\n"
    "kernel/lib/crc16.ko:\n"
    "kernel/lib/crc32.ko.xz:\n"
    "kernel/lib/crc32.ko:\n"
    "kernel/drivers/xen-blkfront.ko:\n"
    "kernel/a.ko: kernel/b.ko\n"
    "kernel/b.ko: kernel/a.ko\n"
    "kernel/lost.ko: kernel/nowhere.ko\n";

static void test_modules(void **state)
{
    static struct module_list list;

    list.nr = 0;
    assert_true(modules_add(&list, dep, "ext4"));
    assert_int_equal(list.nr, 5);
    assert_string_equal(list.paths[0], "kernel/lib/crc16.ko");
    assert_string_equal(list.paths[1], "kernel/fs/mbcache.ko");
    assert_string_equal(list.paths[2], "kernel/lib/crc32.ko");
    assert_string_equal(list.paths[3], "kernel/fs/jbd2/jbd2.ko");
    assert_string_equal(list.paths[4], "kernel/fs/ext4/ext4.ko");
    assert_true(modules_add(&list, dep, "xen_blkfront"));
    assert_true(modules_add(&list, dep, "xen-blkfront"));
    assert_true(modules_add(&list, dep, "jbd2"));
    assert_int_equal(list.nr, 6);
    assert_false(modules_add(&list, dep, "ext"));
    assert_false(modules_add(&list, dep, "ext44"));
    assert_false(modules_add(&list, dep, "lost"));
    assert_false(modules_add(&list, "", "ext4"));
    assert_false(modules_add(&list, dep, "a")); /* a circle ends; it cannot be loaded */
    assert_true(modules_builtin("kernel/x/xfs.ko\nkernel/x/ext4.ko\n", "ext4"));
    assert_false(modules_builtin("kernel/x/xfs.ko\nkernel/x/ext4.ko\n", "ext3"));
    assert_false(modules_builtin("", "ext3"));
}

/* ---- archives */

static void test_cpio(void **state)
{
    char path[] = "/tmp/test_pavis_run.XXXXXX", command[200], line[100];
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w"), *listing;
    struct cpio c = {.out = out};
    unsigned nr = 0;

    cpio_file(&c, "a/b/one", 0755, "12345", 5);
    cpio_file(&c, "a/b/two", 0600, "", 0);
    cpio_link(&c, "a/three", "/a/b/one");
    cpio_folder(&c, "dev");
    cpio_end(&c);
    assert_int_equal(fclose(out), 0);
    snprintf(command, sizeof(command), "cpio -itv --quiet <%s", path);
    listing = popen(command, "r");
    while (fgets(line, sizeof(line), listing)) {
        static const char *const wanted[][2] = {{"drwxr-xr-x", " a\n"},
                                                {"drwxr-xr-x", " a/b\n"},
                                                {"-rwxr-xr-x", "a/b/one"},
                                                {"-rw-------", "a/b/two"},
                                                {"lrwxrwxrwx", "a/three -> /a/b/one"},
                                                {"drwxr-xr-x", " dev\n"}};

        assert_true(nr < 6);
        assert_non_null(strstr(line, wanted[nr][0]));
        assert_non_null(strstr(line, wanted[nr][1]));
        nr++;
    }
    assert_int_equal(pclose(listing), 0);
    assert_int_equal(nr, 6);
    unlink(path);
}

/* ---- the channel */

static void test_channel(void **state)
{
    struct channel_pages *pages = calloc(1, sizeof(*pages));
    struct pipe_end put = pipe_from_guest(pages), get = pipe_from_guest(pages);
    char bytes[FRAME_MAX], got[FRAME_MAX];
    unsigned seed = 1, sent = 0, taken = 0;
    uint8_t kind;

    /* The indices wrap on the way. */
    pages->from_put = pages->from_taken = put.own = get.own = UINT32_MAX - 5000;
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = (size_t)rand_r(&seed) % (FRAME_MAX + 1);

        memset(bytes, (int)sent, len);
        if (frame_put(&put, FRAME_OUTPUT, bytes, len))
            sent++;
        if (rand_r(&seed) % 2) {
            int n = frame_get(&get, &kind, got);

            assert_int_not_equal(n, FRAME_BROKEN);
            for (int b = 0; b < n; b++)
                assert_int_equal((uint8_t)got[b], (uint8_t)taken);
            taken += n >= 0;
        }
    }
    while (frame_get(&get, &kind, got) >= 0)
        taken++;
    assert_int_equal(sent, taken);
    assert_true(sent > 1000);
    assert_true(pipe_empty(&put));
    free(pages);
}

/* What no honest guest writes is noticed or is a frame within its bounds. */
static void test_channel_hostile(void **state)
{
    struct channel_pages *pages = malloc(sizeof(*pages));
    char got[FRAME_MAX];
    unsigned seed = 7, broken = 0;
    uint8_t kind;

    for (unsigned i = 0; i < 20000; i++) {
        struct pipe_end get = pipe_from_guest(pages), put = pipe_to_guest(pages);
        int n;

        for (size_t at = 0; at < FROM_GUEST; at += 512)
            memset(pages->from_guest + at, rand_r(&seed), 512);
        get.own = put.own = (uint32_t)rand_r(&seed);
        pages->from_put = get.own + (uint32_t)rand_r(&seed) % 20000;
        pages->to_taken = (uint32_t)rand_r(&seed);
        pages->from_guest[(get.own + 1) % FROM_GUEST] = 0;
        pages->from_guest[(get.own + 3) % FROM_GUEST] &= 31;
        n = frame_get(&get, &kind, got);
        assert_true(n == FRAME_NONE || n == FRAME_BROKEN || (n >= 0 && n <= (int)FRAME_MAX));
        broken += n == FRAME_BROKEN;
        frame_put(&put, FRAME_INPUT, got, FRAME_MAX);
    }
    assert_true(broken > 100 && broken < 20000);
    free(pages);
}

/* ---- orders and reports */

static void test_job(void **state)
{
    const char *args[] = {"sh", "-c", "two\nlines", "", NULL}, *env[] = {"A=1", NULL};
    const char *modules[] = {"/lib/x.ko", NULL};
    struct job job = {.root = ROOT_OVERLAY,
                      .root_device = "xvdb",
                      .name = "n",
                      .terminal = true,
                      .rows = 24,
                      .columns = 80,
                      .dhcp = true,
                      .console = true,
                      .nr_disks = 2,
                      .args = args,
                      .nr_args = 4,
                      .env = env,
                      .nr_env = 1,
                      .modules = modules,
                      .nr_modules = 1};
    struct job back;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    job_write(&job, out);
    fclose(out);
    assert_true(job_read(&back, text, size));
    assert_int_equal(back.root, ROOT_OVERLAY);
    assert_string_equal(back.root_device, "xvdb");
    assert_true(back.terminal && back.dhcp && back.console && !back.boot);
    assert_int_equal(back.rows, 24);
    assert_int_equal(back.columns, 80);
    assert_int_equal(back.nr_disks, 2);
    assert_int_equal(back.nr_args, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(back.args[i], args[i]);
    assert_null(back.args[4]);
    assert_string_equal(back.env[0], "A=1");
    assert_string_equal(back.modules[0], "/lib/x.ko");
    free(back.args);
    free(back.env);
    free(back.modules);
    free(text);
}

static void test_exit(void **state)
{
    static const char *const bad[] = {
        "",        "exit",     "exit ",    "exit 256",        "exit -1",
        "exit 3 ", "exit 03x", "signal 0", "signal 65",       "signal ",
        "Exit 3",  "3",        "exit +3",  "exit 4294967296", "exit 99999999999999999999"};
    char text[EXIT_LONGEST];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(exit_parse(bad[i], strlen(bad[i])), -1);
    assert_int_equal(exit_parse("exit 3\0x", 8), -1);
    for (int code = 0; code < 256; code++) {
        exit_text(text, code << 8);
        assert_int_equal(exit_parse(text, strlen(text)), code);
    }
    for (int number = 1; number <= 64; number++) {
        exit_text(text, number);
        assert_int_equal(exit_parse(text, strlen(text)), 128 + number);
    }
}

static void test_channel_text(void **state)
{
    static const char *const bad[] = {"",       "5",      "5 1",  "5 1 2 3", "5 1 4294967296",
                                      "5 1 -2", "5  1 2", "x 1 2"};
    uint32_t port, refs[2];

    assert_true(channel_parse("5 1 4294967295", 14, &port, refs, 2));
    assert_int_equal(port, 5);
    assert_int_equal(refs[1], UINT32_MAX);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(channel_parse(bad[i], strlen(bad[i]), &port, refs, 2));
}

/* ---- the command line */

static int read_line(struct run_options *o, const char *line)
{
    static char copy[400];
    static char *words[40];
    struct problem why;
    int nr = 0;

    snprintf(copy, sizeof(copy), "run %s", line);
    for (char *at = strtok(copy, " "); at; at = strtok(NULL, " "))
        words[nr++] = at;
    words[nr] = NULL;
    optind = 0;
    opterr = 0;
    free(o->job.args);
    free(o->job.env);
    return run_options_read(o, nr, words, &why);
}

static void test_options(void **state)
{
    static const char *const bad[] = {
        "--memory 0",          "--memory 1g", "--vcpus x", "--disk ,ro",
        "--disk a,ro,overlay", "--env X",     "--env =x",  "--boot",
        "--ip 1.2.3.4/8",      "--nonsense",  "--disk",    "--disk a --disk b",
        "--detach --timeout 5"};
    struct run_options o = {0};
    struct problem why;
    char *text;

    assert_int_equal(
        read_line(&o,
                  "--disk /a,b,overlay --disk /c,data,ro --net nat -m 64 --env A=B -- ls --disk"),
        0);
    assert_int_equal(o.nr_disks, 2);
    assert_string_equal(o.disks[0].path, "/a,b");
    assert_int_equal(o.job.root, ROOT_OVERLAY);
    assert_string_equal(o.job.root_device, "xvda");
    assert_int_equal(o.job.nr_args, 2);
    assert_string_equal(o.job.args[1], "--disk");
    assert_true(o.job.dhcp);
    text = run_config(&o, "/r", &why);
    assert_non_null(text);
    assert_non_null(strstr(text, "disk = [ \"format=raw,vdev=xvda,access=r,target=/a,b\", "
                                 "\"format=raw,vdev=xvdb,access=r,target=/c\", ]"));
    assert_non_null(strstr(text, "vif = [ \"network=nat\" ]"));
    assert_non_null(strstr(text, "memory = 64\n"));
    free(text);
    assert_int_equal(read_line(&o, "--disk /c,data --net br0 --ip 10.0.0.2/24 true --name x"), 0);
    assert_int_equal(o.job.root, ROOT_MEMORY);
    assert_false(o.job.dhcp);
    assert_int_equal(o.job.nr_args, 3);
    o.kernel = "/a\"b'c";
    assert_null(run_config(&o, "/r", &why));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(read_line(&o, bad[i]), -1);
    free(o.job.args);
    free(o.job.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modules),      cmocka_unit_test(test_cpio),
        cmocka_unit_test(test_channel),      cmocka_unit_test(test_channel_hostile),
        cmocka_unit_test(test_job),          cmocka_unit_test(test_exit),
        cmocka_unit_test(test_channel_text), cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
