/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EFI by way of platform_op: facts of the firmware, and its runtime services with good and bad
 * arguments.  With `uefi` on the command line the machine was started by UEFI (tests/system/
 * grub-efi-calls.sh); without, everything has to be refused.  Needs to be dom0.
 */
#include "abi/platform.h"
#include "test.h"

#define EFI_ERROR(n)          (1UL << 63 | (n)) /* UEFI 2.10, appendix D */
#define EFI_INVALID_PARAMETER EFI_ERROR(2)
#define EFI_BUFFER_TOO_SMALL  EFI_ERROR(5)
#define EFI_NOT_FOUND         EFI_ERROR(14)
#define EFI_RUNTIME_DATA      6
#define ATTRIBUTES                                                                                 \
    (XEN_EFI_VARIABLE_NON_VOLATILE | XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS |                         \
     XEN_EFI_VARIABLE_RUNTIME_ACCESS)
#define BAD_POINTER 0x10000000000UL /* nothing is mapped there */

static struct xen_platform_op op;
static struct xenpf_efi_runtime_call *const call = &op.u.efi_runtime_call;
static union xenpf_efi_info *const efi = &op.u.firmware_info.u.efi_info;
static const struct xenpf_efi_guid mine = {
    0x7a1b2c3d, 0x0102, 0x4304, {0x85, 6, 7, 8, 9, 10, 11, 12}};
static uint16_t name[2048], other[2048];
static uint8_t data[70000];

static bool uefi(void)
{
    return cmdline_has("uefi");
}

static long firmware_info(uint32_t index)
{
    op.cmd = XENPF_firmware_info;
    op.interface_version = XENPF_INTERFACE_VERSION;
    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    op.u.firmware_info.index = index;
    return HC_1(__HYPERVISOR_platform_op, &op);
}

static long runtime_call(uint32_t function, uint32_t misc)
{
    op.cmd = XENPF_efi_runtime_call;
    op.interface_version = XENPF_INTERFACE_VERSION;
    call->function = function;
    call->misc = misc;
    call->status = 0x1234;
    return HC_1(__HYPERVISOR_platform_op, &op);
}

static void set_name(const char *s)
{
    memset(name, 0, sizeof(name));
    for (unsigned i = 0; s[i]; i++)
        name[i] = (uint16_t)s[i];
}

static long set_variable(uint64_t where, uint64_t size, uint64_t from)
{
    memset(&op, 0, sizeof(op));
    call->u.set_variable.name = where;
    call->u.set_variable.size = size;
    call->u.set_variable.data = from;
    call->u.set_variable.vendor_guid = mine;
    return runtime_call(XEN_EFI_set_variable, ATTRIBUTES);
}

static long get_variable(uint64_t where, uint64_t size, uint64_t to)
{
    memset(&op, 0, sizeof(op));
    call->u.get_variable.name = where;
    call->u.get_variable.size = size;
    call->u.get_variable.data = to;
    call->u.get_variable.vendor_guid = mine;
    return runtime_call(XEN_EFI_get_variable, 0);
}

/* On a machine that BIOS started there is no EFI, whatever is asked. */
static void test_absent(void)
{
    if (uefi())
        return;
    for (uint32_t i = XEN_FW_EFI_VERSION; i <= XEN_FW_EFI_APPLE_PROPERTIES; i++)
        EXPECT_RC(firmware_info(i), -ENOSYS);
    memset(&op, 0, sizeof(op));
    EXPECT_RC(runtime_call(XEN_EFI_get_time, 0), -EOPNOTSUPP);
    set_name("Any");
    EXPECT_RC(get_variable((uint64_t)name, 0, 0), -EOPNOTSUPP);
    EXPECT_RC(set_variable((uint64_t)name, 1, (uint64_t)data), -EOPNOTSUPP);
}

