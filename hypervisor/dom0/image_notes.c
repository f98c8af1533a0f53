/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel says about itself: Xen ELF notes in PT_NOTE segments, else in SHT_NOTE sections,
 * else the comma-separated string in a section called __xen_guest (kernels before 2007, and some
 * small ones until today).  The first source that holds anything Xen is taken alone, as Xen does.
 *
 * Relied on: image_file_bytes() for every access.  If a default here differed from Xen's, a kernel
 * would be loaded at one place and believe to be at another.
 */
#include "dom0/image_notes.h"

#include "abi/elfnote.h"
#include "abi/features.h"
#include "lib/string.h"
#include "lib/types.h"

#define MAX_SECTIONS    4096u /* vmlinux has 39; with -ffunction-sections some thousands */
#define MAX_NOTES_BYTES KIB(64)
#define XEN_NAME        "Xen"

/* XENFEAT names as FEATURES strings spell them. */
static const struct {
    const char *name;
    unsigned bit;
} feature_names[] = {
    {"writable_page_tables", XENFEAT_writable_page_tables},
    {"writable_descriptor_tables", XENFEAT_writable_descriptor_tables},
    {"auto_translated_physmap", XENFEAT_auto_translated_physmap},
    {"supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel},
    {"pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb},
    {"hvm_callback_vector", XENFEAT_hvm_callback_vector},
    {"dom0", XENFEAT_dom0},
};

static bool is_word(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

/* Keeps as much of [s, s + len) as fits; a string in a note may or may not end in a NUL. */
static void keep_string(char *out, const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && n < IMAGE_STRING - 1 && s[n])
        n++;
    memcpy(out, s, n);
    memset(out + n, 0, IMAGE_STRING - n);
}

/* "a|!b|c": b is required.  Names that nobody knows say nothing that could be acted on. */
static void parse_features(struct kernel_image *img, const char *s, size_t len)
{
    for (size_t start = 0, i = 0; i <= len; i++) {
        size_t from = start;
        bool required;

        if (i < len && s[i] != '|' && s[i] != 0)
            continue;
        required = from < i && s[from] == '!';
        from += required;
        for (size_t k = 0; k < ARRAY_SIZE(feature_names); k++)
            if (is_word(s + from, i - from, feature_names[k].name)) {
                img->features_supported |= 1u << feature_names[k].bit;
                img->features_required |= (uint32_t)required << feature_names[k].bit;
            }
        start = i + 1;
    }
}

static void parse_pae(struct kernel_image *img, const char *s, size_t len)
{
    img->pae = len >= 3 && memcmp(s, "yes", 3) == 0 ? IMAGE_PAE_YES : IMAGE_PAE_NO;
    for (size_t i = 0; img->pae == IMAGE_PAE_YES && i + 12 <= len; i++)
        if (memcmp(s + i, "extended-cr3", 12) == 0)
            img->pae = IMAGE_PAE_EXTENDED;
}

/* Numbers in notes are 1, 2, 4 or 8 bytes wide; any other width counts as 0, as in Xen. */
static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
    uint64_t v = 0;

    if (size == 1 || size == 2 || size == 4 || size == 8)
        memcpy(&v, desc, size);
    return v;
}

static void set_flag(struct kernel_image *img, uint32_t flag, bool on)
{
    img->flags = on ? img->flags | flag : img->flags & ~flag;
}

static void take_number(struct kernel_image *img, uint32_t type, uint64_t v)
{
    switch (type) {
    case XEN_ELFNOTE_ENTRY: img->entry = v; break;
    case XEN_ELFNOTE_VIRT_BASE: img->virt_base = v; break;
    case XEN_ELFNOTE_PADDR_OFFSET: img->paddr_offset = v; break;
    case XEN_ELFNOTE_HV_START_LOW: img->hv_start_low = v; break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        img->hypercall_page = v;
        img->flags |= IMAGE_HAS_HYPERCALL_PAGE;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        img->p2m_base = v;
        img->flags |= IMAGE_HAS_INIT_P2M;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        img->features_supported |= (uint32_t)v;
        img->flags |= IMAGE_HAS_SUPPORTED;
        break;
    case XEN_ELFNOTE_MOD_START_PFN: set_flag(img, IMAGE_MOD_START_PFN, v != 0); break;
    case XEN_ELFNOTE_SUSPEND_CANCEL: set_flag(img, IMAGE_SUSPEND_CANCEL, v != 0); break;
    }
}

static void take_note(struct kernel_image *img, uint32_t type, const uint8_t *desc, uint32_t size)
{
    const char *s = (const char *)desc;

    switch (type) {
    case XEN_ELFNOTE_XEN_VERSION: keep_string(img->xen_version, s, size); break;
    case XEN_ELFNOTE_GUEST_OS: keep_string(img->guest_os, s, size); break;
    case XEN_ELFNOTE_GUEST_VERSION: keep_string(img->guest_version, s, size); break;
    case XEN_ELFNOTE_LOADER: keep_string(img->loader, s, size); break;
    case XEN_ELFNOTE_PAE_MODE: parse_pae(img, s, size); break;
    case XEN_ELFNOTE_FEATURES: parse_features(img, s, size); break;
    case XEN_ELFNOTE_BSD_SYMTAB:
        set_flag(img, IMAGE_BSD_SYMTAB, size >= 3 && memcmp(s, "yes", 3) == 0);
        break;
    case XEN_ELFNOTE_L1_MFN_VALID: /* pairs of mask and value; the first pair counts */
        if (size >= 16) {
            memcpy(&img->l1_mfn_mask, desc, 8);
            memcpy(&img->l1_mfn_valid, desc + 8, 8);
        }
        break;
    default: take_number(img, type, note_number(desc, size)); break;
    }
}

/* Walks one run of notes; true if one of them was Xen's.  A note that sticks out ends the walk. */
static bool walk_notes(struct kernel_image *img, uint64_t offset, uint64_t size)
{
    const uint8_t *notes = image_file_bytes(img, offset, size);
    uint64_t at = 0;
    bool found = false;

    if (!notes || size > MAX_NOTES_BYTES)
        return false;
    while (size - at >= sizeof(struct elf64_note)) {
        struct elf64_note n;
        uint64_t name, desc, next;

        memcpy(&n, notes + at, sizeof(n));
        name = at + sizeof(n);
        desc = name + (((uint64_t)n.n_namesz + 3) & ~3ULL); /* both padded to four bytes */
        next = desc + (((uint64_t)n.n_descsz + 3) & ~3ULL);
        if (desc > size || n.n_descsz > size - desc)
            break;
        if (n.n_namesz == sizeof(XEN_NAME) &&
            memcmp(notes + name, XEN_NAME, sizeof(XEN_NAME)) == 0) {
            take_note(img, n.n_type, notes + desc, n.n_descsz);
            found = true;
        }
        if (next > size)
            break;
        at = next;
    }
    return found;
}

static bool notes_of_segments(struct kernel_image *img, const struct elf64_header *eh)
{
    bool found = false;

    for (unsigned i = 0; i < eh->e_phnum; i++) {
        struct elf64_phdr ph;

        memcpy(&ph, img->file + eh->e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_NOTE)
            found |= walk_notes(img, ph.p_offset, ph.p_filesz);
    }
    return found;
}

static bool section(const struct kernel_image *img, const struct elf64_header *eh, unsigned i,
                    struct elf64_shdr *out)
{
    const uint8_t *bytes;

    if (i >= eh->e_shnum || i >= MAX_SECTIONS || eh->e_shentsize != sizeof(*out) ||
        eh->e_shoff > img->file_len)
        return false;
    bytes = image_file_bytes(img, eh->e_shoff + (uint64_t)i * sizeof(*out), sizeof(*out));
    if (bytes)
        memcpy(out, bytes, sizeof(*out));
    return bytes;
}

static bool notes_of_sections(struct kernel_image *img, const struct elf64_header *eh)
{
    struct elf64_shdr sh;
    bool found = false;

    for (unsigned i = 0; section(img, eh, i, &sh); i++)
        if (sh.sh_type == SHT_NOTE)
            found |= walk_notes(img, sh.sh_offset, sh.sh_size);
    return found;
}

static const char *guest_section(const struct kernel_image *img, const struct elf64_header *eh,
                                 size_t *len)
{
    static const char name[] = "__xen_guest";
    struct elf64_shdr names, sh;

    if (!section(img, eh, eh->e_shstrndx, &names))
        return NULL;
    for (unsigned i = 0; section(img, eh, i, &sh); i++) {
        const uint8_t *bytes;

        if (sh.sh_name > names.sh_size || sizeof(name) > names.sh_size - sh.sh_name)
            continue;
        bytes = image_file_bytes(img, names.sh_offset, names.sh_size);
        if (!bytes || memcmp(bytes + sh.sh_name, name, sizeof(name)) != 0 ||
            sh.sh_type == SHT_NOBITS || sh.sh_size > MAX_NOTES_BYTES)
            continue;
        *len = sh.sh_size;
        return (const char *)image_file_bytes(img, sh.sh_offset, sh.sh_size);
    }
    return NULL;
}

/* A number at the head of [s, s + len), decimal or 0x-hexadecimal, as far as its digits go. */
static uint64_t string_number(const char *s, size_t len)
{
    uint64_t v = 0;
    unsigned base = 10;
    size_t i = 0;

    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        i = 2;
    }
    for (; i < len; i++) {
        char c = s[i] | 0x20; /* digits have that bit already */
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;

        if (digit >= base)
            break;
        v = v * base + digit;
    }
    return v;
}

