/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running the firmware's runtime services.
 *
 * The firmware is called at its own machine addresses (SetVirtualAddressMap is for kernels that
 * want it elsewhere, and can be called once only), on a root table of its own: runtime regions one
 * to one in the lower half, the hypervisor's slots in the upper.  So interrupts go on while it
 * runs: their code, stacks and data are where they always are.  One call at a time in the whole
 * machine, which is stricter than UEFI 2.10, 8.1, asks.
 *
 * The firmware is trusted as the processor is, but not to be free of faults: one inside it ends the
 * call and all later ones, and the machine goes on.  It may use extended registers, so a guest's
 * are put aside; it may not see a guest's memory, and has no mapping of any.
 */
#include "mem/efi.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "cpu/rtc.h"
#include "hooks.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/boot_alloc.h"
#include "mem/map.h"
#include "mem/tlb.h"

/* More than this is not runtime memory but a mistake, and its tables would take all of ours. */
#define RUNTIME_PAGES_MAX (GIB(1) >> PAGE_SHIFT)
#define LOWER_HALF_END    (1UL << 47)
#define L2_PAGES          512UL
#define NOBODY            (~0U)

struct efi_firmware efi_firmware __read_mostly;

static spinlock_t efi_lock;               /* one visit to the firmware at a time */
static uint64_t service[EFI_NR_SERVICES]; /* by efi_lock; 0: not to be called */
static unsigned int cpu_in_firmware = NOBODY;
static uint8_t guest_fpu[FPU_AREA_MAX] __aligned(64); /* by efi_lock */
static uint64_t efi_l4[512] __aligned(4096)
    __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));

/* efi_call.S */
uint64_t efi_call_firmware(uint64_t function, const uint64_t parameter[EFI_PARAMETERS]);
extern char efi_call_faulted[];

/* ---- the firmware's root table --------------------------------------------------------------- */

static uint64_t *__boot_text table_below(uint64_t *entry)
{
    if (!*entry)
        *entry = mfn_to_paddr(boot_alloc_zeroed_page()) | PTE_P | PTE_RW | PTE_A;
    return paddr_to_virt(*entry & PTE_ADDR);
}

static void __boot_text map_one(paddr_t p, uint64_t flags, bool large)
{
    uint64_t *l2 = table_below(table_below(&efi_l4[p >> 39 & 511]) + (p >> 30 & 511));
    uint64_t *entry = l2 + (p >> 21 & 511);

    if (!large)
        entry = table_below(entry) + (p >> 12 & 511);
    *entry = p | flags | (large ? PTE_PSE : 0);
}

static void __boot_text map_region(const struct efi_region *r)
{
    uint64_t flags = PTE_P | PTE_A | PTE_D, step;

    flags |= r->attributes & EFI_ATTR_RO ? 0 : PTE_RW;
    flags |= r->attributes & EFI_ATTR_XP ? PTE_NX : 0;
    flags |= r->attributes & EFI_ATTR_WB ? PTE_CACHE_WB : PTE_CACHE_UC;
    for (uint64_t at = 0; at < r->pages; at += step) {
        paddr_t p = r->start + (at << PAGE_SHIFT);

        step = IS_ALIGNED(p >> PAGE_SHIFT, L2_PAGES) && r->pages - at >= L2_PAGES ? L2_PAGES : 1;
        map_one(p, flags, step > 1);
    }
}

