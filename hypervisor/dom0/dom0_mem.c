/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dom0_mem= and the default size of dom0; see the header for the rules.
 */
#include "dom0/dom0_mem.h"

#include "lib/string.h"
#include "lib/types.h"

#define RESERVE_PART     16 /* of memory, kept back from dom0 by default, as in Xen */
#define RESERVE_MAX      (MIB(128) >> PAGE_SHIFT)
#define NO_LIMIT         ((uint64_t)UINT32_MAX) /* what Xen states as dom0's maximum without max: */
#define HIGHEST_FRACTION 99u

bool size_parse(const char *s, const char **end, uint64_t *bytes)
{
    static const char units[] = "bkmgt";
    uint64_t n = str_to_u64(s, end);
    unsigned shift = 10;

    if (*end == s)
        return false;
    for (unsigned i = 0; units[i]; i++)
        if ((**end | 0x20) == units[i]) {
            shift = 10 * i;
            ++*end;
            break;
        }
    *bytes = n << shift;
    return *bytes >> shift == n;
}

static bool percent_parse(const char *s, const char **end, unsigned *percent)
{
    uint64_t n = str_to_u64(s, end);

    if (*end == s || **end != '%' || n > HIGHEST_FRACTION)
        return false;
    ++*end;
    *percent = (unsigned)n;
    return true;
}

static bool amount_parse(const char *s, const char **end, struct mem_amount *a)
{
    *a = (struct mem_amount){.given = true};
    if (*s == '-') {
        a->minus = true;
        s++;
    }
    if (percent_parse(s, end, &a->percent))
        return true;
    if (!size_parse(s, end, &a->bytes))
        return false;
    return **end != '+' || percent_parse(*end + 1, end, &a->percent);
}

bool dom0_mem_parse(struct dom0_mem *m, const char *s)
{
    struct dom0_mem result = *m;

    for (;;) {
        struct mem_amount *a = &result.size;

        if (strncmp(s, "min:", 4) == 0)
            a = &result.min;
        else if (strncmp(s, "max:", 4) == 0)
            a = &result.max;
        if (!amount_parse(a == &result.size ? s : s + 4, &s, a))
            return false;
        if (*s == 0)
            break;
        if (*s++ != ',')
            return false;
    }
    *m = result;
    return true;
}

static uint64_t amount_pages(const struct mem_amount *a, uint64_t avail)
{
    uint64_t n =
        (a->bytes >> PAGE_SHIFT) + avail / 100 * a->percent + avail % 100 * a->percent / 100;

    if (!a->minus)
        return n;
    return n < avail ? avail - n : 0;
}

void dom0_mem_pages(const struct dom0_mem *m, uint64_t avail_pages, uint64_t *nr_pages,
                    uint64_t *max_pages)
{
    uint64_t reserve = min(avail_pages / RESERVE_PART, RESERVE_MAX);
    uint64_t n = m->size.given ? amount_pages(&m->size, avail_pages) : 0;
    uint64_t least = m->min.given ? amount_pages(&m->min, avail_pages) : 0;
    uint64_t most = m->max.given ? amount_pages(&m->max, avail_pages) : NO_LIMIT;

    if (n == 0)
        n = avail_pages - reserve;
    n = max(n, least);
    n = min(n, most);
    *nr_pages = min(n, avail_pages);
    *max_pages = min(most, NO_LIMIT);
}
