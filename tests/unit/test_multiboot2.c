/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: what GRUB hands over by Multiboot 2, under BIOS and under UEFI, is understood; and no
 * information, however it is cut or damaged, makes the reader look outside of it, loop, or take for
 * RAM what the firmware keeps.
 */
// SOURCES: hypervisor/boot/multiboot2.c hypervisor/boot/boot_modules.c hypervisor/boot/screen.c
// SOURCES: hypervisor/mem/efi_parse.c hypervisor/mem/memory_map.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/multiboot2.h"

#define ROUNDS   30000
#define INFO_MAX 4096

static struct boot_info info;
static struct memory_map map;
static struct efi_map efi;

/* The information under construction. */
static struct {
    uint8_t bytes[INFO_MAX] __attribute__((aligned(8)));
    uint32_t size;
} mb;

static void begin(void)
{
    memset(&mb, 0, sizeof(mb));
    mb.size = 8;
}

static void tag(uint32_t type, const void *content, uint32_t size)
{
    uint32_t total = size + 8;

    memcpy(mb.bytes + mb.size, &type, 4);
    memcpy(mb.bytes + mb.size + 4, &total, 4);
    memcpy(mb.bytes + mb.size + 8, content, size);
    mb.size += (total + 7) & ~7U;
}

static void text_tag(uint32_t type, const char *text)
{
    tag(type, text, (uint32_t)strlen(text) + 1);
}

static void module_tag(uint32_t start, uint32_t end, const char *cmdline)
{
    uint8_t content[256];

    memcpy(content, &start, 4);
    memcpy(content + 4, &end, 4);
    strcpy((char *)content + 8, cmdline);
    tag(3, content, 8 + (uint32_t)strlen(cmdline) + 1);
}

static void end(void)
{
    tag(0, "", 0);
    memcpy(mb.bytes, &mb.size, 4);
}

/* In memory of exactly this size, so that the sanitizer sees every step outside. */
static const char *read_info(const void *bytes, size_t size)
{
    void *copy = malloc(size ? size : 1);
    const char *wrong;

    memset(&info, 0, sizeof(info));
    memset(&map, 0, sizeof(map));
    memset(&efi, 0, sizeof(efi));
    memcpy(copy, bytes, size);
    wrong = multiboot2_read(copy, size, &info, &map, &efi);
    free(copy);
    return wrong;
}

struct mmap_entry {
    uint64_t start, size;
    uint32_t type, zero;
};

struct descriptor {
    uint32_t type, pad;
    uint64_t physical, virtual, pages, attributes, more; /* OVMF's are 48 bytes too */
};

#define WB      EFI_ATTR_WB
#define RUNTIME EFI_ATTR_RUNTIME

/* As OVMF has it, shortened. */
static const struct descriptor descriptors[] = {
    {3, 0, 0x0, 0, 1, WB, 0},                      /* boot services code */
    {7, 0, 0x1000, 0, 0x9f, WB, 0},                /* free */
    {2, 0, 0x100000, 0, 0x700, WB, 0},             /* loader data */
    {10, 0, 0x806000, 0, 2, WB, 0},                /* ACPI NVS */
    {4, 0, 0x900000, 0, 0x7d000, WB, 0},           /* boot services data */
    {5, 0, 0x7f520000, 0, 0x100, WB | RUNTIME, 0}, /* runtime code */
    {6, 0, 0x7f620000, 0, 0x100, WB | RUNTIME, 0}, /* runtime data */
    {9, 0, 0x7f76c000, 0, 0x12, WB, 0},            /* ACPI tables */
    {0, 0, 0x7f77e000, 0, 0x80, WB, 0},            /* reserved */
    {8, 0, 0x7f7fe000, 0, 1, WB, 0},               /* broken */
    {7, 0, 0x7f7ff000, 0, 1, 0, 0},            /* free, they say, but not memory as we need it */
    {11, 0, 0xffc00000, 0, 0x400, RUNTIME, 0}, /* flash */
};

static void efi_tags(void)
{
    uint8_t content[8 + sizeof(descriptors)];
    uint64_t system_table = 0x7f620018;
    const uint32_t head[2] = {sizeof(struct descriptor), 1};

    memcpy(content, head, sizeof(head));
    memcpy(content + 8, descriptors, sizeof(descriptors));
    tag(12, &system_table, 8);
    tag(17, content, sizeof(content));
}

static void mmap_tag(void)
{
    const struct mmap_entry e[] = {
        {0, 0x9fc00, 1, 0}, {0x9fc00, 0x400, 2, 0}, {0x100000, 0x7fee0000, 1, 0}};
    uint8_t content[8 + sizeof(e)];
    const uint32_t head[2] = {sizeof(e[0]), 0};

    memcpy(content, head, sizeof(head));
    memcpy(content + 8, e, sizeof(e));
    tag(6, content, sizeof(content));
}

