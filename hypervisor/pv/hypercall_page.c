/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall page of kernels that ask for one (ELF note HYPERCALL_PAGE, or the older string):
 * Mini-OS, GNU Mach, Linux before December 2024.  Current kernels execute SYSCALL themselves.
 */
#include "pv/hypercall_page.h"

#include "abi/xen.h"
#include "lib/string.h"
#include "lib/types.h"

#define STUB_BYTES 32

void hypercall_page_fill(void *page)
{
    uint8_t *p = page;

    memset(p, 0xcc, PAGE_SIZE); /* INT3 between the stubs */
    for (unsigned nr = 0; nr < PAGE_SIZE / STUB_BYTES; nr++, p += STUB_BYTES) {
        /* push %rcx; push %r11; mov $nr, %eax; syscall; pop %r11; pop %rcx; ret */
        uint8_t stub[] = {0x51, 0x41, 0x53, 0xb8, nr, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
        /* iret is jumped to with its frame on the stack, and does not come back:
         * push %rcx; push %r11; push %rax; mov $23, %eax; syscall */
        uint8_t iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05};

        if (nr == __HYPERVISOR_iret)
            memcpy(p, iret, sizeof iret);
        else
            memcpy(p, stub, sizeof stub);
    }
}
