/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: string routines do what the C library's do, bitmap searches what a plain loop finds,
 * lists keep their order and survive removal, 128-bit division is right, and processor sets count
 * and cycle as sets do; on random input.
 */
// SOURCES: hypervisor/lib/string.c hypervisor/lib/arith.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/cpumask.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define ROUNDS 50000

typedef unsigned __int128 u128;
u128 __udivmodti4(u128 a, u128 b, u128 *rest);
int __popcountdi2(int64_t v);

static uint64_t random64(void)
{
    uint64_t v = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

    return v >> (rand() % 64);
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void memory_routines(void **state)
{
    unsigned char a[256], b[256];

    srand(2);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = (size_t)rand() % 100, d = (size_t)rand() % 100, s = (size_t)rand() % 100;

        for (unsigned int k = 0; k < sizeof(a); k++)
            a[k] = b[k] = (unsigned char)(rand() % 3);
        switch (rand() % 3) {
        case 0:
            hv_memmove(a + d, a + s, n);
            memmove(b + d, b + s, n);
            break;
        case 1:
            hv_memset(a + d, (int)s, n);
            memset(b + d, (int)s, n);
            break;
        default:
            hv_memcpy(a + d, b + s, 0);
            hv_memcpy(a, a + 128, n);
            memcpy(b, b + 128, n);
        }
        assert_memory_equal(a, b, sizeof(a));
        assert_int_equal(sign(hv_memcmp(a + d, a + s, n)), sign(memcmp(a + d, a + s, n)));
        assert_ptr_equal(hv_memchr(a + d, 1, n), memchr(a + d, 1, n));
    }
}

static void string_routines(void **state)
{
    srand(3);
    for (int i = 0; i < ROUNDS; i++) {
        char a[16], b[16];
        size_t n = (size_t)rand() % 16;

        for (unsigned int k = 0; k < 15; k++) {
            a[k] = "ab"[rand() % 2];
            b[k] = "ab"[rand() % 2];
        }
        a[rand() % 16] = a[15] = b[rand() % 4] = b[15] = 0;
        assert_int_equal(hv_strlen(a), strlen(a));
        assert_int_equal(hv_strnlen(a, n), strnlen(a, n));
        assert_int_equal(sign(hv_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(hv_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        assert_ptr_equal(hv_strchr(a, 'b'), strchr(a, 'b'));
        assert_ptr_equal(hv_strchr(a, 0), strchr(a, 0));
    }
}

static void copies_are_terminated(void **state)
{
    char buf[4];

    assert_int_equal(str_copy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(str_copy(buf, "ab", sizeof(buf)), 2);
    assert_string_equal(buf, "ab");
}

static void numbers_are_parsed(void **state)
{
    static const char *const texts[] = {"0", "17", "0x1fG", "0777,", "",
                                        "x", "0x", "08",    "9z",    "18446744073709551615"};
    const char *end;
    char *their_end;

    for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_int_equal(str_to_u64(texts[i], &end), strtoull(texts[i], &their_end, 0));
        assert_ptr_equal(end, their_end);
    }
    assert_true(str_to_u64("18446744073709551616", NULL) == UINT64_MAX);
}

static void bitmap_searches(void **state)
{
    uint64_t map[4];

    srand(4);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bits = (uint64_t)rand() % 256, from = (uint64_t)rand() % 256;
        uint64_t set = from, clear = from;

        for (unsigned int k = 0; k < 4; k++)
            map[k] = rand() % 2 ? random64() : rand() % 2 ? 0 : ~0UL;
        while (set < bits && !bitmap_test(map, set))
            set++;
        while (clear < bits && bitmap_test(map, clear))
            clear++;
        assert_int_equal(bitmap_next_set(map, bits, from), max(set < bits ? set : bits, 0UL));
        assert_int_equal(bitmap_next_clear(map, bits, from), clear < bits ? clear : bits);
    }
}

static void cpu_sets(void **state)
{
    cpumask_t m = cpumask_of(3) | cpumask_of(7) | cpumask_of(63);
    unsigned int cpu, n = 0;
    cpumask_t seen = 0;

    for_each_cpu (cpu, m) {
        seen |= cpumask_of(cpu);
        n++;
    }
    assert_true(seen == m && n == 3 && cpumask_count(m) == 3);
    assert_int_equal(cpumask_first(0), NR_CPUS);
    assert_int_equal(cpumask_cycle(m, 3), 7);
    assert_int_equal(cpumask_cycle(m, 7), 63);
    assert_int_equal(cpumask_cycle(m, 63), 3);
    assert_int_equal(cpumask_cycle(0, 5), NR_CPUS);
}

struct item {
    int value;
    struct list_head link;
};

static void lists_keep_order(void **state)
{
    struct list_head head = LIST_INIT(head);
    struct item items[5], *it;
    int at = 0;

    assert_null(list_first(&head, struct item, link));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        list_add_tail(&head, &items[i].link);
    }
    list_for_each (it, &head, link) {
        assert_int_equal(it->value, at++);
        if (it->value == 1 || it->value == 4)
            list_remove(&it->link);
    }
    assert_int_equal(at, 5);
    list_remove(&items[1].link); /* again: harmless */
    assert_true(list_empty(&items[1].link));
    assert_int_equal(list_first(&head, struct item, link)->value, 0);
    assert_ptr_equal(list_entry(head.prev, struct item, link), &items[3]);
}

static void locks_lock(void **state)
{
    spinlock_t l = SPINLOCK_FREE;

    for (int i = 0; i < 200000; i++) { /* tickets wrap at 65536 */
        assert_true(spin_trylock(&l));
        assert_false(spin_trylock(&l));
        assert_true(spin_is_locked(&l));
        spin_unlock(&l);
        spin_lock(&l);
        spin_unlock(&l);
    }
    assert_false(spin_is_locked(&l));
}

static void wide_division(void **state)
{
    srand(5);
    for (int i = 0; i < ROUNDS; i++) {
        u128 a = (u128)random64() << 64 | random64();
        u128 b = (rand() % 2 ? (u128)random64() << 64 : 0) | random64();
        u128 q, r;

        b += !b;
        q = __udivmodti4(a, b, &r);
        assert_true(r < b && q * b + r == a);
        assert_int_equal(__popcountdi2((int64_t)a), cpumask_count((uint64_t)a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_routines),       cmocka_unit_test(string_routines),
        cmocka_unit_test(copies_are_terminated), cmocka_unit_test(numbers_are_parsed),
        cmocka_unit_test(bitmap_searches),       cmocka_unit_test(cpu_sets),
        cmocka_unit_test(lists_keep_order),      cmocka_unit_test(locks_lock),
        cmocka_unit_test(wide_division),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
