/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every tiny test kernel links: start-up, the console, a small printf, the loop over its
 * tests, and the end of the machine.  Relies on nothing but console_io until trap_init() has run.
 */
#include <stdarg.h>

#include "abi/errno.h"
#include "test.h"

struct start_info *start_info;
struct shared_info *shared_info;
bool on_pavis;
static uint8_t shared_info_page[PAGE_SIZE] __attribute__((aligned(4096)));

static char fail_reason[256];
static bool failed, skipped;
static void *test_env[5];

void guest_main(struct start_info *si);

void *memset(void *to, int c, size_t n)
{
    uint8_t *p = to;

    while (n--)
        *p++ = (uint8_t)c;
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *p = to;
    const uint8_t *q = from;

    while (n--)
        *p++ = *q++;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;

    for (; n--; p++, q++)
        if (*p != *q)
            return *p < *q ? -1 : 1;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n--; a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

struct sink {
    char *out;
    size_t size, used;
};

static void put(struct sink *s, char c)
{
    if (s->used + 1 < s->size)
        s->out[s->used++] = c;
}

static void put_number(struct sink *s, unsigned long v, unsigned base, unsigned width, char fill)
{
    char digits[24];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n < width && n < sizeof(digits))
        digits[n++] = fill;
    while (n)
        put(s, digits[--n]);
}

static void put_conversion(struct sink *s, char c, unsigned width, char fill, bool alt, bool wide,
                           va_list *args)
{
    unsigned long u;
    long d;
    const char *text;

    switch (c) {
    case 's':
        for (text = va_arg(*args, const char *); *text; text++)
            put(s, *text);
        break;
    case 'c': put(s, (char)va_arg(*args, int)); break;
    case 'd':
        d = wide ? va_arg(*args, long) : va_arg(*args, int);
        if (d < 0)
            put(s, '-');
        put_number(s, d < 0 ? -(unsigned long)d : (unsigned long)d, 10, width, fill);
        break;
    case 'u':
    case 'x':
        u = wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
        if (alt && c == 'x') {
            put(s, '0');
            put(s, 'x');
        }
        put_number(s, u, c == 'x' ? 16 : 10, width, fill);
        break;
    default: put(s, c); break;
    }
}

/* %s %c %d %u %x with l, #, 0 and a width. */
static int vformat(char *out, size_t size, const char *fmt, va_list *args)
{
    struct sink s = {out, size, 0};

    for (; *fmt; fmt++) {
        unsigned width = 0;
        char fill = ' ';
        bool alt = false, wide = false;

        if (*fmt != '%') {
            put(&s, *fmt);
            continue;
        }
        for (fmt++; *fmt == '#' || *fmt == '0'; fmt++) {
            alt |= *fmt == '#';
            fill = *fmt == '0' ? '0' : fill;
        }
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (unsigned)(*fmt - '0');
        for (; *fmt == 'l'; fmt++)
            wide = true;
        put_conversion(&s, *fmt, width, fill, alt, wide, args);
    }
    out[s.used] = 0;
    return (int)s.used;
}

int format(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vformat(out, size, fmt, &args);
    va_end(args);
    return n;
}

void print(const char *fmt, ...)
{
    char line[512];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vformat(line, sizeof(line), fmt, &args);
    va_end(args);
    hc_console_io(CONSOLEIO_write, n, line);
}

const char *error_name(long value)
{
    static const struct {
        long number;
        const char *name;
    } names[] = {
        {-EPERM, "-EPERM"},
        {-ENOENT, "-ENOENT"},
        {-ESRCH, "-ESRCH"},
        {-EINTR, "-EINTR"},
        {-EIO, "-EIO"},
        {-ENXIO, "-ENXIO"},
        {-E2BIG, "-E2BIG"},
        {-EBADF, "-EBADF"},
        {-EAGAIN, "-EAGAIN"},
        {-ENOMEM, "-ENOMEM"},
        {-EACCES, "-EACCES"},
        {-EFAULT, "-EFAULT"},
        {-EBUSY, "-EBUSY"},
        {-EEXIST, "-EEXIST"},
        {-EXDEV, "-EXDEV"},
        {-ENODEV, "-ENODEV"},
        {-EINVAL, "-EINVAL"},
        {-ENOSPC, "-ENOSPC"},
        {-EDOM, "-EDOM"},
        {-ERANGE, "-ERANGE"},
        {-ENOSYS, "-ENOSYS"},
        {-ETIME, "-ETIME"},
        {-EOVERFLOW, "-EOVERFLOW"},
        {-ENODATA, "-ENODATA"},
        {-EOPNOTSUPP, "-EOPNOTSUPP"},
        {-ENOBUFS, "-ENOBUFS"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].number == value)
            return names[i].name;
    return value == 0 ? "ok" : "?";
}

