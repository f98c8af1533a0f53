/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building dom0: unwraps the kernel, has the layout planned (plan.c), and carries the plan out.
 *
 * Everything of dom0 is written through the direct map before dom0 exists as far as the page-type
 * machine is concerned; then its L4 is pinned, which validates all of it by the same rules as any
 * guest's table.  So a mistake here is refused there, with a reason.
 */
#include "dom0/build.h"

#include "abi/errno.h"
#include "abi/xen.h"
#include "boot/cmdline.h"
#include "console/log.h"
#include "cpu/x86.h"
#include "debug/assert.h"
#include "dom0/dom0_mem.h"
#include "dom0/image.h"
#include "dom0/permissions.h"
#include "dom0/plan.h"
#include "dom0/unpack_env.h"
#include "domain/domain.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/buddy.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/page_type.h"
#include "pv/hypercall_page.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "time/clock.h"

/* Kept back in any case, for the hypervisor's own structures about dom0 and its guests. */
#define HV_PART      64
#define HV_PAGES_MAX 4096

struct domain *dom0;

/* dom0's memory: pseudo-physical frames [pfn, pfn + 2^order) are machine frames from mfn on. */
struct extent {
    uint64_t pfn;
    uint64_t mfn;
    unsigned order;
};

static struct {
    struct extent *extent;
    unsigned nr, max;
    unsigned last; /* where the last lookup ended: most go on in the same extent */
    struct dom0_plan plan;
    struct kernel_image image;
    const struct dom0_source *src;
} b;

/* --- the kernel image
 * ------------------------------------------------------------------------------ */

struct unpacked {
    void *data;
    uint64_t len;
    unsigned order; /* of the block to free, if any */
    bool allocated;
};

