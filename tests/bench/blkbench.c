/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Works a guest's disk past its page cache, between the two marks at which hvprofile.c counts:
 *
 *     blkbench DEVICE [ROW...]
 *
 * Each row keeps so many requests of one size under way, at places by chance (the same in every
 * run) or one behind the other, by the kernel's asynchronous I/O.  What goes ahead unmeasured has
 * been everywhere on the disk, the same way.  Prints "BLK <row> <requests>" for each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISK      (32L << 20)
#define MAX_DEPTH 32

static const struct row {
    const char *name;
    int write;
    int by_chance;
    long bytes;
    unsigned depth;
    long requests;
} rows[] = {
    {"read-4k-1", 0, 1, 4096, 1, 2000},       {"write-4k-1", 1, 1, 4096, 1, 2000},
    {"read-4k-8", 0, 1, 4096, 8, 4000},       {"write-4k-8", 1, 1, 4096, 8, 4000},
    {"read-4k-32", 0, 1, 4096, 32, 8000},     {"write-4k-32", 1, 1, 4096, 32, 8000},
    {"read-64k-seq-8", 0, 0, 65536, 8, 1000}, {"write-64k-seq-8", 1, 0, 65536, 8, 1000},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static char *buffer;
static int disk;
static aio_context_t context;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static long place(const struct row *row, long n)
{
    static uint64_t state = 1;

    if (!row->by_chance)
        return n * row->bytes % DISK;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (long)(state >> 33) % (DISK / row->bytes) * row->bytes;
}

/* As many as are back are sent again at once, together. */
static void work(const struct row *row, long requests)
{
    static struct iocb blocks[MAX_DEPTH];
    struct iocb *sent[MAX_DEPTH];
    struct io_event back[MAX_DEPTH];
    long begun = 0, done = 0;
    long nr = row->depth;

    for (long i = 0; i < nr; i++)
        sent[i] = &blocks[i];
    while (done < requests) {
        nr = nr < requests - begun ? nr : requests - begun;
        for (long i = 0; i < nr; i++) {
            struct iocb *b = sent[i];

            *b = (struct iocb){.aio_data = (uintptr_t)b,
                               .aio_lio_opcode = row->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
                               .aio_fildes = (uint32_t)disk,
                               .aio_buf = (uintptr_t)(buffer + (b - blocks) * row->bytes),
                               .aio_nbytes = (uint64_t)row->bytes,
                               .aio_offset = place(row, begun++)};
        }
        if (nr > 0 && syscall(SYS_io_submit, context, nr, sent) != nr)
            die("io_submit");
        nr = syscall(SYS_io_getevents, context, 1L, (long)MAX_DEPTH, back, NULL);
        if (nr <= 0)
            die("io_getevents");
        for (long i = 0; i < nr; i++) {
            if (back[i].res != row->bytes)
                die("transfer");
            sent[i] = (struct iocb *)(uintptr_t)back[i].data;
        }
        done += nr;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    disk = open(argv[1], O_RDWR | O_DIRECT);
    buffer = aligned_alloc(4096, MAX_DEPTH * 65536);
    if (disk < 0 || !buffer || syscall(SYS_io_setup, MAX_DEPTH, &context))
        die(argv[1]);
    memset(buffer, 0x5a, MAX_DEPTH * 65536);
    for (const struct row *row = rows; row < rows + ROWS; row++) {
        int wanted = argc == 2;

        for (int i = 2; i < argc; i++)
            wanted |= !strcmp(argv[i], row->name);
        if (!wanted)
            continue;
        const struct row all = {"all", row->write, 0, 65536, 8, DISK / 65536};

        work(&all, 2 * all.requests);
        work(row, row->requests / 8);
        __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
        work(row, row->requests);
        __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
        printf("BLK %s %ld\n", row->name, row->requests);
        fflush(stdout);
    }
    printf("blkbench: done\n");
    return 0;
}
