/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/nbd_uri.c
// LIBS: -I. -D_GNU_SOURCE
/* Names of NBD disks: what is taken, and that all else is refused with what to write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "blkback/nbd_uri.h"

static struct nbd_uri uri;
static const char *why;

/* Each part of a name arrives where it belongs. */
static void test_good(void **state)
{
    static const struct {
        const char *text, *host, *port, *socket, *export;
    } good[] = {
        {"nbd://server/disk", "server", "10809", "", "disk"},
        {"nbd://server", "server", "10809", "", ""},
        {"nbd://10.0.0.1:99/a/b", "10.0.0.1", "99", "", "a/b"},
        {"nbd://[::1]/x", "::1", "10809", "", "x"},
        {"nbd://[fe80::2]:7/x%20y%2f", "fe80::2", "7", "", "x y/"},
        {"nbd+unix:///disk?socket=/run/a.sock", "", "", "/run/a.sock", "disk"},
        {"nbd+unix://?socket=/a%3fb", "", "", "/a?b", ""},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(nbd_uri_is(good[i].text));
        if (!nbd_uri_parse(&uri, good[i].text, &why))
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(uri.host, good[i].host);
        assert_string_equal(uri.port, good[i].port);
        assert_string_equal(uri.socket, good[i].socket);
        assert_string_equal(uri.export, good[i].export);
    }
}

/* Nonsense is told what to write instead. */
static void test_bad(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"nbds://server/x", "no TLS"},
        {"nbd+vsock://1/x", "no vsock"},
        {"nbd:///x", "write nbd://HOST"},
        {"nbd://", "write nbd://HOST"},
        {"nbd://user@server/x", "write nbd://HOST"},
        {"nbd://[::1/x", "write nbd://HOST"},
        {"nbd://[]/x", "write nbd://HOST"},
        {"nbd://[::1]x/y", "port"},
        {"nbd://server:/x", "port"},
        {"nbd://server:0/x", "port"},
        {"nbd://server:65536/x", "port"},
        {"nbd://server:123456/x", "port"},
        {"nbd://server:1a/x", "port"},
        {"nbd://server/x%2", "bad %XX"},
        {"nbd://server/x%", "bad %XX"},
        {"nbd://server/x%00", "bad %XX"},
        {"nbd://server/x%g0", "bad %XX"},
        {"nbd://server/x?socket=/a", "nothing may be behind"},
        {"nbd+unix:///x", "?socket=/PATH"},
        {"nbd+unix:///x?socket=", "?socket=/PATH"},
        {"nbd+unix:///x?socket=a", "?socket=/PATH"},
        {"nbd+unix:///x?tls=/a", "?socket=/PATH"},
        {"nbd+unix://server/x?socket=/a", "has no host"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(nbd_uri_is(bad[i].text));
        if (nbd_uri_parse(&uri, bad[i].text, &why))
            fail_msg("%s is taken", bad[i].text);
        if (!strstr(why, bad[i].says))
            fail_msg("%s: %s", bad[i].text, why);
    }
    assert_false(nbd_uri_is("/dev/nbd0"));
    assert_false(nbd_uri_is("nbd"));
}

/* Each field has an end, and its last character that fits is the last that is taken. */
static void test_long(void **state)
{
    static const struct {
        const char *before, *behind;
        unsigned most;
    } fields[] = {
        {"nbd://", "/x", 255}, {"nbd://h/", "", 255}, {"nbd+unix:///x?socket=/", "", 106}};
    char text[600];
    (void)state;
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (unsigned nr = fields[i].most - 1; nr < fields[i].most + 3; nr++) {
            char *at = stpcpy(text, fields[i].before);
            memset(at, 'a', nr);
            strcpy(at + nr, fields[i].behind);
            assert_int_equal(nbd_uri_parse(&uri, text, &why), nr <= fields[i].most);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