/* One KEY=value of the __xen_guest string, taken as the note that means the same. */
static void take_pair(struct kernel_image *img, const char *s, size_t len)
{
    static const struct {
        const char *key;
        uint32_t note;
        bool number;
    } keys[] = {
        {"LOADER", XEN_ELFNOTE_LOADER, false},
        {"GUEST_OS", XEN_ELFNOTE_GUEST_OS, false},
        {"GUEST_VER", XEN_ELFNOTE_GUEST_VERSION, false},
        {"XEN_VER", XEN_ELFNOTE_XEN_VERSION, false},
        {"PAE", XEN_ELFNOTE_PAE_MODE, false},
        {"BSD_SYMTAB", XEN_ELFNOTE_BSD_SYMTAB, false},
        {"FEATURES", XEN_ELFNOTE_FEATURES, false},
        {"VIRT_BASE", XEN_ELFNOTE_VIRT_BASE, true},
        {"VIRT_ENTRY", XEN_ELFNOTE_ENTRY, true},
        {"ELF_PADDR_OFFSET", XEN_ELFNOTE_PADDR_OFFSET, true},
        {"HYPERCALL_PAGE", XEN_ELFNOTE_HYPERCALL_PAGE, true},
    };
    size_t key = 0;

    while (key < len && s[key] != '=')
        key++;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        size_t value = key < len ? key + 1 : len; /* "BSD_SYMTAB" may stand without "=yes" */

        if (!is_word(s, key, keys[i].key))
            continue;
        if (keys[i].number)
            take_number(img, keys[i].note, string_number(s + value, len - value));
        else if (keys[i].note == XEN_ELFNOTE_BSD_SYMTAB)
            img->flags |= IMAGE_BSD_SYMTAB;
        else
            take_note(img, keys[i].note, (const uint8_t *)s + value, (uint32_t)(len - value));
    }
}

