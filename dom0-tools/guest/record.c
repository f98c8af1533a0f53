// SPDX-License-Identifier: GPL-2.0-only
/* Records of guests as files, made and locked in this order: whoever makes, opens or removes one
 * holds the lock of the folder for that moment, so a file without its lock is never seen by chance.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/record.h"

#define HEADER_FORMAT "domain %05u\n" /* replaced by one write */
#define HEADER_LEN    13
#define RECORD_LIMIT  (1 << 22) /* bytes; a configuration has at most a quarter of it */

static const char *const folders[] = {
    [RECORD_MAKING] = "making", [RECORD_LIVE] = "guests", [RECORD_AGAIN] = "again"};
#define NR_FOLDERS (sizeof(folders) / sizeof(*folders))

/* Where a record is, below the folder. */
#define RECORD_PATH (8 + UUID_TEXT)

static void record_path(char path[RECORD_PATH], enum record_state state, const uint8_t uuid[16])
{
    char text[UUID_TEXT];

    uuid_text(uuid, text);
    snprintf(path, RECORD_PATH, "%s/%s", folders[state], text);
}

static int failed(struct problem *why, const char *what)
{
    return problem_set(why, errno, "See that /run can be written by root", "%s %s", what,
                       RECORD_FOLDER);
}

void records_folders(void)
{
    char path[sizeof(RECORD_FOLDER) + 16];

    mkdir(RECORD_FOLDER, 0700);
    for (unsigned i = 0; i < NR_FOLDERS; i++) {
        snprintf(path, sizeof(path), RECORD_FOLDER "/%s", folders[i]);
        mkdir(path, 0700);
    }
}

