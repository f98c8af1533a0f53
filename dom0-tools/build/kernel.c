// SPDX-License-Identifier: GPL-2.0-only
/* Loading a kernel: see kernel.h. */
#include "build/kernel.h"

#include <errno.h>
#include <string.h>

#include "abi/features.h"
#include "build/unpack.h"
#include "dom0/image_notes.h"

#define HEAD     65536u /* bytes of the unpacked file in which the program headers must be found */
#define MAX_RUNS 64     /* pieces that an unpacked file is mapped in */

static const char remedy[] =
    "Take the kernel from its package anew, or another one: it must be a 64-bit Linux bzImage or "
    "ELF file with CONFIG_XEN_PV, or a PV-GRUB image";

static int refuse(struct problem *why, const char *sentence)
{
    return problem_set(why, 0, remedy, "%s", sentence);
}

/* Pages [page, page + nr) of the unpacked file are frames from pfn on. */
struct run {
    uint64_t page, pfn, nr;
};

/* How the unpacked file lies in the domain: in the order of the file. */
struct window {
    struct run runs[MAX_RUNS];
    unsigned nr_runs;
    uint64_t nr_pages;
    uint64_t first, end; /* the kernel's frames; those outside serve for the rest of the file */
    uint64_t next_low, next_high;
    bool rest_fits;
    unsigned nr_segments;
    struct image_segment segments[IMAGE_MAX_SEGMENTS]; /* as the kernel's, offset: p_paddr */
};

static uint64_t page_of(uint64_t bytes)
{
    return bytes >> GUEST_PAGE_SHIFT;
}

static uint64_t pages_of(uint64_t bytes)
{
    return page_of(bytes + GUEST_PAGE - 1);
}

/* Keeps the segments in the order of the file; false where they cannot lie in place: pages that two
 * share, or another place in the page in memory than in the file. */
static bool add_segment(struct window *w, const struct elf64_phdr *ph, uint64_t size)
{
    struct image_segment *s = w->segments;
    unsigned at = w->nr_segments;

    if (ph->p_offset > size || ph->p_filesz > size - ph->p_offset || ph->p_filesz == 0 ||
        ph->p_paddr > UINT64_MAX / 2 || ph->p_memsz > UINT64_MAX / 4 ||
        ph->p_filesz > ph->p_memsz || (ph->p_offset ^ ph->p_paddr) & (GUEST_PAGE - 1) ||
        at == IMAGE_MAX_SEGMENTS)
        return false;
    for (; at > 0 && s[at - 1].file_offset > ph->p_offset; at--)
        s[at] = s[at - 1];
    s[at] = (struct image_segment){.file_offset = ph->p_offset,
                                   .file_size = ph->p_filesz,
                                   .offset = ph->p_paddr,
                                   .mem_size = ph->p_memsz};
    w->nr_segments++;
    return true;
}

static bool find_segments(struct window *w, const uint8_t *head, size_t len, uint64_t size)
{
    struct elf64_header eh;

    if (len < sizeof(eh))
        return false;
    memcpy(&eh, head, sizeof(eh));
    if (eh.e_phentsize != sizeof(struct elf64_phdr) || eh.e_phoff > len ||
        (uint64_t)eh.e_phnum * sizeof(struct elf64_phdr) > len - eh.e_phoff)
        return false;
    w->first = UINT64_MAX;
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        struct elf64_phdr ph;

        memcpy(&ph, head + eh.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type != PT_LOAD || !(ph.p_flags & (PF_R | PF_W | PF_X)) || ph.p_memsz == 0)
            continue;
        if (!add_segment(w, &ph, size))
            return false;
        if (page_of(ph.p_paddr) < w->first)
            w->first = page_of(ph.p_paddr);
        if (pages_of(ph.p_paddr + ph.p_memsz) > w->end)
            w->end = pages_of(ph.p_paddr + ph.p_memsz);
    }
    return w->nr_segments > 0;
}

static bool add_run(struct window *w, uint64_t page, uint64_t pfn, uint64_t nr)
{
    if (nr == 0)
        return true;
    if (w->nr_runs == MAX_RUNS)
        return false;
    w->runs[w->nr_runs++] = (struct run){page, pfn, nr};
    return true;
}

/* Frames outside of the kernel for pages of the file that are none of its segments'. */
static bool add_rest(struct window *w, uint64_t page, uint64_t nr, uint64_t nr_frames)
{
    while (nr) {
        bool low = w->next_low < w->first;
        uint64_t *next = low ? &w->next_low : &w->next_high;
        uint64_t room = (low ? w->first : nr_frames) - *next;
        uint64_t n = nr < room ? nr : room;

        if (n == 0 || !add_run(w, page, *next, n))
            return false;
        *next += n;
        page += n;
        nr -= n;
    }
    return true;
}

