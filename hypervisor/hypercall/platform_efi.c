/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform_op for a machine that UEFI started: what dom0 finds ACPI and SMBIOS by, and the
 * firmware's runtime services, which only the hypervisor can call.
 *
 * The firmware gets copies: no pointer of dom0's reaches it, and its answers are copied out when it
 * is done.  Sizes that come back from it are not believed beyond the buffer it was given.
 */
#include "abi/errno.h"
#include "abi/platform.h"
#include "debug/assert.h"
#include "hypercall/control.h"
#include "lib/string.h"
#include "mem/efi.h"
#include "mem/guest_access.h"
#include "mem/heap.h"

/* A name has a page; data as much as any variable in use (revocation lists: some 30 KiB). */
#define NAME_CHARS    (PAGE_SIZE / sizeof(uint16_t))
#define DATA_MAX      KIB(64)
#define REVISION_2_00 0x20000 /* the first with QueryVariableInfo */

/* ---- facts ----------------------------------------------------------------------------------- */

static long vendor_info(union xenpf_efi_info *info)
{
    uint64_t room = info->vendor.bufsz / sizeof(uint16_t), n;

    if (!efi_firmware.vendor[0])
        return guest_error(-EOPNOTSUPP, "the firmware's vendor is unknown");
    info->vendor.revision = efi_firmware.vendor_revision;
    for (n = 0; n < EFI_VENDOR_MAX - 1 && efi_firmware.vendor[n]; n++)
        ;
    n = min(room, n + 1); /* with its end, as far as there is room */
    return copy_to_guest(info->vendor.name, efi_firmware.vendor, n * sizeof(uint16_t));
}

static long memory_info(union xenpf_efi_info *info)
{
    const struct efi_region *r = efi_map_find(&efi_map, info->mem.addr);
    uint64_t left;

    if (!r)
        return guest_error(-ESRCH, "the firmware's memory map has nothing there");
    left = r->start + (r->pages << PAGE_SHIFT) - info->mem.addr;
    info->mem.size = min(info->mem.size, left);
    info->mem.attr = r->attributes;
    info->mem.type = r->type;
    return 0;
}

long platform_efi_info(uint32_t index, union xenpf_efi_info *info)
{
    if (!efi_firmware.present)
        return guest_error(-ENOSYS, "not booted by EFI");
    switch (index) {
    case XEN_FW_EFI_VERSION: info->version = efi_firmware.revision; return 0;
    case XEN_FW_EFI_RT_VERSION:
        if (!efi_has_runtime())
            return guest_error(-EOPNOTSUPP, "no EFI runtime services");
        info->version = efi_firmware.runtime_revision;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = efi_firmware.config;
        info->cfg.nent = efi_firmware.nr_config;
        return 0;
    case XEN_FW_EFI_VENDOR: return vendor_info(info);
    case XEN_FW_EFI_MEM_INFO: return memory_info(info);
    case XEN_FW_EFI_PCI_ROM: return guest_error(-ESRCH, "no option ROM was recorded");
    case XEN_FW_EFI_APPLE_PROPERTIES: return guest_error(-ENODATA, "no Apple device properties");
    default: return guest_error(-EINVAL, "unknown kind of EFI information");
    }
}

/* ---- runtime services ------------------------------------------------------------------------ */

/* The hypervisor's copies of what a call takes and gives. */
struct buffers {
    uint16_t *name;
    void *data; /* NULL: no room was asked for */
    unsigned int order;
    uint64_t capacity;
};

/* The firmware's answer goes to op->status; an error of ours says that it was not asked. */
static long ask(struct xenpf_efi_runtime_call *op, enum efi_service s, uint64_t a, uint64_t b,
                uint64_t c, uint64_t d, uint64_t e)
{
    const uint64_t parameter[EFI_PARAMETERS] = {a, b, c, d, e};

    if (efi_call(s, parameter, &op->status))
        return 0;
    return guest_error(-EOPNOTSUPP, "no such EFI runtime service");
}

static bool succeeded(long rc, const struct xenpf_efi_runtime_call *op)
{
    return !rc && !(op->status & EFI_ERROR_BIT);
}

static void time_from_firmware(struct xenpf_efi_time *out, const struct efi_time *t)
{
    *out = (struct xenpf_efi_time){.year = t->year,
                                   .month = t->month,
                                   .day = t->day,
                                   .hour = t->hour,
                                   .min = t->minute,
                                   .sec = t->second,
                                   .ns = t->nanosecond,
                                   .tz = t->timezone,
                                   .daylight = t->daylight};
}

