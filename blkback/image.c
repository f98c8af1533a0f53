// SPDX-License-Identifier: GPL-2.0-only
/* Files and block devices: see image.h.  The page cache is used: it outlives a back end that is
 * killed, so what was acknowledged is there for its successor, and a flush puts it on the medium.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkback/image.h"
#include "blkback/request.h"

#define PAGE_BYTES 4096u

static bool size_of(int fd, bool block, uint64_t *bytes)
{
    struct stat st;
    if (block)
        return ioctl(fd, BLKGETSIZE64, bytes) == 0;
    if (fstat(fd, &st) != 0)
        return false;
    *bytes = (uint64_t)st.st_size;
    return true;
}

/* Tried where nothing is: a hole behind the end of a file changes nothing. */
static bool can_punch(const struct image *image, uint64_t bytes)
{
    return !image->read_only &&
           (image->block || fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      (off_t)(bytes + PAGE_BYTES), PAGE_BYTES) == 0);
}

bool image_open(struct image *image, const char *path, bool read_only, const char **why)
{
    struct stat st;
    uint64_t bytes = 0;
    unsigned physical = 0;
    *image = (struct image){.read_only = read_only, .physical_size = PAGE_BYTES};
    *why = "open";
    image->fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (image->fd < 0)
        return false;
    *why = "use";
    /* A pipe must not hold us at its opening; but io_uring gives up where it would wait for a file
     * of this kind. */
    if (fcntl(image->fd, F_SETFL, 0) != 0 || fstat(image->fd, &st) != 0)
        goto fail;
    image->block = S_ISBLK(st.st_mode);
    if (!image->block && !S_ISREG(st.st_mode)) {
        errno = ENOTBLK;
        goto fail;
    }
    *why = "find the size of";
    if (!size_of(image->fd, image->block, &bytes))
        goto fail;
    image->sectors = bytes / SECTOR;
    image->device = image->block ? st.st_rdev : st.st_dev;
    if (image->block && ioctl(image->fd, BLKPBSZGET, &physical) == 0 && physical >= SECTOR)
        image->physical_size = physical;
    image->discard = can_punch(image, bytes);
    return true;
fail:
    image_close(image);
    return false;
}

void image_close(struct image *image)
{
    int saved = errno;
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
    errno = saved;
}

bool image_resized(struct image *image)
{
    uint64_t bytes;
    uint64_t was = image->sectors;
    if (size_of(image->fd, image->block, &bytes))
        image->sectors = bytes / SECTOR;
    return image->sectors != was;
}
