/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that works its disk past the page cache and says what it got (tests/system/fairness.sh):
 *
 *     fairio DEVICE read DEPTH SECONDS    so many reads of 4 KiB under way, at places by chance
 *     fairio DEVICE sync NUMBER SECONDS   so many processes that each write 4 KiB and wait for the
 * medium
 *
 *     fairio DEVICE part NUMBER MIB       gives the kernel a partition of this size, one behind the
 * other
 *
 * "FAIR up" when it begins, "FAIR second N COUNT" for each second N of the clock that all guests
 * have in common, and at the end "FAIR latency P50 P99 WORST" in microseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES     4096
#define MAX_DEPTH 64
#define SAMPLES   400000

static int disk;
static long nr_blocks, end_us, *count; /* count is shared among processes */
static uint32_t samples[SAMPLES];
static unsigned nr_samples;

static long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static off_t place(void)
{
    static uint64_t state;

    if (!state)
        state = (uint64_t)now_us() * 2 + 1 + (uint64_t)getpid();
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (off_t)((long)(state >> 33) % nr_blocks) * BYTES;
}

/* Says what was done in the seconds that are over. */
static void tell(void)
{
    static long second, before;
    long now = now_us() / 1000000, sum = __atomic_load_n(count, __ATOMIC_RELAXED);

    if (now == second)
        return;
    if (second)
        printf("FAIR second %ld %ld\n", second, sum - before);
    fflush(stdout);
    second = now;
    before = sum;
}

static void send(aio_context_t context, struct iocb *b, char *buffer)
{
    *b = (struct iocb){.aio_data = (uint64_t)now_us(),
                       .aio_lio_opcode = IOCB_CMD_PREAD,
                       .aio_fildes = (uint32_t)disk,
                       .aio_buf = (uintptr_t)buffer,
                       .aio_nbytes = BYTES,
                       .aio_offset = place()};
    if (syscall(SYS_io_submit, context, 1L, &b) != 1)
        die("io_submit");
}

static void work_reads(unsigned depth)
{
    static struct iocb blocks[MAX_DEPTH];
    struct io_event back[MAX_DEPTH];
    char *buffer = aligned_alloc(4096, MAX_DEPTH * BYTES);
    aio_context_t context = 0;

    if (!buffer || syscall(SYS_io_setup, MAX_DEPTH, &context))
        die("io_setup");
    for (unsigned i = 0; i < depth; i++)
        send(context, &blocks[i], buffer + i * BYTES);
    while (now_us() < end_us) {
        long nr = syscall(SYS_io_getevents, context, 1L, (long)MAX_DEPTH, back, NULL);

        for (long i = 0; i < nr; i++) {
            struct iocb *b = (struct iocb *)(uintptr_t)back[i].obj;

            if (back[i].res != BYTES)
                die("read");
            if (nr_samples < SAMPLES)
                samples[nr_samples++] = (uint32_t)(now_us() - (long)back[i].data);
            ++*count;
            send(context, b, buffer + (b - blocks) * BYTES);
        }
        tell();
    }
}

static void work_syncs(unsigned nr)
{
    char *buffer = aligned_alloc(4096, BYTES);

    memset(buffer, 0x5a, BYTES);
    for (unsigned i = 0; i < nr; i++) {
        if (fork() != 0)
            continue;
        while (now_us() < end_us) {
            if (pwrite(disk, buffer, BYTES, place()) != BYTES || fdatasync(disk) != 0)
                die("write");
            __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
        }
        _exit(0);
    }
    while (now_us() < end_us) {
        usleep(100000);
        tell();
    }
    while (wait(NULL) > 0)
        ;
}

static int add_partition(int number, long mib)
{
    struct blkpg_partition part = {
        .pno = number, .start = ((number - 1) * mib + 1) << 20, .length = mib << 20};
    struct blkpg_ioctl_arg arg = {
        .op = BLKPG_ADD_PARTITION, .datalen = sizeof(part), .data = &part};

    return ioctl(disk, BLKPG, &arg);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    uint64_t bytes = 0;
    unsigned nr;

    if (argc != 5 || (nr = (unsigned)atoi(argv[3])) < 1 || nr > MAX_DEPTH)
        return 2;
    disk = open(argv[1], O_RDWR | O_DIRECT);
    count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (disk < 0 || ioctl(disk, BLKGETSIZE64, &bytes) != 0 || count == MAP_FAILED)
        die(argv[1]);
    nr_blocks = (long)(bytes / BYTES);
    if (strcmp(argv[2], "part") == 0) {
        if (add_partition((int)nr, atol(argv[4])) != 0)
            die("BLKPG");
        return 0;
    }
    puts("FAIR up");
    fflush(stdout);
    end_us = now_us() + atol(argv[4]) * 1000000;
    if (strcmp(argv[2], "read") == 0)
        work_reads(nr);
    else
        work_syncs(nr);
    if (nr_samples) {
        qsort(samples, nr_samples, sizeof(*samples), by_size);
        printf("FAIR latency %u %u %u\n", samples[nr_samples / 2], samples[nr_samples * 99L / 100],
               samples[nr_samples - 1]);
    }
    return 0;
}