static struct efi_time time_for_firmware(const struct xenpf_efi_time *t)
{
    return (struct efi_time){.year = t->year,
                             .month = t->month,
                             .day = t->day,
                             .hour = t->hour,
                             .minute = t->min,
                             .second = t->sec,
                             .nanosecond = t->ns,
                             .timezone = t->tz,
                             .daylight = t->daylight};
}

static long get_time(struct xenpf_efi_runtime_call *op)
{
    struct {
        uint32_t resolution, accuracy;
        uint8_t sets_to_zero;
    } capabilities = {0};
    struct efi_time t = {0};
    long rc = ask(op, EFI_GET_TIME, (uint64_t)&t, (uint64_t)&capabilities, 0, 0, 0);

    if (!succeeded(rc, op))
        return rc;
    time_from_firmware(&op->u.get_time.time, &t);
    op->u.get_time.resolution = capabilities.resolution;
    op->u.get_time.accuracy = capabilities.accuracy;
    op->misc = capabilities.sets_to_zero ? XEN_EFI_GET_TIME_SET_CLEARS_NS : 0;
    return 0;
}

static long set_time(struct xenpf_efi_runtime_call *op)
{
    struct efi_time t = time_for_firmware(&op->u.set_time);

    return ask(op, EFI_SET_TIME, (uint64_t)&t, 0, 0, 0, 0);
}

static long get_wakeup_time(struct xenpf_efi_runtime_call *op)
{
    uint8_t enabled = 0, pending = 0;
    struct efi_time t = {0};
    long rc =
        ask(op, EFI_GET_WAKEUP_TIME, (uint64_t)&enabled, (uint64_t)&pending, (uint64_t)&t, 0, 0);

    if (!succeeded(rc, op))
        return rc;
    time_from_firmware(&op->u.get_wakeup_time, &t);
    op->misc = (enabled ? XEN_EFI_GET_WAKEUP_TIME_ENABLED : 0) |
               (pending ? XEN_EFI_GET_WAKEUP_TIME_PENDING : 0);
    return 0;
}

static long set_wakeup_time(struct xenpf_efi_runtime_call *op)
{
    struct efi_time t = time_for_firmware(&op->u.set_wakeup_time);
    bool only = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
    bool enable = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE;

    op->misc = 0;
    return ask(op, EFI_SET_WAKEUP_TIME, enable, only ? 0 : (uint64_t)&t, 0, 0, 0);
}

static long get_next_high_monotonic_count(struct xenpf_efi_runtime_call *op)
{
    return ask(op, EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, (uint64_t)&op->misc, 0, 0, 0, 0);
}

static long query_variable_info(struct xenpf_efi_runtime_call *op)
{
    uint64_t max_store = 0, remaining = 0, max_size = 0;
    long rc;

    if (efi_firmware.runtime_revision < REVISION_2_00)
        return guest_error(-EOPNOTSUPP, "this firmware cannot say how full its store is");
    rc = ask(op, EFI_QUERY_VARIABLE_INFO, op->u.query_variable_info.attr, (uint64_t)&max_store,
             (uint64_t)&remaining, (uint64_t)&max_size, 0);
    op->u.query_variable_info.max_store_size = max_store;
    op->u.query_variable_info.remain_store_size = remaining;
    op->u.query_variable_info.max_size = max_size;
    return rc;
}

/* Copies a text of dom0's with its end; it may not be read beyond that, where no page need be. */
static long fetch_name(uint16_t *name, uint64_t gva)
{
    for (unsigned int i = 0; i < NAME_CHARS; i++) {
        if (copy_from_guest(&name[i], gva + i * sizeof(*name), sizeof(*name)))
            return guest_error(-EFAULT, "an argument cannot be read");
        if (!name[i])
            return 0;
    }
    return guest_error(-EINVAL, "the name of an EFI variable has no end");
}

static long get_variable(struct xenpf_efi_runtime_call *op, struct buffers *b)
{
    struct xenpf_efi_guid guid = op->u.get_variable.vendor_guid;
    uint64_t size = b->capacity;
    uint32_t attributes = 0;
    long rc = fetch_name(b->name, op->u.get_variable.name);

    if (!rc)
        rc = ask(op, EFI_GET_VARIABLE, (uint64_t)b->name, (uint64_t)&guid, (uint64_t)&attributes,
                 (uint64_t)&size, (uint64_t)b->data);
    if (rc)
        return rc;
    op->misc = attributes;
    op->u.get_variable.size = size; /* what there is, or what it would need */
    if (!succeeded(rc, op) || !b->data)
        return 0;
    return copy_to_guest(op->u.get_variable.data, b->data, min(size, b->capacity));
}

