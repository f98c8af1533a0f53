// SPDX-License-Identifier: GPL-2.0-only
/* Loading a kernel: see kernel.h. */
#include "build/kernel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/features.h"
#include "build/unpack.h"
#include "dom0/image_notes.h"

#define HEAD     65536u /* bytes of the unpacked file in which the program headers must be found */
#define MAX_RUNS 64     /* pieces that an unpacked file is mapped in */
#define MAX_SKIP 32     /* stretches of zeros that are left alone */
#define PIECE    64     /* pages mapped at once, where they are mapped as they are reached */

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
    struct extent skipped[MAX_SKIP];                   /* of the file: never mapped, zero */
    unsigned nr_skipped;
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

/* Maps pages [page, end) of the file at their place behind @at. */
static bool map_pages(const struct window *w, char *at, uint64_t page, uint64_t end,
                      struct guest_memory *m, struct problem *why)
{
    for (unsigned i = 0; i < w->nr_runs; i++) {
        const struct run *r = &w->runs[i];
        uint64_t from = r->page > page ? r->page : page;
        uint64_t to = r->page + r->nr < end ? r->page + r->nr : end;

        if (from < to &&
            !m->map(m, at + (from << GUEST_PAGE_SHIFT), r->pfn + (from - r->page), to - from, why))
            return false;
    }
    return true;
}

/* The window where it is mapped as unpacking reaches it, but for what is zero. */
struct sliding {
    struct lz4_room room; /* first */
    struct window *w;
    struct guest_memory *m;
    struct problem *why;
    char *at;
    bool failed;
};

static bool slide(struct lz4_room *room, const uint8_t *upto)
{
    struct sliding *s = (struct sliding *)room;
    uint64_t page = page_of((uint64_t)((char *)room->ready - s->at));
    uint64_t end = pages_of((uint64_t)((const char *)upto - s->at));

    if (end < page + PIECE)
        end = page + PIECE;
    if (end > s->w->nr_pages)
        end = s->w->nr_pages;
    s->failed = !map_pages(s->w, s->at, page, end, s->m, s->why);
    room->ready = (uint8_t *)s->at + (end << GUEST_PAGE_SHIFT);
    return !s->failed;
}

static bool skip(struct lz4_room *room, uint8_t *to)
{
    struct sliding *s = (struct sliding *)room;
    struct window *w = s->w;

    if (w->nr_skipped == MAX_SKIP)
        return false;
    w->skipped[w->nr_skipped++] =
        (struct extent){(uint64_t)((char *)room->ready - s->at), (uint64_t)((char *)to - s->at)};
    room->ready = to;
    return true;
}

/* Unpacks into the window; a sentence, or NULL with *failed where mapping did. */
static const char *fill_window(struct window *w, const struct packed_image *packed, char *at,
                               uint64_t size, struct guest_memory *m, bool *failed,
                               struct problem *why)
{
    struct sliding s = {.room = {(uint8_t *)at, slide, skip}, w, m, why, at, false};
    const char *wrong;

    if (!m->zeroed || !build_unpack_by_room(packed)) {
        *failed = !map_pages(w, at, 0, w->nr_pages, m, why);
        return *failed ? NULL : build_unpack(packed, at, size, NULL);
    }
    mprotect(at, w->nr_pages << GUEST_PAGE_SHIFT, PROT_READ); /* writing elsewhere must not pass */
    wrong = build_unpack(packed, at, size, &s.room);
    *failed = s.failed;
    return s.failed ? NULL : wrong;
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

/* Clears bytes [start, end) of the file, but for what was left alone. */
static void clear_bytes(const struct window *w, char *at, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < w->nr_skipped && start < end; i++) {
        const struct extent *s = &w->skipped[i];

        if (s->end <= start || s->start >= end)
            continue;
        if (start < s->start)
            clear_wide(at + start, s->start - start);
        start = s->end;
    }
    if (start < end)
        clear_wide(at + start, end - start);
}

/* Clears what is of the file in the window and not of the kernel in memory. */
static void clear_rest(const struct window *w, char *at)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < w->nr_segments; i++) {
        clear_bytes(w, at, done, w->segments[i].file_offset);
        done = w->segments[i].file_offset + w->segments[i].file_size;
    }
    clear_bytes(w, at, done, w->nr_pages << GUEST_PAGE_SHIFT);
}

