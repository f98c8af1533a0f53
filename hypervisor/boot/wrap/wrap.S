/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 64-bit image, wrapped as the ELF32 file that Multiboot 1 loaders insist on: one segment of
 * IMAGE_FILE bytes that takes IMAGE_MEMORY bytes at HV_LOAD_PADDR.  Assembled by link.mk on its
 * own; not part of the image.
 */
        .text
        .incbin IMAGE_FILE
        .section .bss, "aw", @nobits
        .skip   IMAGE_BSS_SIZE