static bool parse_guest_string(struct kernel_image *img, const struct elf64_header *eh)
{
    size_t len = 0;
    const char *s = guest_section(img, eh, &len);

    if (!s)
        return false;
    for (size_t start = 0, i = 0; i <= len; i++) {
        if (i < len && s[i] != ',' && s[i] != 0)
            continue;
        take_pair(img, s + start, i - start);
        if (i < len && s[i] == 0)
            break;
        start = i + 1;
    }
    /* Here the hypercall page is counted in pages from VIRT_BASE. */
    if (img->flags & IMAGE_HAS_HYPERCALL_PAGE)
        img->hypercall_page = (img->hypercall_page << PAGE_SHIFT) +
                              (img->virt_base == IMAGE_UNSET ? 0 : img->virt_base);
    return true;
}

const char *image_parse_notes(struct kernel_image *img, const struct elf64_header *eh)
{
    if (notes_of_segments(img, eh) || notes_of_sections(img, eh))
        img->flags |= IMAGE_FROM_NOTES;
    else if (!parse_guest_string(img, eh))
        return "this kernel was not built to run on Xen or Pavis: it has neither Xen ELF notes nor "
               "a __xen_guest section (Linux needs CONFIG_XEN_PV)";

    if (memcmp(img->loader, "generic", 7) != 0 && memcmp(img->guest_os, "linux", 5) != 0)
        return "the kernel asks for a loader that is not the generic one and is not Linux";
    if (memcmp(img->xen_version, "xen-3.0", 7) != 0)
        return "the kernel was built for another interface than xen-3.0";
    if (img->paddr_offset != IMAGE_UNSET && img->virt_base == IMAGE_UNSET)
        return "the kernel states a PADDR_OFFSET but no VIRT_BASE";

    if (img->virt_base == IMAGE_UNSET)
        img->virt_base = 0;
    /* The older string meant virtual addresses in p_paddr where it said nothing. */
    if (img->paddr_offset == IMAGE_UNSET)
        img->paddr_offset = img->flags & IMAGE_FROM_NOTES ? 0 : img->virt_base;
    if (img->entry == IMAGE_UNSET)
        img->entry = eh->e_entry;
    return NULL;
}
