// SPDX-License-Identifier: GPL-2.0-only
/* Files and block devices: see image.h.  The page cache is used: it outlives a back end that is
 * killed, so what was acknowledged is there for its successor, and a flush puts it on the medium.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/wire.h"
#include "blkback/cow.h"
#include "blkback/image.h"
#include "blkback/nbd.h"
#include "blkback/request.h"

#define PAGE_BYTES 4096u
#define OVERLAY    "overlay:"
#define SERVER_MS  20000 /* to find a host, and to agree with it */

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

/* Partitions of a disk are one device to whom shares are given. */
static uint64_t whole_disk(dev_t device)
{
    char path[64];
    unsigned major, minor;
    /* The name is a link to the partition's folder, which is in its disk's; a disk's is not. */
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(device), minor(device));
    FILE *f = fopen(path, "re");
    if (!f)
        return device;
    if (fscanf(f, "%u:%u", &major, &minor) == 2)
        device = makedev(major, minor);
    fclose(f);
    return device;
}

static void begin(struct image *image, bool read_only)
{
    *image =
        (struct image){.fd = -1, .read_only = read_only, .physical_size = PAGE_BYTES, .base = -1};
}

/* ---- a server's */

/* What the connector says of it. */
static bool ask_server(struct image *image, const char **why)
{
    static struct nbd_answer answer; /* whose text is handed on */
    const struct nbd_question question = {.once = 1};
    struct pollfd link = {.fd = image->fd, .events = POLLIN};
    *why = "ask the server of";
    if (!wire_send(image->fd, &question, sizeof(question), NULL, 0))
        return false;
    int ready = poll(&link, 1, SERVER_MS);
    if (ready <= 0) {
        errno = ready < 0 ? errno : ETIMEDOUT;
        return false;
    }
    /* The connection is not used: it is the connector's to end. */
    if (wire_receive(image->fd, &answer, sizeof(answer), NULL, NULL) != sizeof(answer))
        return false;
    errno = answer.error;
    *why = answer.why;
    if (answer.error)
        return false;
    errno = EROFS;
    *why = "write to";
    if (!image->read_only && (answer.export.flags & NBD_FLAG_READ_ONLY))
        return false;
    errno = EOPNOTSUPP;
    *why = "use, since its server cannot flush,";
    if (!image->read_only && !(answer.export.flags & NBD_FLAG_SEND_FLUSH))
        return false;
    image->sectors = answer.export.bytes / SECTOR;
    image->discard = !image->read_only && (answer.export.flags & NBD_FLAG_SEND_TRIM);
    return true;
}

/* With a size it is taken as it was: its server may be away for a while. */
static bool open_server(struct image *image, const char *name, const char **why)
{
    static char text[128]; /* handed on */
    struct nbd_uri uri;
    if (!nbd_uri_parse(&uri, name, why)) {
        snprintf(text, sizeof(text), "understand (%s)", *why);
        *why = text;
        errno = EINVAL;
        return false;
    }
    image->is_nbd = true;
    /* Disks of one server compete. */
    image->device = (uint64_t)overlay_crc(overlay_crc(0, uri.host, sizeof(uri.host)), uri.socket,
                                          sizeof(uri.socket)) |
                    1ull << 63;
    *why = "start a process for";
    image->fd = nbd_connector(&uri, &image->connector);
    if (image->fd >= 0 && (image->sectors > 0 || ask_server(image, why)))
        return true;
    image_close(image);
    return false;
}

bool image_lives(struct image *image)
{
    if (!image->connector || waitpid(image->connector, NULL, WNOHANG) == 0)
        return true;
    image->connector = 0;
    return false;
}

bool image_resume(struct image *image, const char *path, bool read_only, uint64_t sectors,
                  bool discard, const char **why)
{
    if (!nbd_uri_is(path))
        return image_open(image, path, read_only, why);
    begin(image, read_only);
    image->sectors = sectors;
    image->discard = discard;
    return open_server(image, path, why);
}

/* ---- */

bool image_open(struct image *image, const char *path, bool read_only, const char **why)
{
    struct stat st;
    uint64_t bytes = 0;
    unsigned physical = 0;
    begin(image, read_only);
    if (nbd_uri_is(path))
        return open_server(image, path, why);
    bool is_overlay = strncmp(path, OVERLAY, strlen(OVERLAY)) == 0;
    path += is_overlay ? strlen(OVERLAY) : 0;
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
    image->device = whole_disk(image->block ? st.st_rdev : st.st_dev);
    if (image->block && ioctl(image->fd, BLKPBSZGET, &physical) == 0 && physical >= SECTOR)
        image->physical_size = physical;
    if (is_overlay) {
        if (!cow_open(image, why))
            goto fail;
        return true;
    }
    struct statfs fs;
    image->page_writes = image->block || (fstatfs(image->fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC);
    /* st_blocks counts 512 bytes each, whatever the file system. */
    image->no_holes = image->block || (uint64_t)st.st_blocks * SECTOR >= bytes;
    image->discard = can_punch(image, bytes);
    return true;
fail:
    image_close(image);
    return false;
}

void image_close(struct image *image)
{
    int saved = errno;
    if (image->overlay)
        cow_close(image);
    if (image->base >= 0)
        close(image->base);
    if (image->fd >= 0)
        close(image->fd);
    image->fd = image->base = -1;
    if (image->connector) {
        kill(image->connector, SIGKILL);
        waitpid(image->connector, NULL, 0);
    }
    image->connector = 0;
    errno = saved;
}

bool image_resized(struct image *image)
{
    uint64_t bytes;
    uint64_t was = image->sectors;
    if (!image->is_overlay && !image->is_nbd && size_of(image->fd, image->block, &bytes))
        image->sectors = bytes / SECTOR;
    return image->sectors != was;
}
