// SPDX-License-Identifier: GPL-2.0-only
/* Building a domain: see build.h.  This is the edge: the hypercalls and the files.  What is written
 * into the domain is decided by kernel.c, content.c and hypervisor/dom0/plan.c.
 *
 * Memory is claimed before anything is built, so that two builders at once cannot each get half of
 * what there is; it comes in blocks of 2 MiB where it can.  Everything that can fail by the
 * request's fault comes before the first page is written but for the kernel itself.
 */
#include "build/build.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/version.h"
#include "build/cache.h"
#include "build/content.h"
#include "build/kernel.h"
#include "lib/control.h"
#include "lib/foreign.h"

#define BLOCK_ORDER 9
#define BLOCK       (1u << BLOCK_ORDER)
#define MAP_AT_ONCE 4096 /* frames: a list of 32 KiB */
#define MAX_KIB     (1ULL << 32)
#define MAX_EXTENTS 64
#define SLACK_KIB   1024 /* Xen's tools let a PV domain have this more than its memory */
#define RFLAGS_IF   0x200u
#define DR6_INIT    0xffff0ff0u
#define DR7_INIT    0x400u

/* Page frames [n * BLOCK, (n + 1) * BLOCK): one after the other from mfn on, or single ones. */
struct block {
    uint64_t mfn;
    uint64_t *single;
};

struct input {
    const void *data;
    uint64_t len;
    struct stat st;
};

struct builder {
    struct guest_memory memory; /* first: its functions get a pointer to it */
    struct hypercalls *h;
    const struct build_request *req;
    struct built_domain *out;
    struct problem *why;
    struct block *blocks;
    struct input kernel, ramdisk;
    struct kernel_cache cache;
    struct extent data[MAX_EXTENTS]; /* of a kernel from the cache */
    unsigned nr_data;
    struct kernel_image image;
    struct dom0_plan plan;
    uint64_t shared_info_mfn;
};

/* ---- the domain's memory */

static uint64_t mfn_of(const struct guest_memory *m, uint64_t pfn)
{
    const struct builder *b = (const struct builder *)m;
    const struct block *block = &b->blocks[pfn >> BLOCK_ORDER];

    return block->single ? block->single[pfn % BLOCK] : block->mfn + pfn % BLOCK;
}

static void *map_frames(struct guest_memory *m, void *at, uint64_t pfn, uint64_t nr,
                        struct problem *why)
{
    struct builder *b = (struct builder *)m;
    static uint64_t mfns[MAP_AT_ONCE];
    char *to =
        at ? at : mmap(NULL, nr << GUEST_PAGE_SHIFT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (to == MAP_FAILED) {
        problem_set(why, errno, NULL, "no address space for the guest's memory");
        return NULL;
    }
    for (uint64_t done = 0; done < nr; done += MAP_AT_ONCE) {
        uint64_t n = nr - done < MAP_AT_ONCE ? nr - done : MAP_AT_ONCE;

        for (uint64_t i = 0; i < n; i++)
            mfns[i] = mfn_of(m, pfn + done + i);
        if (foreign_map_at(b->h, b->out->domid, to + (done << GUEST_PAGE_SHIFT), mfns, n, why)) {
            if (!at)
                munmap(to, nr << GUEST_PAGE_SHIFT);
            return NULL;
        }
    }
    return to;
}

static void unmap_frames(struct guest_memory *m, void *p, uint64_t nr)
{
    foreign_unmap(p, nr);
}

static void forget_frames(struct guest_memory *m, void *p, uint64_t nr)
{
    const struct builder *b = (struct builder *)m;

    if (!b->req->program_ends)
        foreign_unmap(p, nr);
}

/* Single frames for a block that there was no contiguous memory for, or the last, partial one. */
static int populate_single(struct builder *b, uint64_t n, uint64_t nr)
{
    uint64_t *frames = calloc(BLOCK, sizeof(*frames));
    long done;

    if (!frames)
        return problem_set(b->why, ENOMEM, NULL, "no memory");
    b->blocks[n].single = frames;
    for (uint64_t i = 0; i < nr; i++)
        frames[i] = n * BLOCK + i;
    done = domain_populate(b->h, b->out->domid, frames, nr, 0, b->why);
    if (done < 0 || (uint64_t)done == nr)
        return done < 0 ? -1 : 0;
    return problem_set(b->why, ENOMEM, "End a guest or lower its memory",
                       "the machine has no more memory");
}

static int populate(struct builder *b)
{
    uint64_t nr = b->memory.nr_pages / BLOCK, rest = b->memory.nr_pages % BLOCK;
    uint64_t *frames = calloc(nr + 1, sizeof(*frames));
    long done;

    b->blocks = calloc(nr + 1, sizeof(*b->blocks));
    if (!frames || !b->blocks) {
        free(frames);
        return problem_set(b->why, ENOMEM, NULL, "no memory");
    }
    for (uint64_t i = 0; i < nr; i++)
        frames[i] = i * BLOCK;
    /* Fewer blocks than wanted is no failure: the others are made of single frames. */
    done = nr ? domain_populate(b->h, b->out->domid, frames, nr, BLOCK_ORDER, NULL) : 0;
    if (done < 0)
        done = 0;
    for (uint64_t i = 0; i < (uint64_t)done; i++)
        b->blocks[i].mfn = frames[i];
    free(frames);
    for (uint64_t i = (uint64_t)done; i < nr; i++)
        if (populate_single(b, i, BLOCK))
            return -1;
    return rest ? populate_single(b, nr, rest) : 0;
}

static void forget_blocks(struct builder *b)
{
    for (uint64_t i = 0; b->blocks && i <= b->memory.nr_pages / BLOCK; i++)
        free(b->blocks[i].single);
    free(b->blocks);
}

/* ---- files */

static int map_file(int fd, const char *path, const char *what, struct input *in,
                    struct problem *why)
{
    void *data;

