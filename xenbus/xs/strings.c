// SPDX-License-Identifier: LGPL-2.1-or-later
/* Payloads are strings one behind the other; these take them apart.  Pure, but for xs_write_all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"

char **strings_split(const char *text, unsigned len, unsigned *num)
{
    /* A last string that lacks its NUL finds the one behind the text. */
    unsigned count = len > 0 && text[len - 1] != '\0';
    for (unsigned i = 0; i < len; i++)
        count += text[i] == '\0';

    char **strings = malloc(count * sizeof(*strings) + len + 1);
    if (!strings)
        return NULL;
    char *copy = (char *)(strings + count);
    memcpy(copy, text, (size_t)len + 1);
    for (unsigned i = 0; i < count; i++) {
        strings[i] = copy;
        copy += strlen(copy) + 1;
    }
    *num = count;
    return strings;
}

bool perm_print(char *text, const struct xs_permissions *perm)
{
    static const char letters[] = {
        [XS_PERM_NONE] = 'n',
        [XS_PERM_READ] = 'r',
        [XS_PERM_WRITE] = 'w',
        [XS_PERM_READ | XS_PERM_WRITE] = 'b',
    };
    unsigned bits = perm->perms & ~(unsigned)XS_PERM_IGNORE;
    if (bits >= sizeof(letters)) {
        errno = EINVAL;
        return false;
    }
    /* Domain ids of ten digits come out negative, as every libxenstore prints them. */
    snprintf(text, PERM_TEXT, "%c%d", letters[bits], (int)perm->id);
    return true;
}

static bool perm_parse(const char *text, struct xs_permissions *perm)
{
    switch (text[0]) {
    case 'n': perm->perms = XS_PERM_NONE; break;
    case 'r': perm->perms = XS_PERM_READ; break;
    case 'w': perm->perms = XS_PERM_WRITE; break;
    case 'b': perm->perms = XS_PERM_READ | XS_PERM_WRITE; break;
    default: return false;
    }
    char *end;
    perm->id = (unsigned)strtol(text + 1, &end, 0);
    return text[1] && !*end;
}

bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings)
{
    for (unsigned i = 0; i < num; i++) {
        if (!perm_parse(strings, &perms[i])) {
            errno = EINVAL;
            return false;
        }
        strings += strlen(strings) + 1;
    }
    return true;
}

bool xs_path_is_subpath(const char *parent, const char *child)
{
    size_t len = strlen(parent);
    return strncmp(parent, child, len) == 0 && (child[len] == '\0' || child[len] == '/');
}

bool xs_write_all(int fd, const void *data, unsigned int len)
{
    const char *next = data;
    while (len > 0) {
        ssize_t done = write(fd, next, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        next += done;
        len -= (unsigned)done;
    }
    return true;
}
