// SPDX-License-Identifier: MIT
/* Names, strings and permissions of the store's wire protocol: see wire.h.  Errors travel as names,
 * so the table below is the whole of what can be said; both ends take anything else for EINVAL.
 */
#include "wire.h"

#include <errno.h>
#include <string.h>

static const struct error_word {
    const char *name;
    int number;
} error_words[] = {
    {"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EEXIST", EEXIST},       {"EISDIR", EISDIR},
    {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC},       {"EIO", EIO},
    {"ENOSYS", ENOSYS}, {"EROFS", EROFS},   {"ENOTEMPTY", ENOTEMPTY}, {"EBUSY", EBUSY},
    {"EAGAIN", EAGAIN}, {"E2BIG", E2BIG},   {"EISCONN", EISCONN},     {"EPERM", EPERM},
};

#define NR_ERRORS (sizeof(error_words) / sizeof(error_words[0]))

static const char *const type_names[XS_TYPE_COUNT] = {
    [XS_CONTROL] = "CONTROL",
    [XS_DIRECTORY] = "DIRECTORY",
    [XS_READ] = "READ",
    [XS_GET_PERMS] = "GET_PERMS",
    [XS_WATCH] = "WATCH",
    [XS_UNWATCH] = "UNWATCH",
    [XS_TRANSACTION_START] = "TRANSACTION_START",
    [XS_TRANSACTION_END] = "TRANSACTION_END",
    [XS_INTRODUCE] = "INTRODUCE",
    [XS_RELEASE] = "RELEASE",
    [XS_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
    [XS_WRITE] = "WRITE",
    [XS_MKDIR] = "MKDIR",
    [XS_RM] = "RM",
    [XS_SET_PERMS] = "SET_PERMS",
    [XS_WATCH_EVENT] = "WATCH_EVENT",
    [XS_ERROR] = "ERROR",
    [XS_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
    [XS_RESUME] = "RESUME",
    [XS_SET_TARGET] = "SET_TARGET",
    [XS_RESET_WATCHES] = "RESET_WATCHES",
    [XS_DIRECTORY_PART] = "DIRECTORY_PART",
};

static const char perm_letters[] = "nrwb"; /* the index is the permission bits */

const char *wire_error_name(int error)
{
    for (size_t i = 0; i < NR_ERRORS; i++)
        if (error_words[i].number == error)
            return error_words[i].name;
    return "EINVAL";
}

int wire_error_number(const char *name, size_t len)
{
    for (size_t i = 0; i < NR_ERRORS; i++)
        if (strlen(error_words[i].name) == len && memcmp(error_words[i].name, name, len) == 0)
            return error_words[i].number;
    return 0;
}

const char *wire_type_name(uint32_t type)
{
    if (type >= XS_TYPE_COUNT || !type_names[type])
        return "?";
    return type_names[type];
}

size_t wire_string(const char *p, size_t len)
{
    const char *end = len ? memchr(p, 0, len) : NULL;
    return end ? (size_t)(end - p) + 1 : 0;
}

unsigned wire_strings(const char *p, size_t len, const char *vec[], unsigned n)
{
    unsigned count = 0;
    size_t step;
    for (; (step = wire_string(p, len)) != 0; p += step, len -= step, count++)
        if (count < n)
            vec[count] = p;
    return count;
}

bool wire_perm_parse(const char *text, unsigned *perms, unsigned *domid)
{
    const char *letter = *text ? strchr(perm_letters, *text) : NULL;
    uint64_t id = 0;
    if (!letter || !text[1])
        return false;
    for (const char *p = text + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        id = id * 10 + (uint64_t)(*p - '0');
        if (id > UINT32_MAX)
            return false;
    }
    *perms = (unsigned)(letter - perm_letters);
    *domid = (unsigned)id;
    return true;
}

size_t wire_perm_print(char text[WIRE_PERM_TEXT], unsigned perms, unsigned domid)
{
    char digits[10];
    size_t n = 0, len = 0;
    do {
        digits[n++] = (char)('0' + domid % 10);
        domid /= 10;
    } while (domid);
    text[len++] = perm_letters[perms & (WIRE_PERM_READ | WIRE_PERM_WRITE)];
    while (n)
        text[len++] = digits[--n];
    text[len] = 0;
    return len;
}
