/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves bytes between a program and a device, between the two marks at which hvprofile.c counts:
 *
 *     iobench NAME read|write DEVICE MIB          64 KiB at a time, past the page cache
 *     iobench NAME send|receive ADDRESS PORT MIB  TCP with scripts/netpeer
 *
 * A sixteenth of it goes ahead unmeasured.  Prints "IO <NAME> <bytes>" when the bytes are through.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536L

static char buffer[PIECE] __attribute__((aligned(4096)));

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void move(int fd, int out, long bytes)
{
    while (bytes > 0) {
        long n = bytes < PIECE ? bytes : PIECE;

        n = out ? write(fd, buffer, n) : read(fd, buffer, n);
        if (n <= 0)
            die("transfer");
        bytes -= n;
    }
}

static int connect_to(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || !inet_aton(address, &to.sin_addr) ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)))
        die(address);
    return fd;
}

int main(int argc, char **argv)
{
    int network = argc == 6, out, fd;
    long bytes;

    if (argc != 5 && !network)
        return 2;
    out = !strcmp(argv[2], "write") || !strcmp(argv[2], "send");
    bytes = atol(argv[argc - 1]) << 20;
    if (network) {
        char request[64];
        int n =
            snprintf(request, sizeof(request), "%s %ld\n", out ? "PUT" : "GET", bytes + bytes / 16);

        fd = connect_to(argv[3], argv[4]);
        if (write(fd, request, n) != n)
            die("request");
    } else {
        fd = open(argv[3], O_RDWR | O_DIRECT);
        if (fd < 0)
            die(argv[3]);
    }
    move(fd, out, bytes / 16);
    __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
    move(fd, out, bytes);
    if (network && out && read(fd, buffer, sizeof(buffer)) <= 0) /* the checksum: all is there */
        die("answer");
    __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
    printf("IO %s %ld\n", argv[1], bytes);
    return 0;
}
