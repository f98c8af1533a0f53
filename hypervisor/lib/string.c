/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and string routines.  Copying and filling use the string instructions on eight bytes at a
 * time: on real processors microcode makes them as fast as any loop, and in an emulator one step
 * then moves eight bytes.  Pure.
 */
#include "lib/string.h"

#undef memcpy
#undef memset
#undef strlen

void *STRING_FN(memcpy)(void *dst, const void *src, size_t n)
{
    void *d = dst;
    size_t words = n / 8;

    __asm__ volatile("rep movsq\n\t"
                     "mov %[rest], %%rcx\n\t"
                     "rep movsb"
                     : "+D"(d), "+S"(src), "+c"(words)
                     : [rest] "r"(n & 7)
                     : "memory");
    return dst;
}

void *STRING_FN(memmove)(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    if (d <= s || d >= s + n)
        return STRING_FN(memcpy)(dst, src, n);
    while (n--) {
        d[n] = s[n];
        barrier(); /* or the compiler sees a memmove here and calls itself */
    }
    return dst;
}

void *STRING_FN(memset)(void *dst, int c, size_t n)
{
    void *d = dst;
    size_t words = n / 8;
    uint64_t pattern = (uint8_t)c * 0x0101010101010101UL;

    __asm__ volatile("rep stosq\n\t"
                     "mov %[rest], %%rcx\n\t"
                     "rep stosb"
                     : "+D"(d), "+c"(words)
                     : "a"(pattern), [rest] "r"(n & 7)
                     : "memory");
    return dst;
}

int STRING_FN(memcmp)(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (; n; n--, x++, y++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
    }
    return 0;
}

void *STRING_FN(memchr)(const void *s, int c, size_t n)
{
    const unsigned char *p = s;

    for (; n; n--, p++) {
        if (*p == (unsigned char)c)
            return (void *)(uintptr_t)p;
    }
    return NULL;
}

size_t STRING_FN(strnlen)(const char *s, size_t n)
{
    size_t len = 0;

    while (len < n && s[len])
        len++;
    return len;
}

size_t STRING_FN(strlen)(const char *s)
{
    return STRING_FN(strnlen)(s, SIZE_MAX);
}

int STRING_FN(strncmp)(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        if (!*a)
            return 0;
    }
    return 0;
}

int STRING_FN(strcmp)(const char *a, const char *b)
{
    return STRING_FN(strncmp)(a, b, SIZE_MAX);
}

char *STRING_FN(strchr)(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

size_t str_copy(char *dst, const char *src, size_t size)
{
    size_t len = STRING_FN(strlen)(src);
    size_t n = min(len, size - 1);

    STRING_FN(memcpy)(dst, src, n);
    dst[n] = '\0';
    return len;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

uint64_t str_to_u64(const char *s, const char **end)
{
    unsigned int base = 10;
    uint64_t value = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
        base = 16;
        s += 2;
    } else if (s[0] == '0') {
        base = 8;
    }
    for (; (unsigned int)digit_value(*s) < base; s++) {
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_value(*s), &value))
            value = UINT64_MAX;
    }
    if (end)
        *end = s;
    return value;
}