static void framebuffer_tag(uint8_t type, uint32_t size)
{
    struct {
        uint64_t address;
        uint32_t pitch, width, height;
        uint8_t bits, type;
        uint16_t zero;
        uint8_t colour[6], pad[2];
    } fb = {0x8c0000000, 3200, 800, 600, 32, type, 0, {16, 8, 8, 7, 0, 6}, {0}};

    tag(8, &fb, size);
}

static void make_bios(void)
{
    begin();
    text_tag(1, "placeholder loglvl=all");
    text_tag(2, "GRUB 2.06-13+deb12u2");
    module_tag(0x305000, 0x305000 + 8000, "placeholder root=/dev/sda1 ro");
    module_tag(0xae3000, 0xae3000 + 48000, "");
    mmap_tag();
    framebuffer_tag(2, 24);
    tag(14, "RSD PTR old.........", 20);
    end();
}

static void make_uefi(void)
{
    begin();
    text_tag(1, "placeholder no-real-mode edd=off");
    text_tag(2, "GRUB 2.06-13+deb12u2");
    module_tag(0x1500000, 0x1600000, "placeholder quiet");
    mmap_tag();
    efi_tags();
    framebuffer_tag(1, 30);
    tag(15, "RSD PTR new.........................", 36);
    tag(14, "RSD PTR old.........", 20);
    end();
}

static void bios_is_understood(void **state)
{
    make_bios();
    assert_null(read_info(mb.bytes, mb.size));
    assert_string_equal(info.loader, "GRUB 2.06-13+deb12u2");
    assert_string_equal(info.cmdline, "placeholder loglvl=all");
    assert_int_equal(info.nr_modules, 2);
    assert_int_equal(info.module[0].start, 0x305000);
    assert_int_equal(info.module[0].size, 8000);
    assert_string_equal(info.module[0].cmdline, "placeholder root=/dev/sda1 ro");
    assert_string_equal(info.module[1].cmdline, "");
    assert_int_equal(map.nr, 3);
    assert_int_equal(map.region[2].size, 0x7fee0000);
    assert_int_equal(info.screen.kind, SCREEN_TEXT);
    assert_int_equal(info.rsdp_copy_size, 20);
    assert_int_equal(info.efi_system_table, 0);
    assert_int_equal(efi.nr, 0);
}

static void check_type(uint64_t start, uint64_t size, uint32_t type)
{
    if (!memory_map_all(&map, start, size, type))
        fail_msg("%#lx + %#lx is not of type %u", start, size, type);
}

/* The firmware's map takes the place of the loader's; who keeps what is in it. */
static void uefi_is_understood(void **state)
{
    make_uefi();
    assert_null(read_info(mb.bytes, mb.size));
    assert_int_equal(info.efi_system_table, 0x7f620018);
    assert_int_equal(efi.nr, sizeof(descriptors) / sizeof(descriptors[0]));
    assert_int_equal(map.nr, 10);
    check_type(0, 0xa0000, MEMORY_RAM);
    check_type(0x100000, 0x700000, MEMORY_RAM);
    check_type(0x806000, 0x2000, MEMORY_NVS);
    check_type(0x900000, 0x7d000000, MEMORY_RAM);
    check_type(0x7f520000, 0x200000, MEMORY_RESERVED);
    check_type(0x7f76c000, 0x12000, MEMORY_ACPI);
    check_type(0x7f77e000, 0x80000, MEMORY_RESERVED);
    check_type(0x7f7fe000, 0x1000, MEMORY_UNUSABLE);
    check_type(0x7f7ff000, 0x1000, MEMORY_RESERVED);
    check_type(0xffc00000, 0x400000, MEMORY_RESERVED);
    assert_int_equal(info.rsdp_copy_size, 36);
    assert_memory_equal(info.rsdp_copy, "RSD PTR new", 11);

    assert_true(efi_map_runtime(&efi, 0x7f620018, 120));
    assert_true(efi_map_runtime(&efi, 0x7f71f000, 0x1000));
    assert_false(efi_map_runtime(&efi, 0x7f71f001, 0x1000));
    assert_false(efi_map_runtime(&efi, 0x1000, 8));
    assert_false(efi_map_runtime(&efi, 0x7f620018, UINT64_MAX));
    assert_int_equal(efi_map_find(&efi, 0x7f76c000)->type, 9);
    assert_null(efi_map_find(&efi, 0x10000000000));
}