/* False: the map asks for too much. */
static bool __boot_text map_runtime_regions(void)
{
    uint64_t pages = 0;

    for (unsigned int i = 0; i < efi_map.nr; i++) {
        const struct efi_region *r = &efi_map.region[i];

        if (!(r->attributes & EFI_ATTR_RUNTIME))
            continue;
        if (r->start >= LOWER_HALF_END || r->pages > RUNTIME_PAGES_MAX - pages)
            return false;
        pages += r->pages;
        map_region(r);
    }
    for (unsigned int i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
        efi_l4[i] = hv_l4[i];
    return true;
}

/* ---- the tables ------------------------------------------------------------------------------ */

/* Copies what lies in memory that the firmware keeps; anything else may be overwritten already. */
static bool __boot_text copy_runtime(void *to, paddr_t from, size_t size)
{
    void *mapped = efi_map_runtime(&efi_map, from, size) ? ioremap_cached(from, size) : NULL;

    if (!mapped)
        return false;
    memcpy(to, mapped, size);
    iounmap(mapped, size);
    return true;
}

static void __boot_text read_vendor(paddr_t p)
{
    uint16_t *text = efi_firmware.vendor;
    unsigned int len = 0;

    if (!copy_runtime(text, p, sizeof(efi_firmware.vendor) - sizeof(*text)))
        return;
    while (text[len])
        len++;
    memset(text + len, 0, sizeof(efi_firmware.vendor) - len * sizeof(*text));
}

static void __boot_text print_firmware(void)
{
    char vendor[EFI_VENDOR_MAX];
    unsigned int nr = 0;

    for (unsigned int i = 0; i < EFI_VENDOR_MAX; i++) {
        uint16_t c = efi_firmware.vendor[i];

        vendor[i] = (char)(c && (c < ' ' || c > '~') ? '?' : c);
    }
    for (unsigned int i = 0; i < EFI_NR_SERVICES; i++)
        nr += service[i] != 0;
    printk(XENLOG_INFO "EFI: %s, specification %u.%02u, %u runtime services\n",
           vendor[0] ? vendor : "unnamed firmware", efi_firmware.revision >> 16,
           efi_firmware.revision & 0xffff, nr);
}

static void __boot_text init_runtime(paddr_t p)
{
    struct efi_runtime_table t;
    const char *wrong = "the runtime services table is not in runtime memory";

    /* Firmware of EFI 1.x has a shorter table; what follows it is not looked at then. */
    if (copy_runtime(&t, p, sizeof(t)))
        wrong = efi_runtime_table_read(&t, &efi_map, service);
    if (!wrong && !map_runtime_regions())
        wrong = "runtime memory is too large or too high";
    if (wrong) {
        memset(service, 0, sizeof(service));
        printk(XENLOG_WARNING "EFI: %s: no runtime services\n", wrong);
        return;
    }
    efi_firmware.runtime_revision = t.header.revision;
}

static paddr_t __boot_text read_config(paddr_t table, unsigned int nr)
{
    static struct efi_config_entry entry[EFI_CONFIG_MAX] __boot_bss;
    paddr_t rsdp = 0;

    if (!copy_runtime(entry, table, nr * sizeof(entry[0])))
        return 0;
    for (unsigned int i = 0; i < nr; i++)
        efi_config_rsdp(&entry[i], &rsdp);
    return rsdp;
}

paddr_t __boot_text efi_init(paddr_t system_table)
{
    struct efi_system_table t;
    const char *wrong = "the system table is not in runtime memory";

    if (!system_table || !efi_map.nr)
        return 0;
    if (copy_runtime(&t, system_table, sizeof(t)))
        wrong = efi_system_table_check(&t);
    if (wrong) {
        printk(XENLOG_WARNING "EFI: %s: dom0 is told nothing of the firmware\n", wrong);
        return 0;
    }
    efi_firmware.present = true;
    efi_firmware.revision = t.header.revision;
    efi_firmware.vendor_revision = t.vendor_revision;
    efi_firmware.config = t.config;
    efi_firmware.nr_config = (uint32_t)t.nr_config;
    read_vendor(t.vendor);
    init_runtime(t.runtime);
    print_firmware();
    return read_config(t.config, efi_firmware.nr_config);
}

/* ---- visits ---------------------------------------------------------------------------------- */

bool efi_has_runtime(void)
{
    return load_once(&service[EFI_GET_VARIABLE]) != 0;
}

/* efi_lock held. */
static uint64_t visit(enum efi_service s, const uint64_t parameter[EFI_PARAMETERS])
{
    uint64_t flags = local_flags(), cr3 = read_cr3(), status;
    struct fpu_loan loan = fpu_lend(guest_fpu);

    /* Both loads empty the TLB: pages of guests' programs are global, at the firmware's addresses
     * too. */
    tlb_load_cr3_flush(mfn_to_paddr(image_to_mfn(efi_l4)));
    cpu_in_firmware = smp_cpu_id();
    status = efi_call_firmware(service[s], parameter);
    cpu_in_firmware = NOBODY;
    tlb_load_cr3_flush(cr3);
    fpu_return(guest_fpu, loan);
    local_irq_restore(flags); /* whatever it left them at */
    return status;
}

bool efi_call(enum efi_service s, const uint64_t parameter[EFI_PARAMETERS], uint64_t *status)
{
    bool is_clock = s <= EFI_SET_WAKEUP_TIME, ok;
    uint64_t flags = 0;

    spin_lock(&efi_lock);
    ok = service[s] != 0;
    if (ok) {
        /* The firmware reaches the CMOS clock by the same two ports as everybody. */
        if (is_clock)
            flags = rtc_lock();
        *status = visit(s, parameter);
        if (is_clock)
            rtc_unlock(flags);
    }
    spin_unlock(&efi_lock);
    return ok;
}

bool efi_get_time(struct efi_time *t)
{
    const uint64_t parameter[EFI_PARAMETERS] = {(uint64_t)t};
    uint64_t status;

    memset(t, 0, sizeof(*t));
    return efi_call(EFI_GET_TIME, parameter, &status) && !(status & EFI_ERROR_BIT);
}

bool efi_can_reset(void)
{
    return efi_has_runtime() && service[EFI_RESET_SYSTEM];
}

/* While the machine goes down nobody is waited for: who holds the lock may have been stopped. */
void efi_reset(enum efi_reset_type type)
{
    const uint64_t parameter[EFI_PARAMETERS] = {type};

    if (!efi_can_reset() || !spin_trylock(&efi_lock))
        return;
    visit(EFI_RESET_SYSTEM, parameter);
    spin_unlock(&efi_lock);
}

bool efi_fault(struct cpu_regs *regs)
{
    /* What the hypervisor does wrong in an interrupt meanwhile has an address of the upper half. */
    if (cpu_in_firmware != smp_cpu_id() || (int64_t)regs->rip < 0)
        return false;
    printk(XENLOG_ERR "EFI: fault in the firmware: vector %u, error code %x, at %#lx, CR2 %#lx; "
                      "it is not called again\n",
           regs->entry_vector, regs->error_code, regs->rip, read_cr2());
    memset(service, 0, sizeof(service));
    regs->rip = (uint64_t)efi_call_faulted;
    return true;
}
