// SPDX-License-Identifier: GPL-2.0-only
/* Numbers of cards, kept and shown: see counts.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netback/counts.h"

void counts_open(struct counts_file *file)
{
    if (file->magic == COUNTS_MAGIC && file->size == sizeof(*file))
        return;
    memset(file, 0, sizeof(*file));
    file->size = sizeof(*file);
    file->magic = COUNTS_MAGIC;
}

struct counts *counts_of(struct counts_file *file, uint32_t guest, uint32_t device)
{
    struct counts *none = NULL;
    for (unsigned i = 0; i < COUNTS_CARDS; i++) {
        struct counts *c = &file->card[i];
        if (c->used && c->guest == guest && c->device == device)
            return c;
        if (!c->used && !none)
            none = c;
    }
    if (none)
        *none = (struct counts){.used = 1, .guest = guest, .device = device};
    return none;
}

void counts_end(struct counts *counts)
{
    counts->used = 0;
}

static const struct {
    const char *name;
    size_t at;
} numbers[] = {
#define NUMBER(field)                                                                              \
    {                                                                                              \
#field, offsetof(struct counts, field)                                                     \
    }
    NUMBER(tx_packets), NUMBER(tx_bytes),  NUMBER(rx_packets), NUMBER(rx_bytes),
    NUMBER(tx_gso),     NUMBER(rx_gso),    NUMBER(tx_blank),   NUMBER(rx_blank),
    NUMBER(rx_cut),     NUMBER(to_guests), NUMBER(malformed),  NUMBER(copy_failed),
    NUMBER(rx_full),    NUMBER(throttled),
#undef NUMBER
};

static void show_card(const char *network, const struct counts *c, FILE *to)
{
    const char *between = "";
    fprintf(to, "{\"network\": \"%s\", \"domid\": %u, \"device\": %u", network, c->guest,
            c->device);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value;
        memcpy(&value, (const char *)c + numbers[i].at, sizeof(value));
        fprintf(to, ", \"%s\": %lu", numbers[i].name, value);
    }
    fputs(", \"dropped\": {", to);
    for (unsigned i = DROP_NOT + 1; i < NR_DROPS; i++) {
        fprintf(to, "%s\"%s\": %lu", between, drop_name((enum drop)i), c->dropped[i]);
        between = ", ";
    }
    fputs("}}", to);
}

/* A copy of the file, if it is one of this layout. */
static bool load(int directory, const char *name, struct counts_file *file)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && read(fd, file, sizeof(*file)) == sizeof(*file) &&
                file->magic == COUNTS_MAGIC && file->size == sizeof(*file);
    if (fd >= 0)
        close(fd);
    return good;
}

bool counts_show(const char *directory, FILE *to)
{
    struct counts_file *file = malloc(sizeof(*file));
    DIR *dir = opendir(directory);
    const char *between = "";
    struct dirent *entry;
    fputc('[', to);
    while (file && dir && (entry = readdir(dir))) {
        char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, COUNTS_SUFFIX) != 0 || !load(dirfd(dir), entry->d_name, file))
            continue;
        *end = '\0';
        for (unsigned i = 0; i < COUNTS_CARDS; i++) {
            if (!file->card[i].used)
                continue;
            fprintf(to, "%s\n  ", between);
            show_card(entry->d_name, &file->card[i], to);
            between = ",";
        }
    }
    fputs("\n]\n", to);
    /* No directory: no cards. */
    bool good = file && (dir || errno == ENOENT);
    free(file);
    if (dir)
        closedir(dir);
    return good;
}