/* dom0 is told of a text screen and of either kind of frame buffer, in the ABI's units. */
static void screens(void **state)
{
    struct dom0_vga_console_info out;

    make_bios();
    read_info(mb.bytes, mb.size);
    assert_int_equal(boot_screen_for_dom0(&info.screen, false, &out), sizeof(out));
    assert_int_equal(out.video_type, XEN_VGATYPE_TEXT_MODE_3);
    assert_int_equal(out.u.text_mode_3.columns, 800);
    assert_int_equal(out.u.text_mode_3.rows, 600);
    make_uefi();
    read_info(mb.bytes, mb.size);
    assert_int_equal(boot_screen_for_dom0(&info.screen, true, &out), sizeof(out));
    assert_int_equal(out.video_type, XEN_VGATYPE_EFI_LFB);
    assert_int_equal(out.u.vesa_lfb.width, 800);
    assert_int_equal(out.u.vesa_lfb.bytes_per_line, 3200);
    assert_int_equal(out.u.vesa_lfb.lfb_base, 0xc0000000);
    assert_int_equal(out.u.vesa_lfb.ext_lfb_base, 8);
    assert_int_equal(out.u.vesa_lfb.lfb_size, 30); /* 1920000 bytes in units of 64 KiB */
    assert_int_equal(out.u.vesa_lfb.green_pos, 8);
    assert_int_equal(out.u.vesa_lfb.green_size, 7);
    boot_screen_for_dom0(&info.screen, false, &out);
    assert_int_equal(out.video_type, XEN_VGATYPE_VESA_LFB);
    info.screen.pitch = 0x10000;
    assert_int_equal(boot_screen_for_dom0(&info.screen, true, &out), 0);
    info.screen.kind = SCREEN_NONE;
    assert_int_equal(boot_screen_for_dom0(&info.screen, true, &out), 0);

    /* Colours by palette, and a tag that ends before the colours. */
    begin();
    framebuffer_tag(0, 30);
    framebuffer_tag(1, 24);
    end();
    assert_null(read_info(mb.bytes, mb.size));
    assert_int_equal(info.screen.kind, SCREEN_NONE);
}

/* Sizes that lie end the reading; a text without an end is no text; too many modules are counted.
 */
static void damaged_tags(void **state)
{
    uint32_t wrong_size[] = {0, 7, INFO_MAX, 0xfffffff8, 0xffffffff};

    for (unsigned i = 0; i < sizeof(wrong_size) / sizeof(wrong_size[0]); i++) {
        make_uefi();
        memcpy(mb.bytes + 12, &wrong_size[i], 4);
        assert_non_null(read_info(mb.bytes, mb.size));
    }
    begin();
    tag(1, "no end", 6);
    tag(3, "1234", 4);
    for (unsigned i = 0; i < BOOT_MODULES_MAX + 3; i++)
        module_tag(4096, i ? 8192 : 100, "x");
    end();
    assert_null(read_info(mb.bytes, mb.size));
    assert_string_equal(info.cmdline, "");
    assert_int_equal(info.nr_modules, BOOT_MODULES_MAX);
    assert_int_equal(info.nr_modules_dropped, 3);
    assert_int_equal(info.module[0].size, 0);
    assert_null(read_info(mb.bytes, 0));
    assert_null(read_info(mb.bytes, 8));
}

/* A map that is empty or too long is said to be wrong, and what was read of it is no more than it.
 */
static void damaged_maps(void **state)
{
    static struct descriptor many[EFI_MAP_MAX + 10];
    static struct memory_map out;
    struct descriptor d[] = {{7, 0, 0x1000, 0, UINT64_MAX, WB, 0},
                             {7, 0, 0x1000, 0, 0, WB, 0},
                             {7, 0, 0x1001, 0, 1, WB, 0},
                             {7, 0, 0xfffffffffffff000, 0, 1, WB, 0},
                             {7, 0, 0x7ffffffffffff000, 0, 0x8000000000001, WB, 0}};

    assert_false(efi_map_read(&efi, d, sizeof(d), sizeof(d[0])));
    assert_int_equal(efi.nr, 0);
    assert_false(efi_map_read(&efi, descriptors, sizeof(descriptors), 39));
    assert_false(efi_map_read(&efi, descriptors, sizeof(descriptors), 0));
    assert_false(efi_map_read(&efi, descriptors, 47, 48));
    for (unsigned i = 0; i < EFI_MAP_MAX + 10; i++)
        many[i] = (struct descriptor){i % 2 ? 7 : 0, 0, i * 0x1000UL, 0, 1, WB, 0};
    assert_false(efi_map_read(&efi, many, sizeof(many), sizeof(many[0])));
    assert_int_equal(efi.nr, EFI_MAP_MAX);
    assert_false(efi_map_to_memory_map(&efi, &out));
    assert_int_equal(out.nr, MEMORY_MAP_MAX);
    /* Neighbours of one kind are one. */
    for (unsigned i = 0; i < EFI_MAP_MAX + 10; i++)
        many[i].type = 7;
    assert_true(efi_map_read(&efi, many, sizeof(many), sizeof(many[0])));
    assert_int_equal(efi.nr, 1);
}

