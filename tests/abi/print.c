/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Prints one line `name = value` for each line of the generated list.  Compiled twice: with -DOURS
 * against hypervisor/abi/, without against Debian's libxen-dev; the two outputs must be the same
 * text.  (Their names clash, so one program cannot hold both.)
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef OURS
#include "abi_all.h" /* generated: includes every header of hypervisor/abi */
#define ERRNO(name) number(#name, name);
#else
#define __XEN_TOOLS__             1
#define __XEN_INTERFACE_VERSION__ 0x00041100
#include <xen/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/trace.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#define ERRNO(name) number(#name, XEN_##name);
#endif

static void __attribute__((unused)) number(const char *name, long long value)
{
    printf("%s = %lld\n", name, value);
}

static void __attribute__((unused)) text(const char *name, const char *value)
{
    printf("%s = \"%s\"\n", name, value);
}

#define TYPE(t)         printf("sizeof(" #t ") = %zu\n", sizeof(t));
#define SIZE(t)         printf("sizeof(" #t ") = %zu align %zu\n", sizeof(t), _Alignof(t));
#define FLEX(t, member) printf(#t "." #member "[] at %zu\n", offsetof(t, member));
#define FIELD(t, member)                                                                           \
    printf(#t "." #member " at %zu size %zu\n", offsetof(t, member), sizeof(((t *)0)->member));
/* A string is printed as such, all else as a number. */
#define CONST(name)                                                                                \
    _Generic((name), char * : text, default : number)(#name, (__typeof__(_Generic((name),          \
             char * : (const char *)0, default : 0LL)))(name));

int main(void)
{
#include "list.def"
    return 0;
}