static long set_variable(struct xenpf_efi_runtime_call *op, struct buffers *b)
{
    struct xenpf_efi_guid guid = op->u.set_variable.vendor_guid;
    uint64_t size = op->u.set_variable.size;
    long rc = fetch_name(b->name, op->u.set_variable.name);

    if (rc)
        return rc;
    if (size > b->capacity)
        return guest_error(-ENOMEM, "an EFI variable of more than 64 KiB");
    if (size && copy_from_guest(b->data, op->u.set_variable.data, size))
        return guest_error(-EFAULT, "an argument cannot be read");
    return ask(op, EFI_SET_VARIABLE, (uint64_t)b->name, (uint64_t)&guid, op->misc, size,
               (uint64_t)b->data);
}

static long get_next_variable_name(struct xenpf_efi_runtime_call *op, struct buffers *b)
{
    uint64_t room = min(op->u.get_next_variable_name.size, (uint64_t)PAGE_SIZE), size = room;
    unsigned int i;
    long rc;

    if (room < sizeof(*b->name) || room % sizeof(*b->name))
        return guest_error(-EINVAL, "no room for the name of an EFI variable");
    if (copy_from_guest(b->name, op->u.get_next_variable_name.name, room))
        return guest_error(-EFAULT, "an argument cannot be read");
    for (i = 0; i < room / sizeof(*b->name) && b->name[i]; i++)
        ;
    if (i == room / sizeof(*b->name))
        return guest_error(-EINVAL, "the name of an EFI variable has no end");
    rc = ask(op, EFI_GET_NEXT_VARIABLE_NAME, (uint64_t)&size, (uint64_t)b->name,
             (uint64_t)&op->u.get_next_variable_name.vendor_guid, 0, 0);
    op->u.get_next_variable_name.size = size;
    if (!succeeded(rc, op))
        return rc;
    return copy_to_guest(op->u.get_next_variable_name.name, b->name, room);
}

/* Runs `call` with a page for a name and room for `size` bytes, or for as much as is allowed. */
static long with_buffers(struct xenpf_efi_runtime_call *op, uint64_t size,
                         long (*call)(struct xenpf_efi_runtime_call *op, struct buffers *b))
{
    struct buffers b = {.name = hv_alloc_page(), .capacity = min(size, DATA_MAX)};
    long rc;

    while ((PAGE_SIZE << b.order) < b.capacity)
        b.order++;
    b.data = b.capacity ? hv_alloc_pages(b.order) : NULL;
    if (b.name && (b.data || !b.capacity))
        rc = call(op, &b);
    else
        rc = guest_error(-ENOMEM, "no memory for the firmware's buffers");
    if (b.data)
        hv_free_pages(b.data, b.order);
    if (b.name)
        hv_free_page(b.name);
    return rc;
}

/* Which flags a call may have in op->misc; set_variable has the variable's attributes there. */
static uint32_t allowed_flags(uint32_t function)
{
    if (function == XEN_EFI_set_wakeup_time)
        return XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
    return function == XEN_EFI_set_variable ? ~0U : 0;
}

long platform_efi_call(struct xenpf_efi_runtime_call *op)
{
    if (op->misc & ~allowed_flags(op->function))
        return guest_error(-EINVAL, "unknown flag of an EFI runtime call");
    switch (op->function) {
    case XEN_EFI_get_time: return get_time(op);
    case XEN_EFI_set_time: return set_time(op);
    case XEN_EFI_get_wakeup_time: return get_wakeup_time(op);
    case XEN_EFI_set_wakeup_time: return set_wakeup_time(op);
    case XEN_EFI_get_next_high_monotonic_count: return get_next_high_monotonic_count(op);
    case XEN_EFI_query_variable_info: return query_variable_info(op);
    case XEN_EFI_get_variable: return with_buffers(op, op->u.get_variable.size, get_variable);
    case XEN_EFI_set_variable: return with_buffers(op, op->u.set_variable.size, set_variable);
    case XEN_EFI_get_next_variable_name: return with_buffers(op, 0, get_next_variable_name);
    default: return guest_error(-ENOSYS, "EFI runtime call not offered");
    }
}
