/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xen_version: who we are and what we can do.  Guests also make this call for its side effect, a
 * pass through the hypervisor's exit, where pending events are delivered: so XENVER_version is
 * first and short.
 *
 * We answer as Xen 4.17, whose ABI this is, with an extra version that says otherwise.
 */
#include "abi/version.h"
#include "abi/errno.h"
#include "abi/features.h"
#include "abi/xen.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "hypercall/version.h"
#include "lib/string.h"
#include "mem/guest_access.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17
#define EXTRAVERSION  "-pavis"
#define CAPABILITIES  "xen-3.0-x86_64 "

#define F(bit) (1u << XENFEAT_##bit)

/* Filled by the linker script: an ELF note that holds the image's build id.  Weak: a build without
 * one has no id. */
extern const uint8_t __start_build_id[] __attribute__((weak));
extern const uint8_t __stop_build_id[] __attribute__((weak));
#define NOTE_HEADER 16 /* three words and "GNU" */

static char commandline[sizeof(xen_commandline_t)];

void version_set_commandline(const char *text)
{
    str_copy(commandline, text, sizeof(commandline));
}

/* Fixed-size texts go out whole: what is behind the end is zero (XSA-122). */
static long put_text(uint64_t arg, const char *text, size_t size)
{
    char buf[128] = "";

    BUG_ON(size > sizeof(buf));
    str_copy(buf, text, size);
    return copy_to_guest(arg, buf, size) ? guest_error(-EFAULT, "the result cannot be written") : 0;
}

static long compile_info(uint64_t arg)
{
    struct xen_compile_info info;

    memset(&info, 0, sizeof(info));
    str_copy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    str_copy(info.compile_by, "pavis", sizeof(info.compile_by));
    str_copy(info.compile_domain, "localdomain", sizeof(info.compile_domain));
    str_copy(info.compile_date, "reproducible", sizeof(info.compile_date));
    return copy_to_guest(arg, &info, sizeof(info))
               ? guest_error(-EFAULT, "the result cannot be written")
               : 0;
}

/* Up to 1 KiB, most of it zero: only the text is ours to copy. */
static long put_long_text(uint64_t arg, const char *text, size_t size)
{
    size_t len = strlen(text);

    if (copy_to_guest(arg, text, len) || clear_guest(arg + len, size - len))
        return guest_error(-EFAULT, "the result cannot be written");
    return 0;
}

static long get_features(uint64_t arg)
{
    const struct domain *d = current_domain;
    struct xen_feature_info info;

    if (copy_from_guest(&info, arg, sizeof(info)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (info.submap_idx != 0)
        return guest_error(-EINVAL, "feature words: there is only number 0");
    /* "Direct mapped": frame numbers in page tables are the machine's; Xen says so to all PV. */
    info.submap = F(mmu_pt_update_preserve_ad) | F(gnttab_map_avail_bits) | F(direct_mapped);
    if (d->vm_assist & 1u << VMASST_TYPE_pae_extended_cr3)
        info.submap |= F(pae_pgdir_above_4gb);
    if (d->is_control)
        info.submap |= F(dom0);
    return copy_to_guest(arg, &info, sizeof(info))
               ? guest_error(-EFAULT, "the result cannot be written")
               : 0;
}

static long build_id(uint64_t arg)
{
    struct xen_build_id id;
    long len = __stop_build_id - __start_build_id - NOTE_HEADER;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "the build id is for the control domain");
    if (len <= 0)
        return guest_error(-ENODATA, "built without an id");
    if (!arg)
        return len;
    if (copy_from_guest(&id, arg, sizeof(id)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (!id.len)
        return guest_error(-EINVAL, "no room for the build id");
    if (id.len < len)
        return guest_error(-ENOBUFS, "no room for the build id");
    if (copy_to_guest(arg + sizeof(id), __start_build_id + NOTE_HEADER, len))
        return guest_error(-EFAULT, "the result cannot be written");
    return len;
}

static __attribute__((noinline)) long version_op(int cmd, uint64_t arg)
{
    static const struct xen_platform_parameters params = {.virt_start = HYPERVISOR_VIRT_START};

    switch (cmd) {
    case XENVER_extraversion: return put_text(arg, EXTRAVERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info: return compile_info(arg);
    case XENVER_capabilities:
        return put_long_text(arg, CAPABILITIES, sizeof(xen_capabilities_info_t));
    case XENVER_changeset: return put_text(arg, "unavailable", sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        return copy_to_guest(arg, &params, sizeof(params))
                   ? guest_error(-EFAULT, "the result cannot be written")
                   : 0;
    case XENVER_get_features: return get_features(arg);
    case XENVER_pagesize:
        return arg ? guest_error(-EINVAL, "the page size takes no argument") : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return copy_to_guest(arg, current_domain->handle, sizeof(current_domain->handle))
                   ? guest_error(-EFAULT, "the result cannot be written")
                   : 0;
    case XENVER_commandline:
        /* It may name what a guest need not know. */
        return put_long_text(arg, current_domain->is_control ? commandline : "<denied>",
                             sizeof(xen_commandline_t));
    case XENVER_build_id: return build_id(arg);
    default: return guest_error(-ENOSYS, "unknown xen_version");
    }
}

long do_xen_version(int cmd, uint64_t arg)
{
    /* Kernels make this call only to have pending events delivered on its way out: for itself, in a
     * function that saves no registers. */
    switch (cmd) {
    case XENVER_version: return VERSION_MAJOR << 16 | VERSION_MINOR;
    default: return version_op(cmd, arg);
    }
}
