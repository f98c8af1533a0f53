/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between image.c and image_notes.c only: the ELF structures as they lie in the file, and the
 * reading of what a kernel says about itself.  The field names are those of the ELF specification.
 */
#pragma once
#include "dom0/image.h"

struct elf64_header {
    uint8_t e_ident[16];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct elf64_phdr {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

struct elf64_shdr {
    uint32_t sh_name, sh_type;
    uint64_t sh_flags, sh_addr, sh_offset, sh_size;
    uint32_t sh_link, sh_info;
    uint64_t sh_addralign, sh_entsize;
};

struct elf64_note {
    uint32_t n_namesz, n_descsz, n_type;
};

#define PT_LOAD    1
#define PT_NOTE    4
#define PF_X       1u
#define PF_W       2u
#define PF_R       4u
#define SHT_NOTE   7
#define SHT_NOBITS 8

/* The len bytes at offset in the file, or NULL where they are not all inside it. */
const uint8_t *image_file_bytes(const struct kernel_image *img, uint64_t offset, uint64_t len);

/*
 * Fills the parts of *img that notes or the __xen_guest string state, with their defaults, and
 * refuses kernels that are not made for this interface.  The header was checked before.
 */
const char *image_parse_notes(struct kernel_image *img, const struct elf64_header *eh);