/* The folder, with its lock; -1 on failure.  close() gives the lock back. */
static int lock_folder(struct problem *why)
{
    int fd = open(RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        records_folders();
        fd = open(RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return failed(why, "cannot open");
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            close(fd);
            return failed(why, "cannot lock");
        }
    return fd;
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int record_set_domain(struct record *r, unsigned domid, struct problem *why)
{
    char header[HEADER_LEN + 8], path[40];
    int fd;
    ssize_t n;

    snprintf(header, sizeof(header), HEADER_FORMAT, domid % 100000);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd); /* which may be for reading only */
    fd = open(path, O_WRONLY | O_CLOEXEC);
    n = fd >= 0 ? pwrite(fd, header, HEADER_LEN, 0) : -1;
    if (fd >= 0)
        close(fd);
    if (n != HEADER_LEN)
        return failed(why, "cannot write to");
    r->domid = domid;
    return 0;
}

int record_set_state(struct record *r, enum record_state state, struct problem *why)
{
    char from[RECORD_PATH], to[RECORD_PATH];
    int folder, error;

    if (r->state == state)
        return 0;
    if ((folder = lock_folder(why)) < 0)
        return -1;
    record_path(from, r->state, r->uuid);
    record_path(to, state, r->uuid);
    error = renameat(folder, from, folder, to) == 0 ? 0 : errno;
    close(folder);
    errno = error;
    if (error)
        return failed(why, "cannot write to");
    r->state = state;
    return 0;
}

/* With the folder's lock. */
static int make_file(struct record *r, int folder, const char *text, struct problem *why)
{
    char path[RECORD_PATH];
    struct stat st;

    for (unsigned i = 0; i < NR_FOLDERS; i++) {
        record_path(path, (enum record_state)i, r->uuid);
        if (fstatat(folder, path, &st, 0) == 0)
            return problem_set(why, EEXIST, "Give it another uuid, or none",
                               "a guest with the uuid %s exists", strchr(path, '/') + 1);
    }
    record_path(path, RECORD_MAKING, r->uuid);
    r->fd = openat(folder, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (r->fd < 0 && errno == ENOENT) { /* a back end was the first who made RECORD_FOLDER */
        records_folders();
        r->fd = openat(folder, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (r->fd >= 0 && flock(r->fd, LOCK_EX) == 0 && record_set_domain(r, 0, NULL) == 0 &&
        lseek(r->fd, HEADER_LEN, SEEK_SET) >= 0 && write_all(r->fd, text, strlen(text)) == 0)
        return 0;
    failed(why, "cannot write to");
    unlinkat(folder, path, 0);
    record_close(r);
    return -1;
}

int record_make(struct record *r, const uint8_t uuid[16], const char *text, struct problem *why)
{
    int folder = lock_folder(why);
    int status;

    *r = (struct record){.fd = -1, .state = RECORD_MAKING};
    if (folder < 0)
        return -1;
    memcpy(r->uuid, uuid, sizeof(r->uuid));
    status = make_file(r, folder, text, why);
    close(folder);
    return status;
}

static void open_file(struct record *r, int folder, int mode)
{
    char path[RECORD_PATH], header[HEADER_LEN + 1] = "";

    for (unsigned i = 0; i < NR_FOLDERS && r->fd < 0; i++) {
        r->state = (enum record_state)i;
        record_path(path, r->state, r->uuid);
        r->fd = openat(folder, path, mode | O_CLOEXEC);
    }
    /* None in a file whose writer was killed before its first line. */
    if (r->fd >= 0 && pread(r->fd, header, HEADER_LEN, 0) == HEADER_LEN &&
        strncmp(header, HEADER_FORMAT, 7) == 0)
        r->domid = (unsigned)strtoul(header + 7, NULL, 10);
}

int record_open(struct record *r, const uint8_t uuid[16], unsigned how, struct problem *why)
{
    for (;;) {
        int folder = lock_folder(why);

        *r = (struct record){.fd = -1};
        if (folder < 0)
            return -1;
        memcpy(r->uuid, uuid, sizeof(r->uuid));
        open_file(r, folder, how & RECORD_ACT ? O_RDWR : O_RDONLY);
        if (r->fd < 0 || flock(r->fd, LOCK_EX | LOCK_NB) == 0) {
            close(folder);
            return r->fd >= 0;
        }
        close(folder);
        if (!(how & RECORD_WAIT)) {
            record_close(r);
            return 0;
        }
        /* Then look again: what it says, and where it is, may be different. */
        flock(r->fd, LOCK_EX);
        record_close(r);
    }
}

int record_find(const uint8_t uuid[16])
{
    int folder = lock_folder(NULL); /* or it could move between two looks */
    char path[RECORD_PATH];
    int state = -1;

    for (unsigned i = 0; folder >= 0 && i < NR_FOLDERS && state < 0; i++) {
        record_path(path, (enum record_state)i, uuid);
        if (faccessat(folder, path, F_OK, 0) == 0)
            state = (int)i;
    }
    if (folder >= 0)
        close(folder);
    return state;
}

char *record_text(const struct record *r, struct problem *why)
{
    struct stat st;
    size_t len, done = 0;
    char *text;

    if (fstat(r->fd, &st) != 0)
        st.st_size = 0;
    len =
        st.st_size > HEADER_LEN && st.st_size < RECORD_LIMIT ? (size_t)st.st_size - HEADER_LEN : 0;
    text = calloc(1, len + 1);
    while (text && done < len) {
        ssize_t n = pread(r->fd, text + done, len - done, (off_t)(HEADER_LEN + done));

        if (n <= 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (!text || done < len) {
        free(text);
        failed(why, "cannot read from");
        return NULL;
    }
    return text;
}

/* A new file, written and locked before it gets the name: who waits for the old one's lock looks
 * again. */
static int write_new(const struct record *r, const struct timespec *made, const char *path,
                     const char *text, int folder)
{
    static const char temporary[] = "text.new"; /* one at a time, by the folder's lock */
    const struct timespec times[] = {*made, *made};
    struct record new = {.domid = r->domid};

    new.fd = openat(folder, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (new.fd >= 0 && flock(new.fd, LOCK_EX) == 0 &&
        record_set_domain(&new, r->domid, NULL) == 0 && lseek(new.fd, HEADER_LEN, SEEK_SET) >= 0 &&
        write_all(new.fd, text, strlen(text)) == 0 && futimens(new.fd, times) == 0 &&
        renameat(folder, temporary, folder, path) == 0)
        return new.fd;
    record_close(&new);
    return -1;
}

int record_set_text(struct record *r, const char *text, struct problem *why)
{
    char path[RECORD_PATH];
    int folder = lock_folder(why), fd;
    struct stat st;

    if (folder < 0)
        return -1;
    record_path(path, r->state, r->uuid);
    fd = fstat(r->fd, &st) == 0 ? write_new(r, &st.st_mtim, path, text, folder) : -1;
    if (fd < 0)
        failed(why, "cannot write to");
    close(folder);
    if (fd < 0)
        return -1;
    close(r->fd);
    r->fd = fd;
    return 0;
}

void record_close(struct record *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

void record_remove(struct record *r)
{
    char path[RECORD_PATH];
    int folder;

    if (r->fd < 0)
        return;
    folder = open(RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    record_path(path, r->state, r->uuid);
    unlinkat(folder, path, 0); /* while the lock is held: nobody is looking at it */
    close(folder);
    record_close(r);
}

int records_list(enum record_state state, uint8_t (**uuids)[16], struct problem *why)
{
    char path[sizeof(RECORD_FOLDER) + 16];
    DIR *folder;
    const struct dirent *entry;
    uint8_t uuid[16];
    int nr = 0;

    *uuids = NULL;
    snprintf(path, sizeof(path), RECORD_FOLDER "/%s", folders[state]);
    folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? 0 : failed(why, "cannot read");
    while ((entry = readdir(folder))) {
        uint8_t(*more)[16];

        if (!uuid_parse(entry->d_name, uuid))
            continue;
        more = realloc(*uuids, (size_t)(nr + 1) * sizeof(uuid));
        if (!more) {
            free(*uuids);
            *uuids = NULL;
            nr = failed(why, "no memory to read");
            break;
        }
        *uuids = more;
        memcpy((*uuids)[nr++], uuid, sizeof(uuid));
    }
    closedir(folder);
    return nr;
}

bool records_any(void)
{
    int nr = 0;

    for (unsigned i = 0; i < NR_FOLDERS && nr <= 0; i++) {
        uint8_t(*uuids)[16];

        nr = records_list((enum record_state)i, &uuids, NULL);
        free(uuids);
    }
    return nr > 0;
}

/* One that is locked by somebody can be read all the same: its text is replaced as a whole. */
static bool mentions(enum record_state state, const uint8_t uuid[16], int folder, const char *text)
{
    char path[RECORD_PATH];
    struct record r = {.state = state};
    char *has;
    bool found;

    record_path(path, state, uuid);
    r.fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return errno != ENOENT;
    has = record_text(&r, NULL);
    found = !has || strstr(has, text);
    free(has);
    record_close(&r);
    return found;
}

bool records_mention(const char *text)
{
    int folder = lock_folder(NULL); /* so that none is moved from one state to another meanwhile */
    bool found = folder < 0;

    for (unsigned state = 0; state < NR_FOLDERS && !found; state++) {
        uint8_t(*uuids)[16];
        int nr = records_list((enum record_state)state, &uuids, NULL);

        found = nr < 0;
        for (int i = 0; i < nr && !found; i++)
            found = mentions((enum record_state)state, uuids[i], folder, text);
        free(uuids);
    }
    if (folder >= 0)
        close(folder);
    return found;
}