/* The firmware's versions, vendor and memory map are told, within the caller's buffers. */
static void test_facts(void)
{
    uint64_t config;

    if (!uefi())
        return;
    REQUIRE_RC(firmware_info(XEN_FW_EFI_VERSION), 0);
    EXPECT(efi->version >= 0x20000);
    REQUIRE_RC(firmware_info(XEN_FW_EFI_RT_VERSION), 0);
    EXPECT(efi->version >= 0x20000);

    memset(name, 0xff, sizeof(name));
    efi->vendor.bufsz = 5;
    efi->vendor.name = (uint64_t)name;
    REQUIRE_RC(firmware_info(XEN_FW_EFI_VENDOR), 0);
    EXPECT(name[0] < 128 && name[1] < 128 && name[2] == 0xffff);
    efi->vendor.bufsz = sizeof(name);
    efi->vendor.name = (uint64_t)name;
    REQUIRE_RC(firmware_info(XEN_FW_EFI_VENDOR), 0);
    EXPECT(name[0] && name[sizeof(name) / 2 - 1] == 0xffff);
    efi->vendor.bufsz = sizeof(name);
    efi->vendor.name = BAD_POINTER;
    EXPECT_RC(firmware_info(XEN_FW_EFI_VENDOR), -EFAULT);

    REQUIRE_RC(firmware_info(XEN_FW_EFI_CONFIG_TABLE), 0);
    EXPECT(efi->cfg.addr && efi->cfg.nent >= 2);
    config = efi->cfg.addr;
    efi->mem.addr = config;
    efi->mem.size = ~0UL;
    REQUIRE_RC(firmware_info(XEN_FW_EFI_MEM_INFO), 0);
    EXPECT_EQ(efi->mem.type, EFI_RUNTIME_DATA);
    EXPECT(efi->mem.size && efi->mem.size < 1UL << 32 && efi->mem.attr >> 63);
    efi->mem.addr = ~0UL;
    EXPECT_RC(firmware_info(XEN_FW_EFI_MEM_INFO), -ESRCH);
    EXPECT_RC(firmware_info(XEN_FW_EFI_PCI_ROM), -ESRCH);
    EXPECT_RC(firmware_info(XEN_FW_EFI_APPLE_PROPERTIES), -ENODATA);
    EXPECT_RC(firmware_info(99), -EINVAL);
}

/* The clock is read and set by the firmware; a senseless time is its to refuse. */
static void test_clock(void)
{
    struct xenpf_efi_time t;

    if (!uefi())
        return;
    memset(&op, 0, sizeof(op));
    EXPECT_RC(runtime_call(XEN_EFI_get_time, 1), -EINVAL);
    REQUIRE_RC(runtime_call(XEN_EFI_get_time, 0), 0);
    REQUIRE(call->status == 0);
    t = call->u.get_time.time;
    EXPECT(t.year >= 2025 && t.year < 2100 && t.month >= 1 && t.month <= 12 && t.day >= 1 &&
           t.day <= 31);
    call->u.set_time = t;
    EXPECT_RC(runtime_call(XEN_EFI_set_time, 0), 0);
    EXPECT_EQ(call->status, 0);
    t.month = 13;
    call->u.set_time = t;
    EXPECT_RC(runtime_call(XEN_EFI_set_time, 0), 0);
    EXPECT_EQ(call->status, EFI_INVALID_PARAMETER);
    EXPECT_RC(runtime_call(XEN_EFI_get_wakeup_time, 4), -EINVAL);
    EXPECT_RC(runtime_call(XEN_EFI_get_wakeup_time, 0), 0);
    EXPECT_RC(runtime_call(XEN_EFI_set_wakeup_time, 4), -EINVAL);
    EXPECT_RC(runtime_call(XEN_EFI_set_wakeup_time, XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY), 0);
}

/* A variable is written, read back, found too large for a buffer, and removed. */
static void test_variables(void)
{
    if (!uefi())
        return;
    set_name("PavisTest");
    for (unsigned i = 0; i < 3000; i++)
        data[i] = (uint8_t)(i * 7);
    REQUIRE_RC(set_variable((uint64_t)name, 3000, (uint64_t)data), 0);
    REQUIRE(call->status == 0);
    memset(data, 0, sizeof(data));
    EXPECT_RC(get_variable((uint64_t)name, 2999, (uint64_t)data), 0);
    EXPECT_EQ(call->status, EFI_BUFFER_TOO_SMALL);
    EXPECT_EQ(call->u.get_variable.size, 3000);
    EXPECT(data[1] == 0);
    EXPECT_RC(get_variable((uint64_t)name, 0, 0), 0);
    EXPECT_EQ(call->status, EFI_BUFFER_TOO_SMALL);
    REQUIRE_RC(get_variable((uint64_t)name, sizeof(data), (uint64_t)data), 0);
    EXPECT_EQ(call->status, 0);
    EXPECT_EQ(call->u.get_variable.size, 3000);
    EXPECT_EQ(call->misc, ATTRIBUTES);
    for (unsigned i = 0; i < 3001; i++)
        REQUIRE(data[i] == (i < 3000 ? (uint8_t)(i * 7) : 0));
    EXPECT_RC(set_variable((uint64_t)name, 0, 0), 0);
    EXPECT_EQ(call->status, 0);
    EXPECT_RC(get_variable((uint64_t)name, 0, 0), 0);
    EXPECT_EQ(call->status, EFI_NOT_FOUND);
}

