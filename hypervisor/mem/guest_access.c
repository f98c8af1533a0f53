/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies to and from guest memory.  See mem/guest_access.h.
 *
 * Each access that may fault has an entry in the exception table.  Interrupts are on and the
 * guest's root table is loaded.  With SMAP the access window is opened around the access alone.
 */
#include "mem/guest_access.h"

#include "lib/errno.h"
#include "lib/string.h"

#ifdef PAVIS_HOST_TEST

/* On the host guest memory is what the test says it is; see tests/unit/fake_guest.h. */
extern uint8_t *host_guest_pointer(uint64_t gva, uint64_t n);

/* Returns the number of bytes not done. */
static size_t copy_raw(void *dst, const void *src, size_t n, uint64_t gva, bool to_guest)
{
    uint8_t *p = host_guest_pointer(gva, n);

    if (!p)
        return n;
    memcpy(to_guest ? p : dst, to_guest ? src : p, n);
    return 0;
}

#else

#include "cpu/cpu.h"
#include "cpu/ex_table.h"

static size_t copy_raw(void *dst, const void *src, size_t n, uint64_t gva, bool to_guest)
{
    size_t tail = n & 7, words = n / 8;

    user_access_begin();
    /* Words, then bytes.  A fault leaves in RCX what was left of the part it hit. */
    __asm__ volatile("1: rep movsq\n"
                     "   mov %[tail], %%rcx\n"
                     "2: rep movsb\n"
                     "   xor %[tail], %[tail]\n"
                     "3:\n"
                     "   .pushsection .text.fixup, \"ax\"\n"
                     "4: lea (%[tail], %%rcx, 8), %%rcx\n"
                     "5: mov %%rcx, %[tail]\n"
                     "   jmp 3b\n"
                     "   .popsection\n" EX_TABLE("1b", "4b") EX_TABLE("2b", "5b")
                     : "+D"(dst), "+S"(src), "+c"(words), [tail] "+r"(tail)
                     :
                     : "memory", "cc");
    user_access_end();
    return tail;
}

#endif

int copy_from_guest(void *dst, uint64_t gva, size_t n)
{
    if (unlikely(!guest_range_okay(gva, n)))
        return -EFAULT;
    return copy_raw(dst, (const void *)gva, n, gva, false) ? -EFAULT : 0;
}

int copy_to_guest(uint64_t gva, const void *src, size_t n)
{
    if (unlikely(!guest_range_okay(gva, n)))
        return -EFAULT;
    return copy_raw((void *)gva, src, n, gva, true) ? -EFAULT : 0;
}

int clear_guest(uint64_t gva, size_t n)
{
    static const uint8_t zero[256];

    if (unlikely(!guest_range_okay(gva, n)))
        return -EFAULT;
    while (n) {
        size_t part = min(n, sizeof(zero));

        if (copy_raw((void *)gva, zero, part, gva, true))
            return -EFAULT;
        gva += part;
        n -= part;
    }
    return 0;
}

#ifdef PAVIS_HOST_TEST

int get_guest_u64(uint64_t *v, uint64_t gva)
{
    return copy_from_guest(v, gva, sizeof(*v));
}

int put_guest_u64(uint64_t gva, uint64_t v)
{
    return copy_to_guest(gva, &v, sizeof(v));
}

#else

int get_guest_u64(uint64_t *v, uint64_t gva)
{
    uint64_t value = 0;
    int rc = -EFAULT;

    if (unlikely(!guest_range_okay(gva, sizeof(value))))
        return rc;
    user_access_begin();
    __asm__ volatile("1: mov %[mem], %[value]\n"
                     "   xor %[rc], %[rc]\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : [value] "+r"(value), [rc] "+r"(rc)
                     : [mem] "m"(*(const uint64_t *)gva)
                     : "cc");
    user_access_end();
    *v = value;
    return rc;
}

int put_guest_u64(uint64_t gva, uint64_t v)
{
    int rc = -EFAULT;

    if (unlikely(!guest_range_okay(gva, sizeof(v))))
        return rc;
    user_access_begin();
    __asm__ volatile("1: mov %[value], %[mem]\n"
                     "   xor %[rc], %[rc]\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : [rc] "+r"(rc), [mem] "=m"(*(uint64_t *)gva)
                     : [value] "r"(v)
                     : "cc");
    user_access_end();
    return rc;
}

#endif
