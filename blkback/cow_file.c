// SPDX-License-Identifier: GPL-2.0-only
/* Overlays as files: making, opening, and letting go.  See overlay.h for what stands where. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkback/cow.h"
#include "blkback/image.h"
#include "blkback/request.h"

#define SAMPLE   65536u
#define LIVE_RUN 4096u /* bytes of bits that are read at once */

static bool read_all(int fd, void *to, size_t len, uint64_t at)
{
    ssize_t got = pread(fd, to, len, (off_t)at);
    if (got >= 0 && (size_t)got < len)
        errno = EIO;
    return got == (ssize_t)len;
}

static bool write_all(int fd, const void *from, size_t len, uint64_t at)
{
    ssize_t put = pwrite(fd, from, len, (off_t)at);
    if (put >= 0 && (size_t)put < len)
        errno = ENOSPC;
    return put == (ssize_t)len;
}

/* ---- the base */

static bool describe(int fd, struct overlay_base *base)
{
    uint8_t sample[SAMPLE];
    struct stat st;
    memset(base, 0, sizeof(*base));
    if (fstat(fd, &st) != 0)
        return false;
    base->bytes = (uint64_t)st.st_size;
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(fd, BLKGETSIZE64, &base->bytes) != 0)
            return false;
    } else {
        base->mtime_s = st.st_mtim.tv_sec;
        base->mtime_ns = st.st_mtim.tv_nsec;
    }
    size_t len = base->bytes < SAMPLE ? base->bytes : SAMPLE;
    if (!read_all(fd, sample, len, 0))
        return false;
    base->sample = overlay_crc(0, sample, len);
    if (!read_all(fd, sample, len, base->bytes - len))
        return false;
    base->sample = overlay_crc(base->sample, sample, len);
    return true;
}

/* A base is raw: bases of bases would make each read a search. */
static bool is_overlay(int fd)
{
    struct overlay_header header;
    struct overlay probe;
    const char *why;
    bool good = read_all(fd, &header, sizeof(header), 0) && overlay_begin(&probe, &header, &why);
    if (good)
        overlay_end(&probe);
    return good;
}

/* ---- making one */

/* Space for all that is not data, a ten-thousandth of the disk: where the file system is full, what
 * was written before can still be flushed. */
static bool reserve(int fd, uint64_t bytes)
{
    errno = posix_fallocate(fd, 0, (off_t)bytes);
    return errno == 0;
}

bool overlay_create(const char *path, const char *base_path, uint64_t bytes, const char **why)
{
    struct overlay_header header;
    struct overlay_base base;
    struct overlay overlay;
    char whole[PATH_MAX];
    int fd = -1;
    bool made = false;
    *why = "cannot open the base";
    int base_fd = open(base_path, O_RDONLY | O_CLOEXEC);
    /* A name like /dev/vg/base stays; what it is a link to may be another one after a boot. */
    bool absolute = *base_path == '/';
    if (base_fd < 0 || (!absolute && !realpath(base_path, whole)))
        goto out;
    *why = "cannot read the base";
    if (!describe(base_fd, &base))
        goto out;
    errno = 0;
    *why = "the base is itself an overlay";
    if (is_overlay(base_fd))
        goto out;
    errno = 0;
    if (!overlay_make(&header, bytes ? bytes : base.bytes / SECTOR * SECTOR, &base,
                      absolute ? base_path : whole, why) ||
        !overlay_begin(&overlay, &header, why))
        goto out;
    *why = "cannot make the file";
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    made =
        fd >= 0 &&
        ftruncate(fd, (off_t)overlay_data_at(&overlay, overlay.nr_blocks * OVERLAY_BLOCK)) == 0 &&
        reserve(fd, overlay_data_at(&overlay, 0)) && write_all(fd, &header, sizeof(header), 0) &&
        fsync(fd) == 0;
    if (fd >= 0 && !made) {
        int saved = errno;
        unlink(path);
        errno = saved;
    }
    overlay_end(&overlay);
out:
    if (fd >= 0)
        close(fd);
    if (base_fd >= 0)
        close(base_fd);
    return made;
}

/* ---- opening */

static bool load_maps(int fd, struct overlay *overlay, const char **why)
{
    *why = "the overlay's maps cannot be read";
    for (unsigned i = 0; i < overlay->nr_maps; i++) {
        struct overlay_map copies[2];
        if (!read_all(fd, copies, sizeof(copies), overlay_map_at(overlay, i, 0)))
            return false;
        if (!overlay_load(overlay, i, copies)) {
            *why = "both copies of a map of the overlay are damaged";
            errno = EBADMSG;
            return false;
        }
    }
    return true;
}