/* Pointers and sizes that are wrong are refused before the firmware is asked. */
static void test_bad(void)
{
    if (!uefi())
        return;
    set_name("PavisTest");
    EXPECT_RC(set_variable(BAD_POINTER, 4, (uint64_t)data), -EFAULT);
    EXPECT_RC(set_variable((uint64_t)name, 4, BAD_POINTER), -EFAULT);
    EXPECT_RC(set_variable((uint64_t)name, 4, 0xffff830000000000), -EFAULT);
    EXPECT_RC(set_variable((uint64_t)name, 65537, (uint64_t)data), -ENOMEM);
    EXPECT_RC(set_variable((uint64_t)name, ~0UL, (uint64_t)data), -ENOMEM);
    EXPECT_RC(get_variable(0xffff830000000000, 0, 0), -EFAULT);
    memset(other, 'x', sizeof(other));
    EXPECT_RC(get_variable((uint64_t)other, 0, 0), -EINVAL);
    REQUIRE_RC(set_variable((uint64_t)name, 4, (uint64_t)data), 0);
    EXPECT_RC(get_variable((uint64_t)name, 4, BAD_POINTER), -EFAULT);
    EXPECT_RC(set_variable((uint64_t)name, 0, 0), 0);
    memset(&op, 0, sizeof(op));
    EXPECT_RC(runtime_call(0, 0), -ENOSYS);
    EXPECT_RC(runtime_call(XEN_EFI_query_capsule_capabilities, 0), -ENOSYS);
    EXPECT_RC(runtime_call(XEN_EFI_update_capsule, 0), -ENOSYS);
    EXPECT_RC(runtime_call(XEN_EFI_update_capsule + 1, 0), -ENOSYS);
    EXPECT_RC(runtime_call(~0U, 0), -ENOSYS);
}

static long next_name(uint64_t size, uint64_t where)
{
    op.u.efi_runtime_call.u.get_next_variable_name.size = size;
    op.u.efi_runtime_call.u.get_next_variable_name.name = where;
    return runtime_call(XEN_EFI_get_next_variable_name, 0);
}

/* All names are told one after the other, and how full the store is. */
static void test_names(void)
{
    unsigned nr = 0;

    if (!uefi())
        return;
    memset(&op, 0, sizeof(op));
    memset(name, 0, sizeof(name));
    EXPECT_RC(next_name(0, (uint64_t)name), -EINVAL);
    EXPECT_RC(next_name(7, (uint64_t)name), -EINVAL);
    EXPECT_RC(next_name(1024, BAD_POINTER), -EFAULT);
    EXPECT_RC(next_name(sizeof(other), (uint64_t)other), -EINVAL);
    EXPECT_RC(next_name(2, (uint64_t)name), 0);
    EXPECT_EQ(call->status, EFI_BUFFER_TOO_SMALL);
    memset(&op, 0, sizeof(op));
    while (nr < 1000 && !next_name(1024, (uint64_t)name) && !call->status)
        nr++;
    EXPECT_EQ(call->status, EFI_NOT_FOUND);
    EXPECT(nr >= 10);

    memset(&op, 0, sizeof(op));
    call->u.query_variable_info.attr = ATTRIBUTES;
    REQUIRE_RC(runtime_call(XEN_EFI_query_variable_info, 0), 0);
    EXPECT_EQ(call->status, 0);
    EXPECT(call->u.query_variable_info.max_store_size >=
           call->u.query_variable_info.remain_store_size);
    EXPECT(call->u.query_variable_info.max_size >= 3000);
    EXPECT_RC(runtime_call(XEN_EFI_query_variable_info, XEN_EFI_VARINFO_BOOT_SNAPSHOT), -EINVAL);
    EXPECT_RC(runtime_call(XEN_EFI_get_next_high_monotonic_count, 0), 0);
}

/* The caller's extended registers are what they were, whatever the firmware did with them. */
static void test_registers(void)
{
    uint64_t before = 0x1122334455667788, low, high, mxcsr = 0x5f80, mxcsr_after = 0;
    uint16_t control = 0x0c7f, control_after = 0;

    if (!uefi())
        return;
    __asm__ volatile("movq %0, %%xmm3; movq %0, %%xmm15; ldmxcsr %1; fldcw %2" ::"r"(before),
                     "m"(mxcsr), "m"(control));
    memset(&op, 0, sizeof(op));
    EXPECT_RC(runtime_call(XEN_EFI_get_time, 0), 0);
    __asm__ volatile("movq %%xmm3, %0; movq %%xmm15, %1; stmxcsr %2; fnstcw %3; fninit"
                     : "=r"(low), "=r"(high), "=m"(mxcsr_after), "=m"(control_after));
    EXPECT_EQ(low, before);
    EXPECT_EQ(high, before);
    EXPECT_EQ((uint32_t)mxcsr_after, mxcsr);
    EXPECT_EQ(control_after, control);
}

TESTS("efi", T(absent), T(facts), T(clock), T(variables), T(bad), T(names), T(registers));
