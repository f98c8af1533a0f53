/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel file is: the wrapping around it (a Linux bzImage, a compressed file), the 64-bit
 * ELF inside, and what that ELF says about how a paravirtual domain must be set up for it (Xen ELF
 * notes, or the older `__xen_guest` string).
 *
 * Pure: it reads the bytes it is given and nothing else, so the same file serves the hypervisor
 * (dom0), the tools (other domains) and the host tests.  The bytes are untrusted: every offset in
 * them is checked before use.  If a check were missing, a damaged kernel would crash the machine
 * at boot instead of being named on the console.
 *
 * Errors are sentences, NULL is success.  A sentence that carries a number lives in one static
 * buffer and is good until the next call into this file.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the bytes that image_recognise() found are packed. */
enum image_packing {
    IMAGE_PLAIN, /* an ELF file as it is */
    IMAGE_GZIP,
    IMAGE_XZ,
    IMAGE_LZ4, /* the legacy frame format, the only one that Linux uses for kernels */
    IMAGE_ZSTD,
    IMAGE_BZIP2, /* this and the next: unpacked by the tools only */
    IMAGE_LZMA,  /* the old format, not XZ */
};

struct packed_image {
    enum image_packing packing;
    const uint8_t *data;
    uint64_t len;
    /*
     * Inside a bzImage: the last four bytes of data are the unpacked size, little endian, for
     * every packing (gzip ends so anyway, Linux' build appends it to the others).
     */
    bool in_bzimage;
};

/*
 * Finds the kernel's ELF, or its compressed form, in the file [data, data + len).  The result
 * points into the file.
 */
const char *image_recognise(struct packed_image *out, const void *data, uint64_t len);

#define IMAGE_MAX_SEGMENTS 32
#define IMAGE_STRING       32 /* longest guest string kept, its NUL included */
#define IMAGE_UNSET        UINT64_MAX

struct image_segment {
    uint64_t file_offset;
    uint64_t file_size;
    uint64_t offset; /* from virt_base; offset >> 12 is the domain's page frame number */
    uint64_t mem_size;
};

/* Which of the values that have no natural "unset" were stated by the kernel. */
enum image_flag {
    IMAGE_HAS_HYPERCALL_PAGE = 1u << 0,
    IMAGE_HAS_INIT_P2M = 1u << 1,
    IMAGE_MOD_START_PFN = 1u << 2,  /* the ramdisk need not be mapped; tell its frame number */
    IMAGE_SUSPEND_CANCEL = 1u << 3, /* the kernel can go on after a cancelled suspend */
    IMAGE_BSD_SYMTAB = 1u << 4,     /* wants its symbol table loaded; not done, see image.c */
    IMAGE_HAS_SUPPORTED = 1u << 5,  /* a SUPPORTED_FEATURES note is present */
    IMAGE_FROM_NOTES = 1u << 6,     /* ELF notes; else the __xen_guest string */
};

/* PAE_MODE: means nothing to a 64-bit guest, kept for tools that show it. */
enum image_pae { IMAGE_PAE_NO, IMAGE_PAE_YES, IMAGE_PAE_EXTENDED };

/* Addresses are guest virtual addresses unless a name says otherwise. */
struct kernel_image {
    const uint8_t *file;
    uint64_t file_len;

    uint64_t entry;
    uint64_t virt_base;    /* where page frame 0 of the domain is mapped at first */
    uint64_t paddr_offset; /* what p_paddr has in virt_base's place */
    uint64_t v_start;      /* first byte of the kernel */
    uint64_t v_end;        /* behind its last byte */
    uint64_t hypercall_page;
    uint64_t p2m_base; /* INIT_P2M: where the P2M list shall be mapped */
    uint64_t hv_start_low;
    uint64_t l1_mfn_mask, l1_mfn_valid;
    uint32_t flags; /* enum image_flag */
    enum image_pae pae;

    uint32_t features_supported; /* bit n: XENFEAT number n, from either note */
    uint32_t features_required;  /* those the FEATURES string marks with '!' */

    char guest_os[IMAGE_STRING];
    char guest_version[IMAGE_STRING];
    char xen_version[IMAGE_STRING];
    char loader[IMAGE_STRING];

    unsigned nr_segments;
    struct image_segment segments[IMAGE_MAX_SEGMENTS]; /* by offset, no two overlap */
};

/*
 * Understands the ELF file [elf, elf + len), which must stay where it is while *img is in use.
 * On failure *img is not to be used.
 */
const char *image_parse(struct kernel_image *img, const void *elf, uint64_t len);

/* Why this kernel cannot be the control domain, or NULL. */
const char *image_check_dom0(const struct kernel_image *img);

/*
 * Takes the next piece of the kernel: len bytes for the place `offset` bytes behind virt_base,
 * copied from src, or zeros where src is NULL.  Returns 0 or a negative errno.
 */
typedef int (*image_write_fn)(void *ctx, uint64_t offset, const void *src, size_t len);

/*
 * Writes the kernel by pieces in rising order: from the page that v_start is in to the end of the
 * page that v_end is in, every byte exactly once, holes between segments as zeros.  Returns what
 * the first failing write returned, or 0.
 */
int image_load(const struct kernel_image *img, image_write_fn write, void *ctx);
