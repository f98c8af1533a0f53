/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The formatted-print engine.  Output goes through put(), which counts everything and stores what
 * fits, so that truncation needs no second thought anywhere else.  Pure.
 */
#include "lib/format.h"
#include "lib/string.h"

void (*format_symbol_hook)(char *buf, size_t size, uint64_t addr);

struct out {
    char *buf;
    size_t size;
    size_t len;
};

struct spec {
    bool left, zero, plus, space, alt, upper;
    int width;
    int precision; /* -1: none given */
};

/* 64 bits in octal is 22 digits; nothing here is longer. */
#define MAX_DIGITS 24

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, int n)
{
    for (; n > 0; n--)
        put(o, c);
}

static void put_text(struct out *o, const struct spec *sp, const char *s, size_t n)
{
    int fill = sp->width - (int)n;

    if (!sp->left)
        pad(o, ' ', fill);
    for (size_t i = 0; i < n; i++)
        put(o, s[i]);
    if (sp->left)
        pad(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v, unsigned int base,
                       char sign)
{
    const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char tmp[MAX_DIGITS];
    int n = 0;
    int prefix = sp->alt && base == 16 && v ? 2 : 0;
    int zeros;
    int fill;

    for (; v; v /= base)
        tmp[n++] = digits[v % base];
    if (!n && sp->precision != 0)
        tmp[n++] = '0';
    zeros = sp->precision > n ? sp->precision - n : 0;
    /* # makes an octal number begin with a zero, if nothing else does. */
    if (sp->alt && base == 8 && !zeros && (!n || tmp[n - 1] != '0'))
        prefix = 1;
    fill = sp->width - n - zeros - prefix - (sign ? 1 : 0);
    if (fill > 0 && sp->zero && !sp->left && sp->precision < 0) {
        zeros += fill;
        fill = 0;
    }
    if (!sp->left)
        pad(o, ' ', fill);
    if (sign)
        put(o, sign);
    if (prefix)
        put(o, '0');
    if (prefix == 2)
        put(o, sp->upper ? 'X' : 'x');
    pad(o, '0', zeros);
    while (n)
        put(o, tmp[--n]);
    if (sp->left)
        pad(o, ' ', fill);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
    for (;; f++) {
        if (*f == '-')
            sp->left = true;
        else if (*f == '0')
            sp->zero = true;
        else if (*f == '+')
            sp->plus = true;
        else if (*f == ' ')
            sp->space = true;
        else if (*f == '#')
            sp->alt = true;
        else
            return f;
    }
}

static const char *parse_int(const char *f, int *v)
{
    int n = 0;

    for (; *f >= '0' && *f <= '9'; f++)
        n = n < 100000 ? n * 10 + (*f - '0') : n;
    *v = n;
    return f;
}

/* Returns the bytes in the integer that the length modifier names. */
static const char *parse_length(const char *f, unsigned int *bytes)
{
    *bytes = 4;
    switch (*f) {
    case 'h': *bytes = f[1] == 'h' ? 1 : 2; return f + (f[1] == 'h' ? 2 : 1);
    case 'l': *bytes = 8; return f + (f[1] == 'l' ? 2 : 1);
    case 'z':
    case 'j':
    case 't': *bytes = 8; return f + 1;
    default: return f;
    }
}

static void put_signed(struct out *o, const struct spec *sp, int64_t v, unsigned int bytes)
{
    char sign = sp->plus ? '+' : sp->space ? ' ' : 0;

    if (bytes == 1)
        v = (int64_t)((uint64_t)v << 56) >> 56;
    else if (bytes == 2)
        v = (int64_t)((uint64_t)v << 48) >> 48;
    if (v < 0)
        sign = '-';
    put_number(o, sp, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, sign);
}

static void put_unsigned(struct out *o, const struct spec *sp, uint64_t v, unsigned int bytes,
                         unsigned int base)
{
    if (bytes < 8)
        v &= (1UL << (bytes * 8)) - 1;
    put_number(o, sp, v, base, 0);
}

/* Returns how many bytes of format the pointer's suffix took. */
static int put_pointer(struct out *o, struct spec *sp, uint64_t v, const char *f)
{
    char text[96];

    if (*f == 'S' && format_symbol_hook) {
        format_symbol_hook(text, sizeof(text), v);
        put_text(o, sp, text, strlen(text));
        return 1;
    }
    sp->precision = 16;
    put_number(o, sp, v, 16, 0);
    return *f == 'S';
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
    size_t limit = sp->precision < 0 ? SIZE_MAX : (size_t)sp->precision;

    if (!s)
        s = "(null)";
    put_text(o, sp, s, strnlen(s, limit));
}

int FORMAT_FN(vsnprintf)(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {buf, size, 0};

    for (const char *f = fmt; *f; f++) {
        struct spec sp = {.precision = -1};
        unsigned int bytes;
        char c;

        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        f = parse_flags(f + 1, &sp);
        if (*f == '*') {
            sp.width = va_arg(args, int);
            sp.left |= sp.width < 0;
            sp.width = sp.width < 0 ? -sp.width : sp.width;
            f++;
        } else {
            f = parse_int(f, &sp.width);
        }
        if (*f == '.' && f[1] == '*') {
            sp.precision = va_arg(args, int);
            f += 2;
        } else if (*f == '.') {
            f = parse_int(f + 1, &sp.precision);
        }
        f = parse_length(f, &bytes);
        sp.upper = *f == 'X';
        switch (*f) {
        case 'd':
        case 'i':
            put_signed(&o, &sp, bytes == 8 ? va_arg(args, int64_t) : va_arg(args, int), bytes);
            break;
        case 'u':
        case 'x':
        case 'X':
        case 'o':
            put_unsigned(&o, &sp, bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned int),
                         bytes,
                         *f == 'u'   ? 10
                         : *f == 'o' ? 8
                                     : 16);
            break;
        case 'c':
            c = (char)va_arg(args, int);
            put_text(&o, &sp, &c, 1);
            break;
        case 's': put_string(&o, &sp, va_arg(args, const char *)); break;
        case 'p': f += put_pointer(&o, &sp, va_arg(args, uint64_t), f + 1); break;
        case '%': put(&o, '%'); break;
        case '\0': f--; break; /* a lone % at the end: stop, print nothing */
        default: put(&o, '%'); put(&o, *f);
        }
    }
    if (size)
        buf[o.len < size ? o.len : size - 1] = '\0';
    return (int)o.len;
}

int FORMAT_FN(snprintf)(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = FORMAT_FN(vsnprintf)(buf, size, fmt, args);
    va_end(args);
    return n;
}

int format_append(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = FORMAT_FN(vsnprintf)(buf, size, fmt, args);
    va_end(args);
    if (!size)
        return 0;
    return n < (int)size ? n : (int)size - 1;
}
