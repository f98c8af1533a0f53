// SPDX-License-Identifier: GPL-2.0-only
/* What network cards of ours have done: netback's file for each network.  They are read while they
 * are written; each number by itself is whole. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netback/counts.h"
#include "pavis/sample.h"

#define NETBACK_FOLDER "/run/pavis/netback"

static void add_card(struct sample *s, const struct counts *c)
{
    struct nic_sample *n = sample_add_nic(s, c->guest, c->device, "netback");

    if (!n)
        return;
    n->tx_packets = c->tx_packets;
    n->tx_bytes = c->tx_bytes;
    n->tx_dropped = c->malformed;
    for (unsigned i = DROP_NOT + 1; i < NR_DROPS; i++)
        n->tx_dropped += c->dropped[i];
    n->rx_packets = c->rx_packets;
    n->rx_bytes = c->rx_bytes;
    n->rx_dropped = c->rx_full;
}

/* A copy of the file, if it is one of this layout. */
static bool load(int folder, const char *name, struct counts_file *file)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && read(fd, file, sizeof(*file)) == sizeof(*file) &&
                file->magic == COUNTS_MAGIC && file->size == sizeof(*file);

    if (fd >= 0)
        close(fd);
    return good;
}

void sample_cards(struct sample *s)
{
    DIR *folder = opendir(NETBACK_FOLDER);
    struct counts_file *file = malloc(sizeof(*file));
    const struct dirent *entry;

    while (folder && file && (entry = readdir(folder))) {
        const char *end = strrchr(entry->d_name, '.');

        if (!end || strcmp(end, COUNTS_SUFFIX) != 0 || !load(dirfd(folder), entry->d_name, file))
            continue;
        for (unsigned i = 0; i < COUNTS_CARDS; i++)
            if (file->card[i].used && file->card[i].guest != 0) /* 0: the uplink */
                add_card(s, &file->card[i]);
    }
    free(file);
    if (folder)
        closedir(folder);
}
