/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: xenbus/backend/ask.c xenbus/backend/wire.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
/* Of what a worker says, a broker takes only messages whose kind, count and size go together and
 * whose values are in bounds; texts come out printable.  A message and its descriptors arrive
 * whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "backend/ask.h"
#include "backend/wire.h"

#define HEAD offsetof(struct ask, refs)

static bool takes(const struct ask *ask, size_t size)
{
    struct ask out;
    return ask_check(ask, size, &out);
}

static void counts_are_bounded(void **state)
{
    static const struct {
        enum ask_kind kind;
        uint32_t most;
        size_t each;
    } kinds[] = {{ASK_MAP, 16, 4}, {ASK_COPY, 256, 8}, {ASK_LOG, 239, 1}, {ASK_ERROR, 239, 1}};
    for (unsigned i = 0; i < 4; i++) {
        struct ask ask = {.kind = kinds[i].kind, .nr = kinds[i].most};
        for (unsigned p = 0; kinds[i].kind == ASK_COPY && p < ASK_PIECES; p++)
            ask.pieces[p].len = 1;
        size_t size = HEAD + kinds[i].most * kinds[i].each;
        assert_true(takes(&ask, size));
        assert_false(takes(&ask, size - 1));
        assert_false(takes(&ask, size + 1));
        ask.nr++;
        assert_false(takes(&ask, size + kinds[i].each));
        ask.nr = UINT32_MAX / 2; /* times two, four or eight: a size that could wrap */
        assert_false(takes(&ask, HEAD + (uint32_t)(ask.nr * kinds[i].each)));
        ask.nr = 0;
        assert_false(takes(&ask, HEAD));
    }
}

static void kinds_and_values_are_known(void **state)
{
    struct ask ask = {.kind = ASK_BIND, .nr = ASK_PORTS - 1};
    assert_true(takes(&ask, HEAD));
    assert_false(takes(&ask, HEAD - 1));
    ask.nr = ASK_PORTS;
    assert_false(takes(&ask, HEAD));
    ask.nr = 1;
    for (uint32_t kind = 0; kind < 100; kind++) {
        ask.kind = kind;
        if (kind < ASK_MAP || kind > ASK_ERROR)
            assert_false(takes(&ask, HEAD));
    }
    ask = (struct ask){.kind = ASK_COPY, .nr = 1, .pieces = {{1, 4000, 97}}};
    assert_false(takes(&ask, HEAD + 8));
    ask.pieces[0] = (struct ask_piece){1, 65535, 65535};
    assert_false(takes(&ask, HEAD + 8));
    ask.pieces[0] = (struct ask_piece){1, 4000, 96};
    assert_true(takes(&ask, HEAD + 8));
    ask.about = 2;
    assert_false(takes(&ask, HEAD + 8));
    ask = (struct ask){.kind = ASK_LOG, .nr = 1, .about = 8};
    assert_false(takes(&ask, HEAD + 1));
}

static void texts_are_printable(void **state)
{
    struct ask ask = {.kind = ASK_ERROR, .nr = 239};
    struct ask out;
    for (unsigned i = 0; i < 239; i++)
        ask.text[i] = (char)i;
    assert_true(ask_check(&ask, HEAD + 239, &out));
    assert_int_equal(strlen(out.text), 239);
    for (unsigned i = 0; i < 239; i++)
        assert_int_equal(out.text[i], i >= ' ' && i <= '~' ? i : '?');
}

static void descriptors_travel(void **state)
{
    int ends[2];
    int fds[WIRE_FDS];
    unsigned nr;
    char bytes[8];
    int many[3] = {0, 1, 2};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_true(wire_send(ends[0], "abc", 3, many, 3));
    assert_int_equal(wire_receive(ends[1], bytes, sizeof(bytes), fds, &nr), 3);
    assert_int_equal(nr, 3);
    for (unsigned i = 0; i < nr; i++)
        assert_int_equal(close(fds[i]), 0);
    /* One that nobody wants is not kept: the next to be opened has its number. */
    int before = dup(0);
    close(before);
    assert_true(wire_send(ends[0], "abc", 3, many, 3));
    assert_int_equal(wire_receive(ends[1], bytes, sizeof(bytes), NULL, &nr), 3);
    assert_int_equal(dup(0), before);
    /* Too long is said, and not cut. */
    assert_true(wire_send(ends[0], "0123456789", 10, NULL, 0));
    assert_int_equal(wire_receive(ends[1], bytes, sizeof(bytes), NULL, NULL), 10);
    close(ends[0]);
    assert_int_equal(wire_receive(ends[1], bytes, sizeof(bytes), NULL, NULL), 0);
    assert_false(wire_send(ends[1], "a", 1, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(kinds_and_values_are_known),
        cmocka_unit_test(texts_are_printable),
        cmocka_unit_test(descriptors_travel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
