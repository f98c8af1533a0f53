/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform_op: what dom0's drivers ask of the machine or do to it: clock, power, firmware facts,
 * processors.
 *
 * What is left out has a reason and answers -ENOSYS, which Linux survives: memory types and
 * microcode are the hypervisor's own, frequency and idle states are not managed, processors and
 * memory are not plugged.
 */
#include "abi/platform.h"
#include "abi/errno.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "hypercall/handlers.h"
#include "lib/string.h"
#include "mem/guest_access.h"
#include "time/clock.h"

#define NS_PER_S       1000000000u
#define ACPI_STATE_S5  5
#define POWER_OFF_US   2000000
#define INVALID_APICID ~0u

static long settime(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    if (nsecs >= NS_PER_S)
        return guest_error(-EINVAL, "a second has fewer nanoseconds");
    wallclock_set(secs, nsecs, system_time);
    return 0;
}

static long settime64(const struct xenpf_settime64 *arg)
{
    if (arg->mbz)
        return guest_error(-EINVAL, "reserved field is not zero");
    return settime(arg->secs, arg->nsecs, arg->system_time);
}

/* What a BIOS kernel would have asked its BIOS for; nobody recorded it before we took over. */
static long firmware_info(struct xenpf_firmware_info *arg)
{
    switch (arg->type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE: return guest_error(-ESRCH, "no more BIOS disks are known");
    case XEN_FW_VBEDDC_INFO: return guest_error(-ESRCH, "no display data was recorded");
    case XEN_FW_KBD_SHIFT_FLAGS: arg->u.kbd_shift_flags = 0; return 0;
    case XEN_FW_EFI_INFO: return platform_efi_info(arg->index, &arg->u.efi_info);
    default: return guest_error(-EINVAL, "unknown kind of firmware information");
    }
}

static long enter_acpi_sleep(const struct xenpf_enter_acpi_sleep *arg)
{
    if (arg->flags & XENPF_ACPI_SLEEP_EXTENDED)
        return guest_error(-EINVAL, "no hardware-reduced ACPI");
    if (arg->sleep_state != ACPI_STATE_S5)
        return guest_error(-EOPNOTSUPP, "the machine can be switched off, but not sleep");
    printk("Powering off\n");
    acpi_enter_s5(arg->val_a, arg->val_b);
    delay_us(POWER_OFF_US); /* an emulated chipset switches off when its main loop comes round */
    return guest_error(-EIO, "the machine did not switch off");
}

static unsigned last_cpu(void)
{
    return NR_CPUS - 1 - (unsigned)__builtin_clzl(cpu_online_map);
}

static uint32_t acpi_id_of(uint32_t apic_id)
{
    for (unsigned i = 0; i < acpi_info.nr_cpus; i++)
        if (acpi_info.cpu[i].apic_id == apic_id)
            return acpi_info.cpu[i].acpi_id;
    return INVALID_APICID;
}

static long get_cpuinfo(struct xenpf_pcpuinfo *arg)
{
    unsigned cpu = arg->xen_cpuid;

    *arg = (struct xenpf_pcpuinfo){.xen_cpuid = cpu, .max_present = last_cpu()};
    if (cpu >= NR_CPUS || !cpu_online(cpu)) {
        arg->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    arg->apic_id = cpu_apic_id[cpu];
    arg->acpi_id = acpi_id_of(cpu_apic_id[cpu]);
    arg->flags = XEN_PCPU_FLAGS_ONLINE;
    return 0;
}

static long get_cpu_version(struct xenpf_pcpu_version *arg)
{
    unsigned cpu = arg->xen_cpuid;

    *arg = (struct xenpf_pcpu_version){.xen_cpuid = cpu, .max_present = last_cpu()};
    if (cpu >= NR_CPUS || !cpu_online(cpu))
        return 0; /* family 0: not there */
    memcpy(arg->vendor_id, cpu_caps.vendor, sizeof(arg->vendor_id));
    arg->family = cpu_caps.family;
    arg->model = cpu_caps.model;
    arg->stepping = cpu_caps.stepping;
    return 0;
}

static long getidletime(struct xenpf_getidletime *arg)
{
    struct xenctl_bitmap map = {.bitmap = arg->cpumap_bitmap, .nr_bits = arg->cpumap_nr_cpus};
    cpumask_t wanted;
    unsigned cpu;
    int rc = cpumask_from_guest(&wanted, &map);

    if (rc)
        return rc;
    arg->now = now_ns();
    wanted &= cpu_online_map;
    for_each_cpu (cpu, wanted) {
        if (put_guest_u64(arg->idletime + cpu * sizeof(uint64_t), sched_idle_time(cpu)))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    return cpumask_to_guest(&map, wanted); /* those that exist */
}

static long run(struct xen_platform_op *op)
{
    switch (op->cmd) {
    case XENPF_settime32:
        return settime(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    case XENPF_settime64: return settime64(&op->u.settime64);
    case XENPF_efi_runtime_call: return platform_efi_call(&op->u.efi_runtime_call);
    case XENPF_firmware_info: return firmware_info(&op->u.firmware_info);
    case XENPF_enter_acpi_sleep: return enter_acpi_sleep(&op->u.enter_acpi_sleep);
    case XENPF_get_cpuinfo: return get_cpuinfo(&op->u.pcpu_info);
    case XENPF_get_cpu_version: return get_cpu_version(&op->u.pcpu_version);
    case XENPF_getidletime: return getidletime(&op->u.getidletime);
    default: return guest_error(-ENOSYS, "platform_op not offered");
    }
}

long do_platform_op(uint64_t arg)
{
    struct xen_platform_op op;
    long rc;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "platform_op is for the control domain");
    if (copy_from_guest(&op, arg, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return guest_error(-EACCES, "platform_op interface version is not 0x03000001");
    rc = run(&op);
    if (!rc && copy_to_guest(arg, &op, sizeof(op)))
        return guest_error(-EFAULT, "the result cannot be written");
    return rc;
}