/* Where bytes [start, end) of the file end but for pages of zeros. */
static uint64_t without_zeros(const struct window *w, const char *at, uint64_t start, uint64_t end)
{
    static const char zeros[GUEST_PAGE];

    for (;;) {
        unsigned i = 0;

        while (i < w->nr_skipped && (end <= w->skipped[i].start || end > w->skipped[i].end))
            i++;
        if (i < w->nr_skipped)
            end = w->skipped[i].start;
        else if (end >= start + GUEST_PAGE && memcmp(at + end - GUEST_PAGE, zeros, GUEST_PAGE) == 0)
            end -= GUEST_PAGE;
        else
            return end > start ? end : start;
    }
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
    if (eh.e_phoff % sizeof(ph.p_filesz))
        return 0; /* else no length has bytes in two pages, of which one may have been left alone */
    for (unsigned i = 0; i < eh.e_phnum; i++) {
        char *place = at + eh.e_phoff + i * sizeof(ph);

        memcpy(&ph, place, sizeof(ph));
        for (unsigned j = 0; j < w->nr_segments; j++) {
            const struct image_segment *s = &w->segments[j];

            if (ph.p_type != PT_LOAD || ph.p_offset != s->file_offset ||
                ph.p_filesz != s->file_size)
                continue;
            ph.p_filesz =
                without_zeros(w, at, ph.p_offset, ph.p_offset + ph.p_filesz) - ph.p_offset;
            memcpy(place + offsetof(struct elf64_phdr, p_filesz), &ph.p_filesz,
                   sizeof(ph.p_filesz));
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
    const char *file;
    const struct extent *data; /* of the file, where anything else is zero */
    unsigned nr_data;
};

static struct extent overlap(struct extent e, uint64_t start, uint64_t end)
{
    return (struct extent){e.start > start ? e.start : start, e.end < end ? e.end : end};
}

static int write_piece(void *ctx, uint64_t offset, const void *src, size_t len)
{
    const struct target *to = ctx;
    uint64_t start = src ? (uint64_t)((const char *)src - to->file) : 0;

    if (src && to->zeroed)
        for (unsigned i = 0; i < to->nr_data; i++) {
            struct extent e = overlap(to->data[i], start, start + len);

            if (e.start < e.end)
                copy_wide(to->base + offset + (e.start - start), to->file + e.start,
                          e.end - e.start);
        }
    else if (src)
        copy_wide(to->base + offset, src, len);
    else if (!to->zeroed)
        clear_wide(to->base + offset, len);
    return 0;
}

/* Maps the frames that something has to be written to, of those from first on that belong at @at:
 * where they are zero already, those with bytes of the file that are perhaps not. */
static int map_kernel(const struct kernel_image *img, const struct target *to,
                      struct guest_memory *m, char *at, uint64_t first, uint64_t end,
                      struct problem *why)
{
    uint64_t done = first;

    if (!m->zeroed)
        return m->map(m, at, first, end - first, why) ? 0 : -1;
    for (unsigned i = 0; i < img->nr_segments; i++) {
        const struct image_segment *s = &img->segments[i];

        for (unsigned j = 0; j < to->nr_data; j++) {
            struct extent e = overlap(to->data[j], s->file_offset, s->file_offset + s->file_size);
            uint64_t start = page_of(e.start - s->file_offset + s->offset);
            uint64_t stop = pages_of(e.end - s->file_offset + s->offset);

            start = start > done ? start : done;
            if (e.start >= e.end || stop <= start)
                continue;
            if (!m->map(m, at + ((start - first) << GUEST_PAGE_SHIFT), start, stop - start, why))
                return -1;
            done = stop;
        }
    }
    return 0;
}

/* From an unpacked file that lies somewhere else. */
static int load_copy(struct kernel_image *img, const void *elf, uint64_t len,
                     const struct kernel_source *source, struct guest_memory *m,
                     struct problem *why)
{
    const char *wrong = image_parse(img, elf, len);
    const struct extent all = {0, len};
    bool known = source && source->data && source->file == elf;
    struct target to = {.zeroed = m->zeroed,
                        .file = elf,
                        .data = known ? source->data : &all,
                        .nr_data = known ? source->nr_data : 1};
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
    ret = map_kernel(img, &to, m, at, first, end, why);
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
    bool in_place, failed = false;
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
    wrong = in_place ? fill_window(&w, packed, at, size, m, &failed, why)
                     : build_unpack(packed, at, size, NULL);
    if (wrong) {
        refuse(why, wrong);
    } else if (failed) {
        goto out;
    } else if (!in_place) {
        ret = load_copy(img, at, size, NULL, m, why);
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
    ret = packed.packing == IMAGE_PLAIN ? load_copy(img, packed.data, packed.len, source, m, why)
                                        : load_packed(img, source, &packed, m, why);
    wrong = ret ? NULL : check_guest(img);
    return wrong ? refuse(why, wrong) : ret;
}
