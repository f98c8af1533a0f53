/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 2's information with UEFI's memory map and screens: reading stays inside it, nothing is
 * more than its array, and no page that the firmware keeps at run time is RAM.
 */
// SHORT: 60000
// MODEL: tests/unit/test_multiboot2.c
#define main unit_main
#include "../unit/test_multiboot2.c"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dom0_vga_console_info console;
    uint64_t service[EFI_NR_SERVICES];

    read_info(data, size);
    assert_true(info.nr_modules <= BOOT_MODULES_MAX);
    assert_true(efi.nr <= EFI_MAP_MAX && map.nr <= MEMORY_MAP_MAX);
    assert_true(info.rsdp_copy_size <= sizeof(info.rsdp_copy));
    assert_non_null(memchr(info.cmdline, 0, sizeof(info.cmdline)));
    assert_non_null(memchr(info.loader, 0, sizeof(info.loader)));
    for (unsigned i = 0; i < info.nr_modules; i++)
        assert_non_null(memchr(info.module[i].cmdline, 0, sizeof(info.module[i].cmdline)));
    boot_screen_for_dom0(&info.screen, size & 1, &console);
    memory_map_normalise(&map);
    for (unsigned i = 0; i < efi.nr; i++) {
        const struct efi_region *r = &efi.region[i];

        if (r->attributes & EFI_ATTR_RUNTIME)
            assert_false(memory_map_all(&map, r->start, PAGE_SIZE, MEMORY_RAM));
    }
    /* The end of the input once more, as the firmware's own tables. */
    if (size >= sizeof(struct efi_runtime_table)) {
        struct efi_runtime_table rt;
        struct efi_system_table st;

        memcpy(&rt, data + size - sizeof(rt), sizeof(rt));
        memcpy(&st, data + size - sizeof(st), sizeof(st));
        (void)efi_system_table_check(&st);
        if (!efi_runtime_table_read(&rt, &efi, service))
            for (unsigned i = 0; i < EFI_NR_SERVICES; i++)
                assert_true(!service[i] || efi_map_runtime(&efi, service[i], 1));
    }
    return 0;
}