/* Decides where each page of the unpacked file lies, or that it cannot lie in place. */
static bool plan_window(struct window *w, const uint8_t *head, size_t len, uint64_t size,
                        uint64_t nr_frames)
{
    uint64_t page = 0;

    memset(w, 0, sizeof(*w));
    if (!find_segments(w, head, len, size) || w->end > nr_frames)
        return false;
    w->nr_pages = pages_of(size);
    w->next_high = w->end;
    for (unsigned i = 0; i < w->nr_segments; i++) {
        const struct image_segment *s = &w->segments[i];
        uint64_t start = page_of(s->file_offset), end = pages_of(s->file_offset + s->file_size);

        for (unsigned j = 0; j < w->nr_segments; j++)
            if (j != i &&
                page_of(s->offset) < pages_of(w->segments[j].offset + w->segments[j].mem_size) &&
                page_of(w->segments[j].offset) < pages_of(s->offset + s->mem_size))
                return false;
        if (start < page || !add_rest(w, page, start - page, nr_frames) ||
            !add_run(w, start, page_of(s->offset), end - start))
            return false;
        page = end;
    }
    return add_rest(w, page, w->nr_pages - page, nr_frames);
}

static bool map_window(const struct window *w, char *at, struct guest_memory *m,
                       struct problem *why)
{
    for (unsigned i = 0; i < w->nr_runs; i++)
        if (!m->map(m, at + (w->runs[i].page << GUEST_PAGE_SHIFT), w->runs[i].pfn, w->runs[i].nr,
                    why))
            return false;
    return true;
}

/* Whether what the unpacked file says is what its head said: hostile files may overlap themselves.
 */
static bool fits_window(const struct kernel_image *img, const struct window *w)
{
    unsigned found = 0;

    for (unsigned i = 0; i < img->nr_segments; i++)
        for (unsigned j = 0; j < w->nr_segments; j++)
            found += img->segments[i].file_offset == w->segments[j].file_offset &&
                     img->segments[i].file_size == w->segments[j].file_size &&
                     img->segments[i].offset == w->segments[j].offset &&
                     img->segments[i].mem_size == w->segments[j].mem_size;
    return found == img->nr_segments && found == w->nr_segments;
}

/* Clears what is of the file in the window and not of the kernel in memory. */
static void clear_rest(const struct window *w, char *at)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < w->nr_segments; i++) {
        clear_wide(at + done, w->segments[i].file_offset - done);
        done = w->segments[i].file_offset + w->segments[i].file_size;
    }
    clear_wide(at + done, (w->nr_pages << GUEST_PAGE_SHIFT) - done);
}

static uint64_t without_zeros(const char *at, uint64_t len)
{
    static const char zeros[GUEST_PAGE];

    while (len >= GUEST_PAGE && memcmp(at + len - GUEST_PAGE, zeros, GUEST_PAGE) == 0)
        len -= GUEST_PAGE;
    return len;
}

/* For who keeps the unpacked file: has its program headers leave out the zeros that end segments
 * (Linux's file has its whole bss) and returns the length that is worth keeping, 0 if none is.  The
 * file has been understood, so what its segments say is true; what other headers say need not be.
 */
static uint64_t trim(char *at, const struct window *w)
{
    const struct image_segment *last = &w->segments[w->nr_segments - 1];
    struct kernel_image check;
    struct elf64_header eh;
    struct elf64_phdr ph;
    uint64_t end = last->file_offset + last->file_size;

    memcpy(&eh, at, sizeof(eh));
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        char *place = at + eh.e_phoff + i * sizeof(ph);

        memcpy(&ph, place, sizeof(ph));
        for (unsigned j = 0; j < w->nr_segments; j++) {
            const struct image_segment *s = &w->segments[j];

            if (ph.p_type != PT_LOAD || ph.p_offset != s->file_offset ||
                ph.p_filesz != s->file_size)
                continue;
            ph.p_filesz = without_zeros(at + ph.p_offset, ph.p_filesz);
            memcpy(place, &ph, sizeof(ph));
            if (s == last)
                end = ph.p_offset + ph.p_filesz;
            break;
        }
    }
    /* An old kernel's wishes are in a section, whose header is at the end: it is not kept. */
    return image_parse(&check, at, end) ? 0 : end;
}

static void keep(const struct kernel_source *source, char *at, const struct window *w)
{
    uint64_t len = source->unpacked ? trim(at, w) : 0;

    if (len)
        source->unpacked(source->ctx, at, len);
}

/* The zeros behind each segment that the file does not hold. */
static int clear_bss(const struct window *w, struct guest_memory *m, struct problem *why)
{
    for (unsigned i = 0; i < w->nr_segments; i++) {
        const struct image_segment *s = &w->segments[i];
        uint64_t first = pages_of(s->offset + s->file_size);
        uint64_t end = pages_of(s->offset + s->mem_size);
        void *p;

        if (m->zeroed || first >= end)
            continue;
        p = m->map(m, NULL, first, end - first, why);
        if (!p)
            return -1;
        clear_wide(p, (end - first) << GUEST_PAGE_SHIFT);
        m->forget(m, p, end - first);
    }
    return 0;
}

struct target {
    char *base; /* of the domain's frame 0, as if all of it were mapped */
    bool zeroed;
};

