// SPDX-License-Identifier: GPL-2.0-only
/* Paths: see path.h. */
#include "path.h"

#include <stdio.h>
#include <string.h>

static const char allowed[256] = {
    ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['_'] = 1, ['@'] = 1,
};

/* Length of a canonical absolute path, 0 if it is none. */
static size_t absolute_length(const char *text)
{
    const char *p = text;
    if (p[0] == '/' && !p[1])
        return 1;
    while (*p == '/') {
        const char *name = ++p;
        while (allowed[(uint8_t)*p])
            p++;
        if (p == name)
            return 0;
    }
    return *p ? 0 : (size_t)(p - text);
}

/* Length of "/local/domain/<digits>/" in front of a path, or 0. */
static size_t home_length(const char *text)
{
    static const char prefix[] = "/local/domain/";
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    size_t len = sizeof(prefix) - 1, digits = strspn(text + len, "0123456789");
    return digits && text[len + digits] == '/' ? len + digits + 1 : 0;
}

bool path_canonical(struct path *out, const char *text, unsigned base, size_t limit)
{
    size_t len = strnlen(text, XENSTORE_ABS_PATH_MAX);
    out->base = 0;
    if (len == 0 || len >= XENSTORE_ABS_PATH_MAX)
        return false;
    if (text[0] != '/') {
        if (len > XENSTORE_REL_PATH_MAX)
            return false;
        out->base = (size_t)snprintf(out->text, sizeof(out->text), "/local/domain/%u/", base);
        if (out->base + len >= XENSTORE_ABS_PATH_MAX)
            return false;
    }
    memcpy(out->text + out->base, text, len + 1);
    out->len = absolute_length(out->text);
    if (out->len == 0)
        return false;
    return limit == 0 || out->len - home_length(out->text) <= limit;
}

uint64_t path_hash(const char *path, size_t len)
{
    uint64_t hash = PATH_HASH_START;
    for (size_t i = 0; i < len; i++)
        hash = path_hash_byte(hash, path[i]);
    return hash;
}
