// SPDX-License-Identifier: GPL-2.0-only
/* Keeps ramdisks: see keep.h.  A guest that reboots is made again by another process, which reads
 * the file then; equal ones are kept once.  Who keeps one removes those that no guest has any more.
 */
#include "run/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "guest/record.h"

#define FOLDER  "/var/cache/pavis-run" /* beside the builder's, which it keeps small */
#define YOUNG_S 600                    /* its guest may not have a record yet */

static uint64_t fingerprint(const uint8_t *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 1099511628211ull;
    return hash;
}

static int copy(int from, const char *path, off_t len)
{
    char part[96];
    off_t done = 0;
    int to;

    snprintf(part, sizeof(part), FOLDER "/part-%d", (int)getpid());
    to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return -1;
    while (done < len)
        if (sendfile(to, from, &done, (size_t)(len - done)) <= 0)
            break;
    if (done < len || fsync(to) != 0 || rename(part, path) != 0) {
        close(to);
        unlink(part);
        return -1;
    }
    close(to);
    return 0;
}

static void remove_unused(void)
{
    time_t now = time(NULL);
    struct stat st;
    glob_t all;

    if (glob(FOLDER "/*", 0, NULL, &all) != 0)
        return;
    for (size_t i = 0; i < all.gl_pathc; i++)
        if (stat(all.gl_pathv[i], &st) == 0 && (st.st_mtime > now || st.st_mtime + YOUNG_S < now) &&
            !records_mention(all.gl_pathv[i]))
            unlink(all.gl_pathv[i]);
    globfree(&all);
}

int ramdisk_keep(int fd, char *path, size_t size, struct problem *why)
{
    struct stat st;
    void *bytes = fstat(fd, &st) == 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0)
                                      : MAP_FAILED;

    if (bytes == MAP_FAILED)
        return problem_set(why, errno, NULL, "cannot read the guest's first file system");
    mkdir("/var/cache", 0755);
    mkdir(FOLDER, 0755);
    remove_unused();
    snprintf(path, size, FOLDER "/ramdisk-%016llx.cpio",
             (unsigned long long)fingerprint(bytes, (size_t)st.st_size));
    munmap(bytes, (size_t)st.st_size);
    if (utimes(path, NULL) == 0 || copy(fd, path, st.st_size) == 0)
        return 0;
    return problem_set(why, errno, "Make room in " FOLDER, "cannot write %s", path);
}
