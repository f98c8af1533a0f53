/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves data between two programs of different domains, between the marks at which hvprofile.c
 * counts:
 *
 *     netbench serve                      answers on TCP and UDP port PORT, until it is killed
 *     netbench DOM0 GUEST [ROW...]        the rows against the servers at these two addresses
 *
 * A row counts from idle to idle, on a connection that has moved some data before: the receiver
 * says that it has everything before the second mark.  It looks at what it got, every word of it,
 * after that mark, so that looking is no part of the figure; a wrong word ends the program.  Prints
 * "NET <row> <bytes or round trips>" for each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT     7200
#define PIECE    65536L
#define MEASURED (16L << 20)
#define AHEAD    (8L << 20)
#define TRIPS    1000L
#define TRIP     64 /* bytes each way */
#define TRIES    100

/* What a client asks for: to take so many bytes, to send them, to look at what was taken.  The
 * answer to TAKE and LOOK is one word. */
enum what { TAKE, SEND, LOOK };
struct order {
    uint32_t what;
    uint32_t seed;
    int64_t bytes;
};

static const struct row {
    const char *name;
    enum { OUT, IN, ROUND } way;
    int guest; /* with the other guest, not with dom0 */
} rows[] = {
    {"tcp-guest-dom0", OUT, 0},
    {"tcp-dom0-guest", IN, 0},
    {"tcp-guest-guest", OUT, 1},
    {"udp-round-trip", ROUND, 0},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint64_t *data; /* of one transfer: what is sent, or what came */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* No two words of all transfers of a run are likely to be the same. */
static uint64_t word(uint32_t seed, long n)
{
    uint64_t x = ((uint64_t)seed << 32) + (uint64_t)n + 1;

    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

static void make(uint32_t seed, long bytes)
{
    for (long i = 0; i < bytes / 8; i++)
        data[i] = word(seed, i);
}

/* The place of the first wrong word, or -1. */
static int64_t look(uint32_t seed, long bytes)
{
    for (long i = 0; i < bytes / 8; i++) {
        if (data[i] != word(seed, i))
            return i;
    }
    return -1;
}

static void put(int fd, const void *from, long bytes)
{
    for (long done = 0, n; done < bytes; done += n) {
        n = write(fd, (const char *)from + done, bytes - done < PIECE ? bytes - done : PIECE);
        if (n <= 0)
            die("write");
    }
}

static int get(int fd, void *to, long bytes)
{
    for (long done = 0, n; done < bytes; done += n) {
        n = read(fd, (char *)to + done, bytes - done < PIECE ? bytes - done : PIECE);
        if (n < 0)
            die("read");
        if (n == 0)
            return 0;
    }
    return 1;
}

static int64_t ask(int fd, enum what what, uint32_t seed, int64_t bytes)
{
    struct order order = {what, seed, bytes};
    int64_t answer = 0;

    put(fd, &order, sizeof(order));
    if (what != SEND && !get(fd, &answer, sizeof(answer)))
        die("answer");
    return answer;
}

/* ---- the other side */

static void serve_tcp(int fd)
{
    struct order o;

    while (get(fd, &o, sizeof(o))) {
        int64_t answer = o.bytes;

        if (o.what == TAKE) {
            memset(data, 0, MEASURED);
            put(fd, &answer, sizeof(answer)); /* ready */
            if (!get(fd, data, o.bytes))
                return;
        } else if (o.what == SEND) {
            make(o.seed, o.bytes);
            put(fd, &answer, sizeof(answer)); /* ready */
            if (!get(fd, &answer, sizeof(answer)))
                return;
            put(fd, data, o.bytes);
            continue;
        } else {
            answer = look(o.seed, o.bytes);
        }
        put(fd, &answer, sizeof(answer));
    }
}

static int listener(int type)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, type, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
        (type == SOCK_STREAM && listen(fd, 8)))
        die("server");
    return fd;
}

