/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The image's sections.  Run address: HV_IMAGE_BASE on; load address: HV_LOAD_PADDR on, at the same
 * distances.  Each group with its own access rights begins on a page of its own (mem/map.c maps
 * them 4 KiB at a time with exactly these rights):
 *
 *   [image_start, text_end)     execute    headers, code
 *     [entry_start, entry_end)             of it: what is mapped while a guest runs on a restricted root
 *   [boot_start, boot_end)      all        what only the boot needs; given back afterwards
 *   [rodata_start, rodata_end)  read       constants, exception table, symbol table
 *   [data_start, image_end)     read/write data, then bss
 *   [boot_bss_start, ..._end)   read/write the boot's zeroed part; given back too
 *
 * All code stands before the symbol table, so that its size moves no code (link.mk).
 */
#include "mem/layout.h"

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(start32)

#define LOAD(sec) AT(ADDR(sec) - HV_IMAGE_BASE + HV_LOAD_PADDR)
#define PAGE . = ALIGN(4096)

PHDRS
{
        image PT_LOAD FLAGS(7);
}

SECTIONS
{
        . = HV_IMAGE_BASE;
        image_start = .;

        .text : LOAD(.text) {
                KEEP(*(.head))
                PAGE;
                entry_start = .;
                *(.text.entry)
                PAGE;
                entry_end = .;
                *(.text .text.*)
                PAGE;
        } :image
        text_end = .;

        boot_start = .;
        .boot : LOAD(.boot) {
                KEEP(*(.boot.text .boot.text.*))
                . = ALIGN(64);
                *(.boot.rodata .boot.rodata.*)
                . = ALIGN(8);
                smap_sites_start = .;
                KEEP(*(.smap_sites))
                smap_sites_end = .;
                . = ALIGN(64);
                *(.boot.data .boot.data.*)
                PAGE;
        }
        boot_end = .;

        rodata_start = .;
        .rodata : LOAD(.rodata) {
                *(.rodata .rodata.*)
                . = ALIGN(4);
                __start_build_id = .; /* XENVER_build_id */
                KEEP(*(.note.gnu.build-id))
                __stop_build_id = .;
                . = ALIGN(8);
                ex_table_start = .;
                KEEP(*(.ex_table))
                ex_table_end = .;
                *(.data.rel.ro .data.rel.ro.*)
                *(.got .got.plt .igot.plt)
                /* Last, so that its size moves nothing but what follows: see link.mk. */
                . = ALIGN(8);
                KEEP(*(.symtab_embedded))
                PAGE;
        }
        rodata_end = .;

        data_start = .;
        .data : LOAD(.data) {
                *(.data.page_aligned)
                . = ALIGN(64);
                *(.data.read_mostly)
                . = ALIGN(64);
                *(.data .data.*)
                . = ALIGN(64);
        }
        . = ALIGN(64);
        .bss : LOAD(.bss) {
                *(.bss.page_aligned)
                . = ALIGN(64);
                *(.bss .bss.*)
                PAGE;
        }
        image_end = .;

        boot_bss_start = .;
        .boot.bss : LOAD(.boot.bss) {
                *(.boot.bss .boot.bss.*)
                PAGE;
        }
        boot_bss_end = .;

        /* For the wrapper in link.mk: sizes in the file and in memory. */
        image_file_size = ADDR(.data) + SIZEOF(.data) - HV_IMAGE_BASE;
        image_memory_size = boot_bss_end - HV_IMAGE_BASE;

        ASSERT(boot_bss_end - HV_IMAGE_BASE <= HV_IMAGE_MAX, "image larger than boot/head.S maps")

        /* Nothing needs relocating at run time. */
        .rela.dyn : { *(.rela.* .iplt) }
        ASSERT(SIZEOF(.rela.dyn) == 0, "run-time relocations")

        /* Not loaded; named so that a section nobody thought of is still warned about. */
#define DEBUG_SECTION(name) name 0 : { *(name) }
        DEBUG_SECTION(.debug_aranges)
        DEBUG_SECTION(.debug_info)
        DEBUG_SECTION(.debug_abbrev)
        DEBUG_SECTION(.debug_line)
        DEBUG_SECTION(.debug_frame)
        DEBUG_SECTION(.debug_str)
        DEBUG_SECTION(.debug_line_str)
        DEBUG_SECTION(.debug_loclists)
        DEBUG_SECTION(.debug_rnglists)

        /DISCARD/ : {
                *(.comment) *(.note .note.*) *(.eh_frame .eh_frame_hdr) *(.discard.*)
        }
}