static int write_piece(void *ctx, uint64_t offset, const void *src, size_t len)
{
    const struct target *to = ctx;

    if (src)
        copy_wide(to->base + offset, src, len);
    else if (!to->zeroed)
        clear_wide(to->base + offset, len);
    return 0;
}

/* The frames that something has to be written to: where they are zero already, those with bytes of
 * the file. */
static int map_kernel(const struct kernel_image *img, struct guest_memory *m, char *at,
                      uint64_t first, uint64_t end, struct problem *why)
{
    uint64_t done = first;

    if (!m->zeroed)
        return m->map(m, at, first, end - first, why) ? 0 : -1;
    for (unsigned i = 0; i < img->nr_segments; i++) {
        const struct image_segment *s = &img->segments[i];
        uint64_t start = page_of(s->offset) > done ? page_of(s->offset) : done;
        uint64_t stop = pages_of(s->offset + s->file_size);

        if (s->file_size == 0 || stop <= start)
            continue;
        if (!m->map(m, at + ((start - first) << GUEST_PAGE_SHIFT), start, stop - start, why))
            return -1;
        done = stop;
    }
    return 0;
}

/* From an unpacked file that lies somewhere else. */
static int load_copy(struct kernel_image *img, const void *elf, uint64_t len,
                     struct guest_memory *m, struct problem *why)
{
    const char *wrong = image_parse(img, elf, len);
    struct target to = {.zeroed = m->zeroed};
    uint64_t first, end;
    char *at;
    int ret;

    if (wrong)
        return refuse(why, wrong);
    first = page_of(img->v_start - img->virt_base);
    end = pages_of(img->v_end - img->virt_base);
    if (end > m->nr_pages)
        return problem_set(
            why, ENOMEM,
            "Give the guest more memory=", "the kernel needs %llu MiB, the guest has %llu",
            (unsigned long long)(end >> 8) + 1, (unsigned long long)(m->nr_pages >> 8));
    at = guest_reserve(end - first);
    if (!at)
        return problem_set(why, errno, NULL, "no address space for the guest's memory");
    ret = map_kernel(img, m, at, first, end, why);
    to.base = at - (first << GUEST_PAGE_SHIFT);
    if (ret == 0)
        image_load(img, write_piece, &to);
    m->forget(m, at, end - first);
    return ret;
}

static int load_packed(struct kernel_image *img, const struct kernel_source *source,
                       const struct packed_image *packed, struct guest_memory *m,
                       struct problem *why)
{
    static uint8_t head[HEAD];
    struct window w;
    uint64_t size;
    const char *wrong = build_unpack_size(packed, &size);
    bool in_place;
    char *at;
    int ret = -1;

    if (wrong)
        return refuse(why, wrong);
    if (pages_of(size) > m->nr_pages)
        return problem_set(
            why, ENOMEM,
            "Give the guest more memory=", "the kernel unpacks to %llu MiB, the guest has %llu",
            (unsigned long long)(size >> 20) + 1, (unsigned long long)(m->nr_pages >> 8));
    at = guest_reserve(pages_of(size));
    if (!at)
        return problem_set(why, errno, "Give dom0 more memory", "no memory to unpack the kernel");
    in_place =
        plan_window(&w, head, build_unpack_head(packed, head, sizeof(head)), size, m->nr_pages);
    if (in_place && !map_window(&w, at, m, why))
        goto out;
    wrong = build_unpack(packed, at, size);
    if (wrong) {
        refuse(why, wrong);
    } else if (!in_place) {
        ret = load_copy(img, at, size, m, why);
        if (ret == 0 && source->unpacked)
            source->unpacked(source->ctx, at, size);
    } else if ((wrong = image_parse(img, at, size))) {
        refuse(why, wrong);
    } else if (!fits_window(img, &w)) {
        refuse(why, "the kernel's program headers do not say where it lies: a PADDR_OFFSET, or a "
                    "damaged file");
    } else {
        keep(source, at, &w);
        clear_rest(&w, at);
        ret = clear_bss(&w, m, why);
    }
out:
    m->forget(m, at, pages_of(size));
    return ret;
}

/* What the hypervisor offers is writable page tables and no translation; Xen's tools go by the
 * same. */
static const char *check_guest(const struct kernel_image *img)
{
    if (img->features_required & 1u << XENFEAT_auto_translated_physmap)
        return "the kernel insists on translated physical addresses: it is one for PVH, not PV";
    return NULL;
}

int kernel_load(struct kernel_image *img, const struct kernel_source *source,
                struct guest_memory *m, struct problem *why)
{
    struct packed_image packed;
    const char *wrong = image_recognise(&packed, source->file, source->len);
    int ret;

    if (wrong)
        return refuse(why, wrong);
    ret = packed.packing == IMAGE_PLAIN ? load_copy(img, packed.data, packed.len, m, why)
                                        : load_packed(img, source, &packed, m, why);
    wrong = ret ? NULL : check_guest(img);
    return wrong ? refuse(why, wrong) : ret;
}