static void serve(void)
{
    int tcp = listener(SOCK_STREAM), udp = listener(SOCK_DGRAM);

    signal(SIGCHLD, SIG_IGN);
    if (fork() == 0) {
        struct sockaddr_in from;
        char message[2 * TRIP];

        for (;;) {
            socklen_t len = sizeof(from);
            ssize_t n = recvfrom(udp, message, sizeof(message), 0, (struct sockaddr *)&from, &len);

            if (n > 0)
                sendto(udp, message, (size_t)n, 0, (struct sockaddr *)&from, len);
        }
    }
    for (;;) {
        int fd = accept(tcp, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            serve_tcp(fd);
            exit(0);
        }
        close(fd);
    }
}

/* ---- this side */

static int connect_to(const char *address, int type)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    if (!inet_aton(address, &to.sin_addr))
        die(address);
    for (int i = 0; i < TRIES; i++) {
        int fd = socket(AF_INET, type, 0);

        if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to)))
            return fd;
        close(fd);
        usleep(200000);
    }
    die(address);
    return -1;
}

static void mark(int end)
{
    if (end)
        __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
    else
        __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
}

/* What the last transfer has left to do (late answers, timers) is done. */
static void settle(void)
{
    usleep(300000);
}

static void send_data(int fd, uint32_t seed, long bytes, int measured)
{
    int64_t answer;

    make(seed, bytes);
    ask(fd, TAKE, seed, bytes);
    settle();
    if (measured)
        mark(0);
    put(fd, data, bytes);
    if (!get(fd, &answer, sizeof(answer)) || answer != bytes)
        die("taken");
    if (measured)
        mark(1);
    if (ask(fd, LOOK, seed, bytes) != -1)
        die("the other side got something else");
}

static void receive_data(int fd, uint32_t seed, long bytes, int measured)
{
    int64_t answer = 0;

    memset(data, 0, MEASURED);
    ask(fd, SEND, seed, bytes);
    if (!get(fd, &answer, sizeof(answer)))
        die("ready");
    settle();
    if (measured)
        mark(0);
    put(fd, &answer, sizeof(answer));
    if (!get(fd, data, bytes))
        die("data");
    if (measured)
        mark(1);
    if (look(seed, bytes) != -1)
        die("something else came");
}

static void round_trips(int fd, long nr)
{
    char out[TRIP], in[TRIP];

    for (long i = 0; i < nr; i++) {
        memset(out, (int)i, sizeof(out));
        memcpy(out, &i, sizeof(i));
        if (send(fd, out, sizeof(out), 0) != sizeof(out) ||
            recv(fd, in, sizeof(in), 0) != sizeof(in) || memcmp(in, out, sizeof(in)) != 0)
            die("round trip");
    }
}

static void run(const struct row *row, const char *address)
{
    static uint32_t seed = 1;
    int fd = connect_to(address, row->way == ROUND ? SOCK_DGRAM : SOCK_STREAM);

    switch (row->way) {
    case OUT:
        send_data(fd, seed++, AHEAD, 0);
        send_data(fd, seed++, MEASURED, 1);
        break;
    case IN:
        receive_data(fd, seed++, AHEAD, 0);
        receive_data(fd, seed++, MEASURED, 1);
        break;
    case ROUND:
        round_trips(fd, TRIPS / 4);
        mark(0);
        round_trips(fd, TRIPS);
        mark(1);
        break;
    }
    close(fd);
    printf("NET %s %ld\n", row->name, row->way == ROUND ? TRIPS : MEASURED);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    data = aligned_alloc(4096, MEASURED);
    if (argc < 2 || !data)
        return 2;
    memset(data, 0, MEASURED);
    if (argc == 2 && !strcmp(argv[1], "serve"))
        serve();
    if (argc < 3)
        return 2;
    for (const struct row *row = rows; row < rows + ROWS; row++) {
        int wanted = argc == 3;

        for (int i = 3; i < argc; i++)
            wanted |= !strcmp(argv[i], row->name);
        if (wanted)
            run(row, argv[1 + row->guest]);
    }
    printf("netbench: done\n");
    return 0;
}