static unsigned order_for(uint64_t bytes)
{
    unsigned order = 0;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

static void *alloc_block(uint64_t bytes, unsigned *order, const char *what)
{
    struct frame *f;

    *order = order_for(bytes);
    f = *order <= FRAME_MAX_ORDER ? frame_alloc(NULL, *order, MEMF_NO_SCRUB, 0) : NULL;
    if (!f)
        panic("No %lu MiB of memory in one piece for %s.  Give the machine more memory.",
              (PAGE_SIZE << *order) >> 20, what);
    return frame_virt(f);
}

static void free_block(void *p, unsigned order)
{
    frame_free_hv(frame_of(virt_to_mfn(p)), order);
}

static void unpack_kernel(const struct dom0_source *src, struct unpacked *out)
{
    struct packed_image packed;
    struct unpack_arena arena = {0};
    uint64_t size, arena_size, t0 = now_ns();
    unsigned arena_order;
    const char *err = image_recognise(&packed, src->kernel, src->kernel_len);

    if (err)
        panic("The first module is not a kernel that dom0 can run: %s", err);
    out->allocated = packed.packing != IMAGE_PLAIN;
    if (!out->allocated) {
        out->data = (void *)packed.data;
        out->len = packed.len;
        return;
    }
    err = unpack_env_size(&packed, &size, &arena_size);
    if (err)
        panic("dom0's kernel cannot be unpacked: %s", err);
    out->data = alloc_block(size, &out->order, "the unpacked kernel");
    out->len = size;
    arena.base = alloc_block(arena_size, &arena_order, "the decompressor");
    arena.size = arena_size;
    err = unpack_env_unpack(&packed, out->data, size, &arena);
    if (err)
        panic("dom0's kernel cannot be unpacked: %s", err);
    free_block(arena.base, arena_order);
    printk(XENLOG_INFO "dom0: kernel unpacked, %lu KiB to %lu KiB in %lu ms\n",
           (uint64_t)packed.len >> 10, size >> 10, (now_ns() - t0) / 1000000);
}

/* --- memory
 * ---------------------------------------------------------------------------------------- */

static uint64_t pfn_to_mfn(uint64_t pfn)
{
    for (unsigned i = 0; i < b.nr; i++) {
        const struct extent *e = &b.extent[(b.last + i) % b.nr];

        if (pfn >= e->pfn && pfn < e->pfn + (1UL << e->order)) {
            b.last = (b.last + i) % b.nr;
            return e->mfn + (pfn - e->pfn);
        }
    }
    BUG();
}

static void *pfn_to_virt(uint64_t pfn)
{
    return mfn_to_virt(MFN(pfn_to_mfn(pfn)));
}

/* Largest blocks first: contiguous machine memory makes contiguous DMA buffers. */
static void allocate_memory(struct domain *d, uint64_t nr_pages)
{
    uint64_t pfn = 0;
    unsigned order = FRAME_MAX_ORDER;

    b.max = 2 * PAGE_SIZE / sizeof(struct extent);
    b.extent = hv_alloc_pages(1);
    if (!b.extent)
        panic("No memory for dom0's list of extents");
    while (pfn < nr_pages) {
        struct frame *f = NULL;

        while ((1UL << order) > nr_pages - pfn)
            order--;
        /* Nothing of an earlier guest can be in it, so dom0's memory is not scrubbed; what it
         * must not find is the hypervisor's own, and that is zeroed when it is freed. */
        while (!(f = frame_alloc(&d->mem, order, MEMF_NO_SCRUB, 0))) {
            if (!order || b.nr == b.max)
                panic("No memory for dom0: %lu of %lu pages found%s.  Use a smaller dom0_mem=.",
                      pfn, nr_pages, order ? ", in too many pieces" : "");
            order--;
        }
        b.extent[b.nr++] = (struct extent){pfn, frame_mfn(f).n, order};
        pfn += 1UL << order;
    }
}

/* --- contents
 * -------------------------------------------------------------------------------------- */

static int write_kernel(void *ctx, uint64_t offset, const void *src, size_t len)
{
    (void)ctx;
    while (len) {
        size_t in_page = min(len, (size_t)(PAGE_SIZE - (offset & ~PAGE_MASK)));
        char *dst = (char *)pfn_to_virt(offset >> PAGE_SHIFT) + (offset & ~PAGE_MASK);

        if (src) {
            memcpy(dst, src, in_page);
            src = (const char *)src + in_page;
        } else {
            memset(dst, 0, in_page);
        }
        offset += in_page;
        len -= in_page;
    }
    return 0;
}

static void write_initrd(void)
{
    const char *src = b.src->initrd;
    uint64_t left = b.src->initrd_len;

    for (uint64_t i = 0; i < b.plan.initrd.nr; i++) {
        char *dst = pfn_to_virt(b.plan.initrd.pfn + i);
        uint64_t n = min(left, PAGE_SIZE);

        memcpy(dst, src, n);
        memset(dst + n, 0, PAGE_SIZE - n);
        src += n;
        left -= n;
    }
}

/* The P2M list, and the M2P entries that go with it. */
static void write_p2m(void)
{
    uint64_t *page = NULL, pfn = 0;

    for (unsigned i = 0; i < b.nr; i++) {
        for (uint64_t n = 0; n < 1UL << b.extent[i].order; n++, pfn++) {
            uint64_t mfn = b.extent[i].mfn + n;

            if (pfn % 512 == 0)
                page = pfn_to_virt(b.plan.p2m.pfn + pfn / 512);
            page[pfn % 512] = mfn;
            m2p_set(MFN(mfn), pfn);
        }
    }
    for (; pfn % 512; pfn++)
        page[pfn % 512] = ~0UL;
}

static void write_entry(void *ctx, const struct plan_entry *e)
{
    uint64_t *table = pfn_to_virt(e->table_pfn);
    uint64_t flags = PTE_P | PTE_A | PTE_US | (e->read_only ? 0 : PTE_RW | PTE_D);

    (void)ctx;
    table[e->index] = pfn_to_mfn(e->target_pfn) << PAGE_SHIFT | flags;
}

static void clear_pages(const struct plan_range *r)
{
    for (uint64_t i = 0; i < r->nr; i++)
        memset(pfn_to_virt(r->pfn + i), 0, PAGE_SIZE);
}

static void write_page_tables(struct domain *d)
{
    mfn_t l4;
    int rc;

    clear_pages(&b.plan.pt);
    clear_pages(&b.plan.p2m_pt);
    plan_walk(&b.plan, write_entry, NULL);
    l4 = MFN(pfn_to_mfn(b.plan.pt.pfn));
    rc = page_pin(frame_of(l4), &d->mem, PT_L4, 0);
    if (rc)
        panic("dom0's first page tables are refused (%d): a bug of ours", rc);
    rc = pv_set_root(d->vcpu[0], l4, false, false);
    if (rc)
        panic("dom0's first root is refused (%d): a bug of ours", rc);
}

static void write_start_info(struct domain *d)
{
    struct start_info *si = pfn_to_virt(b.plan.start_info.pfn);
    int needed;

    memset(si, 0, PAGE_SIZE);
    snprintf((char *)si->magic, sizeof si->magic, "xen-3.0-x86_64");
    si->nr_pages = b.plan.nr_pages;
    si->shared_info = mfn_to_paddr(d->shared_info_mfn);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = b.plan.pt.va;
    si->nr_pt_frames = b.plan.pt_tables.total;
    si->mfn_list = b.plan.p2m.va;
    if (b.image.flags & IMAGE_HAS_INIT_P2M) {
        si->mfn_list = b.image.p2m_base;
        si->first_p2m_pfn = b.plan.p2m.pfn;
        si->nr_p2m_frames = b.plan.p2m.nr + b.plan.p2m_tables.total;
    }
    if (b.src->initrd_len) {
        si->mod_len = b.src->initrd_len;
        si->mod_start = b.plan.initrd.va;
        if (!b.plan.initrd.va) {
            si->mod_start = b.plan.initrd.pfn;
            si->flags |= SIF_MOD_START_PFN;
        }
    }
    if (b.src->screen_size) {
        si->console.dom0.info_off = sizeof(*si);
        si->console.dom0.info_size = (uint32_t)b.src->screen_size;
        memcpy(si + 1, &b.src->screen, b.src->screen_size);
    }
    needed = snprintf((char *)si->cmd_line, sizeof si->cmd_line, "%s%s%s", b.src->cmdline,
                      b.src->extra ? " " : "", b.src->extra ? b.src->extra : "");
    if ((size_t)needed >= sizeof si->cmd_line)
        printk(XENLOG_WARNING "dom0: kernel command line cut to %zu characters\n",
               sizeof si->cmd_line - 1);
}

static void write_hypercall_page(void)
{
    uint64_t va = b.image.hypercall_page;

    if (!(b.image.flags & IMAGE_HAS_HYPERCALL_PAGE))
        return;
    if (va < b.image.v_start || va >= b.image.v_end || va & ~PAGE_MASK)
        panic("The kernel's hypercall page at %#lx is not a page of the kernel", va);
    hypercall_page_fill(pfn_to_virt((va - b.image.virt_base) >> PAGE_SHIFT));
}

/* --- the domain
 * ------------------------------------------------------------------------------------ */

static unsigned nr_vcpus(const struct boot_options *opt)
{
    unsigned cpus = (unsigned)__builtin_popcountl(sched_online), nr = cpus;

    if (opt->dom0_vcpus_max && nr > opt->dom0_vcpus_max)
        nr = opt->dom0_vcpus_max;
    if (opt->dom0_vcpus_min && nr < opt->dom0_vcpus_min)
        nr = opt->dom0_vcpus_min;
    /* As in Xen, a single number may ask for more vCPUs than there are processors. */
    return min(nr, (unsigned)MAX_VCPUS);
}

/* The i-th processor, round and round. */
static cpumask_t nth_cpu(unsigned i)
{
    cpumask_t left = sched_online;

    for (i %= (unsigned)__builtin_popcountl(sched_online); i; i--)
        left &= left - 1;
    return left & -left;
}

static struct domain *create_domain(const struct boot_options *opt)
{
    struct xen_domctl_createdomain cfg = {
        .max_vcpus = nr_vcpus(opt),
        .max_evtchn_port = ~0u,
        .max_grant_frames = -1, /* the default */
        .max_maptrack_frames = -1,
        .grant_opts = 1,
    };
    struct domain *d;
    struct vcpu *v;
    int rc = domain_create(0, &cfg, &d);

    if (rc)
        panic("dom0 cannot be created (%d)", rc);
    d->is_control = true;
    d->mem.is_privileged = d->mem.has_io = true;
    for (unsigned i = 0; i < cfg.max_vcpus; i++) {
        rc = vcpu_create(d, i, &v);
        if (rc)
            panic("dom0's vCPU %u cannot be created (%d)", i, rc);
        if (opt->dom0_vcpus_pin)
            vcpu_set_hard_affinity(v, nth_cpu(i));
    }
    return d;
}

static void set_registers(struct domain *d)
{
    struct vcpu *v = d->vcpu[0];

    memset(&v->regs, 0, sizeof v->regs);
    v->regs.rip = b.image.entry;
    v->regs.cs = FLAT_KERNEL_CS;
    v->regs.ss = FLAT_KERNEL_SS;
    v->regs.rsp = b.plan.stack.va + b.plan.stack.nr * PAGE_SIZE;
    v->regs.rsi = b.plan.start_info.va;
    v->regs.rflags = RFLAGS_IF | RFLAGS_MBS;
    v->regs.entry_vector = FRAME_VEC_NEW;
    v->kernel_ss = FLAT_KERNEL_SS;
    v->kernel_sp = v->regs.rsp;
    /* No vCPU takes events before its kernel says so. */
    for (unsigned i = 0; i < ARRAY_SIZE(d->shared_info->vcpu_info); i++)
        d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    v->is_initialised = true;
    atomic_get_and(&v->flags, ~VPF_DOWN);
}

static void print_plan(void)
{
    char line[128];

    for (unsigned n = 0; plan_line(&b.plan, n, line, sizeof line); n++)
        printk(XENLOG_INFO "dom0: %s\n", line);
}

/* More than there is was asked for: dom0 gets what there is, as on Xen, and is told so. */
static void keep_some_memory(uint64_t *nr_pages)
{
    uint64_t avail = heap_free_pages();
    uint64_t most = avail - min(avail / HV_PART, (uint64_t)HV_PAGES_MAX);

    if (*nr_pages <= most)
        return;
    printk(XENLOG_WARNING "dom0_mem asks for more than there is: dom0 gets %lu MiB\n", most >> 8);
    *nr_pages = most;
}

void dom0_build(const struct dom0_source *src, const struct boot_options *opt)
{
    struct plan_request req = {.initrd_len = src->initrd_len};
    struct unpacked kernel = {0};
    uint64_t max_pages;
    struct domain *d;
    const char *err;

    b.src = src;
    unpack_kernel(src, &kernel);
    err = image_parse(&b.image, kernel.data, kernel.len);
    if (!err)
        err = image_check_dom0(&b.image);
    if (err)
        panic("The first module is not a kernel that dom0 can run: %s", err);

    d = dom0 = create_domain(opt);
    dom0_permissions(d, opt);
    dom0_mem_pages(&opt->dom0_mem, heap_free_pages(), &req.nr_pages, &max_pages);
    keep_some_memory(&req.nr_pages);
    err = plan_dom0(&b.plan, &b.image, &req);
    if (err)
        panic("dom0 does not fit: %s", err);
    print_plan();
    d->mem.max_pages = max_pages;
    allocate_memory(d, req.nr_pages);

    if (image_load(&b.image, write_kernel, NULL))
        panic("dom0's kernel cannot be loaded");
    write_hypercall_page();
    write_initrd();
    write_p2m();
    write_start_info(d);
    clear_pages(&b.plan.stack);
    write_page_tables(d);
    set_registers(d);
    if (kernel.allocated)
        free_block(kernel.data, kernel.order);
    hv_free_pages(b.extent, 1);
    printk(XENLOG_INFO "dom0: %lu MiB, %u vCPUs, entry %#lx\n", req.nr_pages >> 8, d->max_vcpus,
           b.image.entry);
}

void dom0_start(void)
{
    domain_unpause_by_tools(dom0);
}