static bool has_word(const char *line, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = line; *p; p++)
        if ((p == line || p[-1] == ' ') && !strncmp(p, word, n) && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

bool cmdline_has(const char *word)
{
    return has_word((const char *)start_info->cmd_line, word);
}

bool hypervisor_told(const char *word)
{
    static xen_commandline_t line;

    return hc_xen_version(XENVER_commandline, &line) >= 0 && has_word((const char *)&line, word);
}

void test_fail(const char *where, const char *fmt, ...)
{
    va_list args;
    int n;

    if (failed) /* the first reason is the one to read; the others tend to follow from it */
        return;
    failed = true;
    n = format(fail_reason, sizeof(fail_reason), "line %s: ", where);
    va_start(args, fmt);
    vformat(fail_reason + n, sizeof(fail_reason) - (size_t)n, fmt, &args);
    va_end(args);
}

void test_skip(const char *why)
{
    skipped = true;
    format(fail_reason, sizeof(fail_reason), "%s", why);
}

bool test_failed(void)
{
    return failed;
}

void test_abort(void)
{
    trap_resume = 0;
    trap_hook = NULL;
    __builtin_longjmp(test_env, 1);
}

void power_off(void)
{
    /* dom0 reboots, since that ends QEMU under -no-reboot whatever ACPI says. */
    struct sched_shutdown arg = {start_info->flags & SIF_INITDOMAIN ? SHUTDOWN_reboot
                                                                    : SHUTDOWN_poweroff};

    for (;;)
        hc_sched_op(SCHEDOP_shutdown, &arg);
}

bool test_call(void (*run)(void))
{
    failed = skipped = false;
    if (!__builtin_setjmp(test_env))
        run();
    trap_hook = NULL;
    trap_resume = 0;
    return !failed;
}

const char *test_reason(void)
{
    return fail_reason;
}

/* only=name on the command line: that test and no other. */
static bool is_wanted(const char *name)
{
    const char *line = (const char *)start_info->cmd_line;
    char word[64];

    for (; *line && strncmp(line, "only=", 5); line++)
        ;
    format(word, sizeof(word), "only=%s", name);
    return !*line || cmdline_has(word);
}

static void run_one(const struct test *test, unsigned *passed, unsigned *lost)
{
    if (!is_wanted(test->name))
        return;
    print("RUN %s.%s\n", family, test->name);
    test_call(test->run);
    if (failed) {
        ++*lost;
        print("TEST %s.%s FAIL %s\n", family, test->name, fail_reason);
        return;
    }
    if (skipped) {
        print("TEST %s.%s skip %s\n", family, test->name, fail_reason);
        return;
    }
    ++*passed;
    print("TEST %s.%s ok\n", family, test->name);
}

void guest_main(struct start_info *si)
{
    xen_extraversion_t extra = {0};
    unsigned passed = 0, lost = 0;

    start_info = si;
    hc_xen_version(XENVER_extraversion, extra);
    for (const char *p = extra; *p; p++)
        on_pavis |= !strncmp(p, "-pavis", 6);
    if (hc_update_va(shared_info_page, si->shared_info | PTE_P | PTE_RW, UVMF_INVLPG)) {
        print("TEST %s.start FAIL cannot map shared_info\n", family);
        power_off();
    }
    shared_info = (struct shared_info *)shared_info_page;
    trap_init();
    mm_init();
    for (const struct test *t = tests; t->name; t++)
        run_one(t, &passed, &lost);
    print("DONE %u passed %u failed\n", passed, lost);
    power_off();
}

bool have_xsave(void)
{
    uint32_t a = 1, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & 1u << 27; /* OSXSAVE */
}