static bool read_live(int fd, struct overlay *overlay)
{
    uint8_t bits[LIVE_RUN];
    uint64_t bytes = (overlay->nr_blocks + 7) / 8;
    for (uint64_t at = 0; at < bytes; at += sizeof(bits)) {
        uint64_t now = bytes - at < sizeof(bits) ? bytes - at : sizeof(bits);
        if (!read_all(fd, bits, now, overlay_live_bits_at(overlay, at)))
            return false;
        overlay_load_live(overlay, at, bits, now);
    }
    return true;
}

/* By zeroes, since the space behind a hole may be gone when it is needed. */
static bool clear_live(int fd, const struct overlay *overlay)
{
    static const uint8_t zeroes[LIVE_RUN];
    uint64_t bytes = (overlay->nr_blocks + 7) / 8;
    for (uint64_t at = 0; at < bytes; at += sizeof(zeroes)) {
        uint64_t now = bytes - at < sizeof(zeroes) ? bytes - at : sizeof(zeroes);
        if (!write_all(fd, zeroes, now, overlay_live_bits_at(overlay, at)))
            return false;
    }
    return true;
}

/* What another boot has left in live is made empty. */
static bool begin_live(struct image *image, const struct overlay *overlay, const char **why)
{
    char boot[OVERLAY_BOOT];
    char theirs[OVERLAY_BOOT];
    *why = "read the boot's name for";
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && read(file, boot, sizeof(boot)) == sizeof(boot);
    if (file >= 0)
        close(file);
    if (!good || !read_all(image->fd, theirs, sizeof(theirs), overlay_live_at(overlay)))
        return false;
    image->live = memcmp(boot, theirs, sizeof(boot)) == 0;
    if (image->live || image->read_only)
        return true;
    *why = "begin the live bits of";
    image->live = true;
    return clear_live(image->fd, overlay) &&
           write_all(image->fd, boot, sizeof(boot), overlay_live_at(overlay));
}

static bool open_base(struct image *image, const struct overlay_header *header, const char **why)
{
    struct overlay_base now;
    struct stat st;
    *why = "open the base of";
    if (stat(header->path, &st) != 0)
        return false;
    errno = ENOTBLK; /* opening may have effects, or wait */
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return false;
    image->base = open(header->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (image->base < 0 || fcntl(image->base, F_SETFL, 0) != 0)
        return false;
    *why = "read the base of";
    if (!describe(image->base, &now))
        return false;
    *why = "use, since its base is not what it was,";
    errno = ESTALE;
    if (memcmp(&now, &header->base, sizeof(now)) != 0)
        return false;
    image->base_bytes = now.bytes;
    return true;
}

bool cow_open(struct image *image, const char **why)
{
    struct overlay_header header;
    struct overlay overlay;
    struct stat st;
    *why = "read the header of";
    if (fstat(image->fd, &st) != 0 || !read_all(image->fd, &header, sizeof(header), 0))
        return false;
    errno = EBADMSG;
    if (!overlay_begin(&overlay, &header, why))
        return false;
    image->is_overlay = true;
    image->sectors = overlay.bytes / SECTOR;
    image->discard = !image->read_only;
    *why = "use, since it is shorter than its header says,";
    bool good =
        (uint64_t)st.st_size >= overlay_data_at(&overlay, overlay.nr_blocks * OVERLAY_BLOCK) &&
        begin_live(image, &overlay, why) && open_base(image, &header, why);
    overlay_end(&overlay);
    return good;
}

bool cow_load(struct image *image, const char **why)
{
    struct overlay_header header;
    if (!image->is_overlay)
        return true;
    *why = "the overlay's header cannot be read";
    /* What is read is what is on the medium: only so may the copy that is not valid be written. */
    if ((!image->read_only && fdatasync(image->fd) != 0) ||
        !read_all(image->fd, &header, sizeof(header), 0))
        return false;
    struct overlay *overlay = calloc(1, sizeof(*overlay));
    if (!overlay || !overlay_begin(overlay, &header, why)) {
        free(overlay);
        return false;
    }
    image->overlay = overlay;
    if (!load_maps(image->fd, overlay, why))
        return false;
    *why = "the overlay's live bits cannot be read";
    return !image->live || read_live(image->fd, overlay);
}

/* ---- letting go */

static bool write_maps(struct image *image)
{
    const struct overlay_map *map;
    uint64_t at;
    while ((map = overlay_next(image->overlay, &at))) {
        if (!write_all(image->fd, map, sizeof(*map), at))
            return false;
    }
    return fdatasync(image->fd) == 0;
}

bool cow_settle(struct image *image)
{
    if (image->read_only)
        return true;
    int taken = overlay_take(image->overlay);
    bool good = taken >= 0 && fdatasync(image->fd) == 0 && (taken == 0 || write_maps(image));
    if (good)
        overlay_taken(image->overlay);
    else
        overlay_failed(image->overlay);
    return good;
}

void cow_close(struct image *image)
{
    cow_settle(image);
    overlay_end(image->overlay);
    free(image->overlay);
    image->overlay = NULL;
}