    if (fd < 0 || fstat(fd, &in->st) != 0)
        return problem_set(why, errno, "Look at the path in the configuration",
                           "cannot open the %s %s", what, path);
    if (!S_ISREG(in->st.st_mode) || in->st.st_size <= 0)
        return problem_set(why, 0, "Look at the path in the configuration",
                           "the %s %s is empty or no file", what, path);
    in->len = (uint64_t)in->st.st_size;
    data = mmap(NULL, in->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return problem_set(why, errno, NULL, "cannot read the %s %s", what, path);
    in->data = data;
    madvise(data, in->len, MADV_SEQUENTIAL); /* the kernel then keeps no account of each page */
    return 0;
}

static int open_file(const char *path, const char *what, struct input *in, struct problem *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int ret = map_file(fd, path, what, in, why);

    if (fd >= 0)
        close(fd);
    return ret;
}

static void close_file(struct input *in)
{
    if (in->data)
        munmap((void *)(uintptr_t)in->data, in->len);
    in->data = NULL;
}

/* A program that ends soon gets rid of all its mappings at once, without a trap for each page. */
static void close_files(struct builder *b)
{
    if (b->req->program_ends)
        return;
    close_file(&b->kernel);
    close_file(&b->ramdisk);
}

/* The kernel itself, or what the cache has of it. */
static int open_kernel(struct builder *b)
{
    struct input cached = {0};
    int fd;

    if (open_file(b->req->kernel, "kernel", &b->kernel, b->why))
        return -1;
    cache_open(&b->cache, b->req->cache, &b->kernel.st);
    fd = cache_find(&b->cache);
    if (fd >= 0 && map_file(fd, "in the cache", "kernel", &cached, NULL) == 0) {
        close_file(&b->kernel);
        b->kernel = cached;
        b->nr_data = cache_data(fd, b->data, MAX_EXTENTS);
        b->out->from_cache = true;
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* The file must not have changed while it was read. */
static void keep_kernel(void *ctx, const void *elf, uint64_t len)
{
    struct builder *b = ctx;
    struct stat now;

    if (cache_wanted(&b->cache) && stat(b->req->kernel, &now) == 0 &&
        now.st_ino == b->kernel.st.st_ino && now.st_size == b->kernel.st.st_size &&
        now.st_mtim.tv_sec == b->kernel.st.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == b->kernel.st.st_mtim.tv_nsec)
        cache_keep(&b->cache, elf, len);
}

/* ---- the steps */

static int check_request(const struct builder *b)
{
    const struct build_request *req = b->req;

    if (req->memory_kib < 1024 || req->memory_kib > MAX_KIB || req->max_memory_kib > MAX_KIB)
        return problem_set(b->why, EINVAL, "Give memory= in MiB, from 1 on",
                           "a guest cannot have %llu KiB of memory",
                           (unsigned long long)req->memory_kib);
    if (req->max_memory_kib && req->max_memory_kib < req->memory_kib)
        return problem_set(b->why, EINVAL,
                           "Raise maxmem= or lower memory=", "maxmem is below memory");
    if (req->max_vcpus < 1)
        return problem_set(b->why, EINVAL, "Give vcpus= from 1 on", "a guest without a vCPU");
    if (req->cmdline && strlen(req->cmdline) >= MAX_GUEST_CMDLINE)
        return problem_set(b->why, E2BIG, "Shorten extra= and root=",
                           "the kernel's command line is longer than %d characters",
                           MAX_GUEST_CMDLINE - 1);
    return 0;
}

static int create(struct builder *b)
{
    const struct build_request *req = b->req;
    struct xen_domctl_createdomain cfg = {.max_vcpus = req->max_vcpus,
                                          .max_evtchn_port = req->max_event_channels,
                                          .max_grant_frames = req->max_grant_frames,
                                          .max_maptrack_frames = req->max_maptrack_frames,
                                          .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    int domid;

    memcpy(cfg.handle, req->handle, sizeof(cfg.handle));
    domid = domain_create(b->h, req->domid, &cfg, b->why);
    if (domid < 0)
        return -1;
    b->out->domid = (unsigned)domid;
    return 0;
}

static int set_properties(struct builder *b)
{
    const struct build_request *req = b->req;
    struct problem *why = b->why;
    unsigned domid = b->out->domid;
    uint64_t max = req->max_memory_kib ? req->max_memory_kib : req->memory_kib;

    if (domain_max_vcpus(b->h, domid, req->max_vcpus, why) ||
        domain_max_mem(b->h, domid, req->memory_kib + SLACK_KIB, why) ||
        domain_memory_map(b->h, domid, max, why))
        return -1;
    if (req->tsc_mode && domain_tsc_mode(b->h, domid, req->tsc_mode, why))
        return -1;
    if (req->time_offset && domain_time_offset(b->h, domid, req->time_offset, why))
        return -1;
    if (req->nr_leaves && domain_cpu_policy(b->h, domid, req->leaves, req->nr_leaves, why))
        return -1;
    if (req->weight && domain_set_weight(b->h, domid, req->weight, req->cap, why))
        return -1;
    return 0;
}

static int alloc_ports(struct builder *b)
{
    int store = domain_alloc_port(b->h, b->out->domid, b->req->store_domid, b->why);
    int console =
        store < 0 ? -1 : domain_alloc_port(b->h, b->out->domid, b->req->console_domid, b->why);

    if (console < 0)
        return -1;
    b->out->store_port = (uint32_t)store;
    b->out->console_port = (uint32_t)console;
    return 0;
}

/* Pavis hands out no frame that is not zero; of Xen that depends on how it was built and started.
 */
static bool memory_is_zero(struct builder *b)
{
    xen_extraversion_t extra = "";

    return host_version(b->h, XENVER_extraversion, extra, sizeof(extra), NULL) >= 0 &&
           memcmp(extra, "-pavis", sizeof("-pavis")) == 0;
}

static int get_memory(struct builder *b)
{
    b->memory.zeroed = memory_is_zero(b);

    if (domain_claim(b->h, b->out->domid, b->memory.nr_pages, b->why))
        return b->why && b->why->error == ENOMEM
                   ? problem_set(b->why, ENOMEM,
                                 "End a guest, lower its memory or this one's memory=",
                                 "the machine has not %llu MiB of free memory",
                                 (unsigned long long)b->memory.nr_pages >> 8)
                   : -1;
    return populate(b);
}

static int write_memory(struct builder *b)
{
    struct kernel_source source = {
        .file = b->kernel.data, .len = b->kernel.len, .unpacked = keep_kernel, .ctx = b};
    struct plan_request plan = {.nr_pages = b->memory.nr_pages,
                                .initrd_len = b->ramdisk.len,
                                .store_page = true,
                                .console_page = true};
    struct content content = {.image = &b->image,
                              .plan = &b->plan,
                              .ramdisk = b->ramdisk.data,
                              .ramdisk_len = b->ramdisk.len,
                              .cmdline = b->req->cmdline ? b->req->cmdline : "",
                              .shared_info_mfn = b->shared_info_mfn,
                              .store_port = b->out->store_port,
                              .console_port = b->out->console_port};
    const char *wrong;

    if (b->out->from_cache) {
        source.data = b->data;
        source.nr_data = b->nr_data;
    }
    if (kernel_load(&b->image, &source, &b->memory, b->why))
        return problem_in(b->why, "kernel %s", b->req->kernel);
    wrong = plan_dom0(&b->plan, &b->image, &plan);
    if (wrong)
        return problem_set(b->why, 0, "Give the guest more memory=, or another kernel", "%s",
                           wrong);
    b->out->store_mfn = mfn_of(&b->memory, b->plan.store.pfn);
    b->out->console_mfn = mfn_of(&b->memory, b->plan.console.pfn);
    return content_write(&content, &b->memory, b->why);
}

/* A file that somebody cuts while it is mapped raises SIGBUS where it is read. */
static _Thread_local sigjmp_buf *reading;

static void on_sigbus(int number)
{
    if (reading)
        siglongjmp(*reading, 1);
    signal(number, SIG_DFL);
    raise(number);
}

static int write_memory_guarded(struct builder *b)
{
    struct sigaction guard = {.sa_handler = on_sigbus}, before;
    sigjmp_buf here;
    int ret;

    sigaction(SIGBUS, &guard, &before);
    reading = &here;
    if (sigsetjmp(here, 1) == 0)
        ret = write_memory(b);
    else
        ret = problem_set(b->why, EIO, "Try again when nobody changes the file",
                          "the kernel or the ramdisk became shorter while it was read");
    reading = NULL;
    sigaction(SIGBUS, &before, NULL);
    return ret;
}

/* No vCPU takes events before its kernel says so. */
static int write_shared_info(struct builder *b)
{
    struct shared_info *page = foreign_map(b->h, b->out->domid, &b->shared_info_mfn, 1, b->why);

    if (!page)
        return -1;
    for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        page->vcpu_info[i].evtchn_upcall_mask = 1;
    foreign_unmap(page, 1);
    return 0;
}

/* The two grants by which store and console reach their pages. */
static int write_grants(struct builder *b)
{
    struct grant_entry_v1 *table =
        foreign_resource(b->h, b->out->domid, XENMEM_resource_grant_table,
                         XENMEM_resource_grant_table_id_shared, 0, 1, b->why);

    if (!table)
        return -1;
    table[GNTTAB_RESERVED_CONSOLE] = (struct grant_entry_v1){
        GTF_permit_access, (domid_t)b->req->console_domid, (uint32_t)b->out->console_mfn};
    table[GNTTAB_RESERVED_XENSTORE] = (struct grant_entry_v1){
        GTF_permit_access, (domid_t)b->req->store_domid, (uint32_t)b->out->store_mfn};
    foreign_unmap(table, 1);
    return 0;
}

static int write_hypercall_page(struct builder *b)
{
    uint64_t pfn = (b->image.hypercall_page - b->image.virt_base) >> GUEST_PAGE_SHIFT;

    if (!(b->image.flags & IMAGE_HAS_HYPERCALL_PAGE))
        return 0;
    return domain_hypercall_page(b->h, b->out->domid, mfn_of(&b->memory, pfn), b->why);
}

static int set_context(struct builder *b)
{
    const struct dom0_plan *plan = &b->plan;
    uint64_t l4 = mfn_of(&b->memory, plan->pt.pfn);
    struct vcpu_guest_context c = {.flags = VGCF_in_kernel | VGCF_online};

    if (domain_pin_l4(b->h, b->out->domid, l4, b->why))
        return -1;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.user_regs.rip = b->image.entry;
    c.user_regs.rsp = plan->stack.va + (plan->stack.nr << GUEST_PAGE_SHIFT);
    c.user_regs.rsi = plan->start_info.va;
    c.user_regs.rflags = RFLAGS_IF;
    c.kernel_ss = c.user_regs.ss;
    c.kernel_sp = c.user_regs.rsp;
    c.ctrlreg[3] = l4 << GUEST_PAGE_SHIFT;
    c.debugreg[6] = DR6_INIT;
    c.debugreg[7] = DR7_INIT;
    return vcpu_set_context(b->h, b->out->domid, 0, &c, b->why);
}

static int fill(struct builder *b)
{
    struct xen_domctl_getdomaininfo info;

    if (b->req->created && b->req->created(b->req->ctx, b->out->domid, b->why))
        return -1;
    if (set_properties(b) || get_memory(b) || alloc_ports(b) ||
        domain_info(b->h, b->out->domid, &info, b->why))
        return -1;
    b->shared_info_mfn = info.shared_info_frame;
    if (write_memory_guarded(b) || write_shared_info(b) || write_grants(b) ||
        write_hypercall_page(b))
        return -1;
    return set_context(b);
}

static int build(struct builder *b)
{
    struct problem ignored;

    if (check_request(b) || open_kernel(b) ||
        (b->req->ramdisk && open_file(b->req->ramdisk, "ramdisk", &b->ramdisk, b->why)) ||
        create(b))
        return -1;
    b->out->nr_pages = b->memory.nr_pages;
    if (fill(b) == 0)
        return 0;
    domain_destroy(b->h, b->out->domid, &ignored);
    return -1;
}

int build_domain(struct hypercalls *h, const struct build_request *req, struct built_domain *out,
                 struct problem *why)
{
    struct builder b = {.memory = {.nr_pages = req->memory_kib >> 2,
                                   .map = map_frames,
                                   .unmap = unmap_frames,
                                   .forget = forget_frames,
                                   .mfn = mfn_of},
                        .h = h,
                        .req = req,
                        .out = out,
                        .why = why,
                        .cache = {.dir = -1}};
    struct problem unseen;
    int ret;

    if (!why)
        b.why = &unseen;
    *out = (struct built_domain){0};
    ret = build(&b);
    cache_close(&b.cache);
    close_files(&b);
    forget_blocks(&b);
    return ret;
}
