/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Topology from APIC ids: the field widths come out right for machines described by leaf 0xb, by
 * leaves 1 and 4, by AMD's leaf and by nothing at all; no two processors get the same place.
 */
// SOURCES: hypervisor/hypercall/cpu_topology.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hypercall/cpu_topology.h"

/* Each APIC id below 2^bits is a different (package, core, thread). */
static void assert_unique(struct cpu_topology t, unsigned bits)
{
    for (uint32_t id = 0; id < 1u << bits; id++) {
        uint32_t rebuilt = topology_package(t, id) << t.package_shift |
                           topology_core(t, id) << t.core_shift | (id & ((1u << t.core_shift) - 1));

        assert_int_equal(rebuilt, id);
    }
}

/* Leaf 0xb: two threads, eight cores. */
static void test_leaf_b(void **state)
{
    struct cpu_policy p = {.basic[0].a = 0xb};
    struct cpu_topology t;

    p.topo[0] = (struct cpuid_leaf){.a = 1, .b = 2, .c = 0x100};
    p.topo[1] = (struct cpuid_leaf){.a = 4, .b = 16, .c = 0x201};
    t = cpu_topology_of(&p);
    assert_int_equal(t.core_shift, 1);
    assert_int_equal(t.package_shift, 4);
    assert_int_equal(topology_package(t, 0x13), 1);
    assert_int_equal(topology_core(t, 0x13), 1);
    assert_unique(t, 8);
}

/* Leaves 1 and 4: four logical processors, two cores. */
static void test_leaf_4(void **state)
{
    struct cpu_policy p = {.basic[0].a = 4, .vendor = CPU_VENDOR_INTEL};
    struct cpu_topology t;

    p.basic[1] = (struct cpuid_leaf){.b = 4 << 16, .d = 1u << 28};
    p.cache[0].a = 1 << 26;
    t = cpu_topology_of(&p);
    assert_int_equal(t.core_shift, 1);
    assert_int_equal(t.package_shift, 2);
    assert_unique(t, 8);
}

/* AMD: six cores in fields of three bits. */
static void test_amd(void **state)
{
    struct cpu_policy p = {.basic[0].a = 1, .vendor = CPU_VENDOR_AMD};
    struct cpu_topology t;

    p.basic[1] = (struct cpuid_leaf){.b = 6 << 16, .d = 1u << 28};
    p.extd[0].a = 0x80000008;
    p.extd[8].c = 3 << 12 | 5;
    t = cpu_topology_of(&p);
    assert_int_equal(t.core_shift, 0);
    assert_int_equal(t.package_shift, 3);
    p.extd[8].c = 5; /* no width given: counted */
    t = cpu_topology_of(&p);
    assert_int_equal(t.package_shift, 3);
    assert_unique(t, 8);
}

/* One logical processor per package, and any nonsense, give places that differ. */
static void test_none_and_random(void **state)
{
    struct cpu_policy p = {.basic[0].a = 1};

    assert_int_equal(cpu_topology_of(&p).package_shift, 0);
    srand(2);
    for (unsigned i = 0; i < 5000; i++) {
        struct cpu_topology t;

        p.basic[0].a = rand() % 0x10;
        p.basic[1] = (struct cpuid_leaf){.b = rand(), .d = rand() << 1};
        p.cache[0].a = rand() << 1;
        p.extd[0].a = 0x80000008;
        p.extd[8].c = rand();
        p.topo[0] = (struct cpuid_leaf){.a = rand() & 3, .b = rand() & 1, .c = 0x100};
        p.topo[1] = (struct cpuid_leaf){.a = 3 + (rand() & 7), .b = rand() & 1, .c = 0x201};
        p.vendor = rand() % 3;
        t = cpu_topology_of(&p);
        assert_true(t.core_shift <= t.package_shift || t.package_shift >= 32);
        (void)topology_core(t, 0xffffffff);
        (void)topology_package(t, 0xffffffff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaf_b),
        cmocka_unit_test(test_leaf_4),
        cmocka_unit_test(test_amd),
        cmocka_unit_test(test_none_and_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