/* Random damage: bytes changed, the end cut off.  Never is a runtime page of an undamaged map RAM.
 */
static void random_damage(void **state)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned nr = 1 + (unsigned)rand() % 6;
        size_t size;

        if (round & 1)
            make_uefi();
        else
            make_bios();
        for (unsigned i = 0; i < nr; i++)
            mb.bytes[(unsigned)rand() % mb.size] = (uint8_t)rand();
        size = (unsigned)rand() % 4 ? mb.size : (unsigned)rand() % mb.size;
        read_info(mb.bytes, size);
        assert_true(info.nr_modules <= BOOT_MODULES_MAX);
        assert_true(efi.nr <= EFI_MAP_MAX && map.nr <= MEMORY_MAP_MAX);
        assert_true(info.rsdp_copy_size <= sizeof(info.rsdp_copy));
        memory_map_normalise(&map);
        for (unsigned i = 0; i < efi.nr; i++) {
            const struct efi_region *r = &efi.region[i];

            if (r->attributes & EFI_ATTR_RUNTIME)
                assert_false(memory_map_all(&map, r->start, PAGE_SIZE, MEMORY_RAM));
        }
    }
}

/* The firmware's tables: signatures and sizes count, and services outside of runtime memory do not.
 */
static void tables(void **state)
{
    struct efi_system_table st = {.header = {.signature = 0x5453595320494249, .size = 120}};
    struct efi_runtime_table rt = {.header = {.signature = 0x56524553544e5552, .size = 136}};
    uint64_t service[EFI_NR_SERVICES];
    struct efi_config_entry e[3] = {{{0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0,
                                      0x90, 0x27, 0x3f, 0xc1, 0x4d},
                                     100},
                                    {{0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11, 0xbc, 0x22, 0,
                                      0x80, 0xc7, 0x3c, 0x88, 0x81},
                                     200},
                                    {{0}, 300}};
    paddr_t rsdp = 0;

    assert_int_equal(sizeof(st), 120);
    assert_int_equal(sizeof(rt), 136);
    assert_null(efi_system_table_check(&st));
    st.nr_config = EFI_CONFIG_MAX + 1;
    assert_non_null(efi_system_table_check(&st));
    st.nr_config = 10;
    st.header.size = 119;
    assert_non_null(efi_system_table_check(&st));
    st.header.size = 120;
    st.header.signature++;
    assert_non_null(efi_system_table_check(&st));

    assert_true(efi_map_read(&efi, descriptors, sizeof(descriptors), sizeof(descriptors[0])));
    for (unsigned i = 0; i < EFI_NR_SERVICES; i++)
        rt.service[i] = 0x7f520000 + 16 * i;
    rt.service[EFI_SET_TIME] = 0x1000;
    assert_null(efi_runtime_table_read(&rt, &efi, service));
    assert_int_equal(service[EFI_GET_TIME], 0x7f520000);
    assert_int_equal(service[EFI_SET_TIME], 0);
    assert_int_equal(service[EFI_QUERY_VARIABLE_INFO], 0x7f520000 + 16 * 13);
    rt.header.size = 112; /* EFI 1.x */
    assert_null(efi_runtime_table_read(&rt, &efi, service));
    assert_int_equal(service[EFI_RESET_SYSTEM], 0x7f520000 + 16 * 10);
    assert_int_equal(service[EFI_UPDATE_CAPSULE], 0);
    rt.header.size = 111;
    assert_non_null(efi_runtime_table_read(&rt, &efi, service));
    assert_int_equal(service[EFI_GET_TIME], 0);

    efi_config_rsdp(&e[2], &rsdp);
    assert_int_equal(rsdp, 0);
    efi_config_rsdp(&e[0], &rsdp);
    assert_int_equal(rsdp, 100);
    efi_config_rsdp(&e[1], &rsdp);
    efi_config_rsdp(&e[0], &rsdp);
    assert_int_equal(rsdp, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bios_is_understood),
        cmocka_unit_test(uefi_is_understood),
        cmocka_unit_test(screens),
        cmocka_unit_test(damaged_tags),
        cmocka_unit_test(damaged_maps),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(tables),
    };

    srand(20260321);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
