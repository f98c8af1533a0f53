// SPDX-License-Identifier: GPL-2.0-only
/* Unpacked kernels kept on disk: see cache.h.
 *
 * A kernel is written under a name of its own and renamed when it is whole, so that who reads finds
 * all of it or nothing, also when two programs write the same or one is killed.
 */
#include "build/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KEPT  4    /* kernels; each is some 50 MiB */
#define MARK  ".1" /* an empty file: this kernel was used once */
#define NEW   ".new"
#define HOLE  (8 * GUEST_PAGE) /* zeros worth a mapping of its own for what follows */
#define SPARE 2  /* of the folder's file system, times the kernel's size must be free */
#define MARKS 64 /* names in all, beyond which old ones go */

/* Only root, or who we are, can have written it. */
static bool ours(int fd, mode_t type, struct stat *st)
{
    return fstat(fd, st) == 0 && (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() &&
           (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void cache_open(struct kernel_cache *c, const char *folder, const struct stat *kernel)
{
    struct stat st;

    c->dir = -1;
    if (!folder)
        return;
    snprintf(c->name, sizeof(c->name), "%lx-%lx-%lx-%lx.%lx-%lx.%lx", (unsigned long)kernel->st_dev,
             (unsigned long)kernel->st_ino, (unsigned long)kernel->st_size,
             (unsigned long)kernel->st_mtim.tv_sec, (unsigned long)kernel->st_mtim.tv_nsec,
             (unsigned long)kernel->st_ctim.tv_sec, (unsigned long)kernel->st_ctim.tv_nsec);
    mkdir(folder, 0700);
    c->dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (c->dir >= 0 && !ours(c->dir, S_IFDIR, &st))
        cache_close(c);
}

void cache_close(struct kernel_cache *c)
{
    if (c->dir >= 0)
        close(c->dir);
    c->dir = -1;
}

int cache_find(const struct kernel_cache *c)
{
    struct stat st;
    int fd = c->dir < 0 ? -1 : openat(c->dir, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && !ours(fd, S_IFREG, &st)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool cache_wanted(const struct kernel_cache *c)
{
    char mark[sizeof(c->name) + sizeof(MARK)];
    int fd;

    if (c->dir < 0)
        return false;
    snprintf(mark, sizeof(mark), "%s" MARK, c->name);
    fd = openat(c->dir, mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST;
    close(fd);
    return false;
}

struct entry {
    char name[256];
    struct timespec used;
    bool whole; /* a kernel; else a mark, or what a killed program left */
};

static int newest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used,
                          *y = &((const struct entry *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

/* Removes all but the newest. */
static void prune(const struct kernel_cache *c)
{
    struct entry *list = calloc(MARKS, sizeof(*list));
    int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    unsigned nr = 0, kept = 0;
    struct dirent *d;
    struct stat st;

    if (!dir && fd >= 0)
        close(fd);
    while (list && dir && nr < MARKS && (d = readdir(dir))) {
        if (d->d_name[0] == '.' || fstatat(c->dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        snprintf(list[nr].name, sizeof(list[nr].name), "%s", d->d_name);
        list[nr].used = st.st_atim;
        list[nr++].whole = !strstr(d->d_name, MARK) && !strstr(d->d_name, NEW);
    }
    if (nr)
        qsort(list, nr, sizeof(*list), newest_first);
    for (unsigned i = 0; i < nr; i++)
        if (list[i].whole ? ++kept > KEPT : nr == MARKS)
            unlinkat(c->dir, list[i].name, 0);
    if (dir)
        closedir(dir);
    free(list);
}

unsigned cache_data(int fd, struct extent *data, unsigned max)
{
    off_t end = lseek(fd, 0, SEEK_END), start = 0;
    unsigned nr = 0;

    while (start < end && nr < max) {
        off_t from = lseek(fd, start, SEEK_DATA);
        off_t to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);

        if (from < 0 && errno == ENXIO)
            return nr; /* zeros up to the end */
        if (to < 0 || nr == max - 1) {
            from = from < 0 ? start : from;
            to = end;
        }
        data[nr++] = (struct extent){(uint64_t)from, (uint64_t)to};
        start = to;
    }
    return nr;
}

static bool write_all(int fd, const char *data, uint64_t len, uint64_t at)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        at += (uint64_t)n;
        len -= (uint64_t)n;
    }
    return true;
}

/* Where the first stretch of HOLE zeros from @at on begins, all in multiples of it. */
static uint64_t next_hole(const char *data, uint64_t len, uint64_t at)
{
    static const char zeros[HOLE];

    while (at < len && (len - at < HOLE || memcmp(data + at, zeros, HOLE) != 0))
        at += HOLE;
    return at < len ? at : len;
}

/* Leaves out stretches of zeros: they take no room, and who maps the file knows of them. */
static bool write_sparse(int fd, const char *data, uint64_t len)
{
    static const char zeros[HOLE];

    for (uint64_t at = 0; at < len;) {
        uint64_t hole = next_hole(data, len, at);

        if (!write_all(fd, data + at, hole - at, at))
            return false;
        for (at = hole; len - at >= HOLE && memcmp(data + at, zeros, HOLE) == 0;)
            at += HOLE;
    }
    return ftruncate(fd, (off_t)len) == 0;
}

void cache_keep(const struct kernel_cache *c, const void *elf, uint64_t len)
{
    char name[sizeof(c->name) + sizeof(NEW) + 12];
    struct statvfs room;
    bool whole;
    int fd;

    if (c->dir < 0 || fstatvfs(c->dir, &room) != 0 ||
        (uint64_t)room.f_bavail * room.f_frsize < SPARE * len)
        return;
    snprintf(name, sizeof(name), "%s" NEW "%d", c->name, (int)getpid());
    unlinkat(c->dir, name, 0);
    fd = openat(c->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    whole = write_sparse(fd, elf, len);
    whole = close(fd) == 0 && whole;
    if (!whole || renameat(c->dir, name, c->dir, c->name) != 0)
        unlinkat(c->dir, name, 0);
    else
        prune(c);
}
