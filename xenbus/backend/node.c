// SPDX-License-Identifier: GPL-2.0-only
/* Nodes of the store as numbers and text: see node.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/node.h"

bool node_parse(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || number > max / 10 || number * 10 > max - digit)
            return false;
        number = number * 10 + digit;
    }
    *value = number;
    return true;
}

char *node_read(struct xs_handle *store, const char *dir, const char *name)
{
    char *path;
    unsigned len;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return NULL;
    char *text = xs_read(store, XBT_NULL, path, &len);
    int saved = errno;
    free(path);
    /* A value may hold any bytes; one with a NUL is no text. */
    if (text && strlen(text) != len) {
        free(text);
        text = NULL;
        saved = EINVAL;
    }
    errno = saved;
    return text;
}

bool node_number(struct xs_handle *store, const char *dir, const char *name, uint64_t max,
                 uint64_t *value)
{
    char *text = node_read(store, dir, name);
    if (!text)
        return false;
    bool good = node_parse(text, max, value);
    free(text);
    errno = EINVAL;
    return good;
}

bool node_exists(struct xs_handle *store, const char *path)
{
    unsigned nr;
    char **names = xs_directory(store, XBT_NULL, path, &nr);
    free(names);
    return names || errno != ENOENT;
}

bool node_write(struct xs_handle *store, xs_transaction_t t, const char *dir, const char *name,
                const char *format, ...)
{
    char *path = NULL;
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    bool done = len >= 0 && asprintf(&path, "%s/%s", dir, name) >= 0 &&
                xs_write(store, t, path, text, (unsigned)len);
    int saved = errno;
    free(path);
    if (len >= 0)
        free(text);
    errno = saved;
    return done;
}
