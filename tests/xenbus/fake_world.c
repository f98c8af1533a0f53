// SPDX-License-Identifier: GPL-2.0-only
/* The directory that stands for a hypervisor: see fake_world.h. */
#include "fake_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fake_path(char *out, size_t len, const char *format, unsigned n)
{
    int used = snprintf(out, len, "%s/", getenv("FAKE_XEN"));
    snprintf(out + used, len - (size_t)used, format, n);
}

void fake_domains(void (*each)(void *arg, unsigned domid, enum fake_state state), void *arg)
{
    char path[256], word[16];
    unsigned domid;
    fake_path(path, sizeof(path), "domains", 0);
    FILE *f = fopen(path, "re");
    while (f && fscanf(f, "%u %15s", &domid, word) == 2)
        each(arg, domid, word[0] == 'a' ? FAKE_ALIVE : word[0] == 's' ? FAKE_SHUTDOWN : FAKE_DYING);
    if (f)
        fclose(f);
}

void *fake_ring(unsigned domid)
{
    char path[256];
    fake_path(path, sizeof(path), "ring-%u", domid);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return page == MAP_FAILED ? NULL : page;
}

int fake_evtchn_open(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fake_path(name.sun_path, sizeof(name.sun_path), "daemon", 0);
    unlink(name.sun_path);
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        return -1;
    return fd;
}

int fake_evtchn_pending(int fd)
{
    char text[16] = "";
    if (recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) <= 0)
        return -1;
    return atoi(text);
}

void fake_evtchn_notify(int fd, unsigned port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char text[16];
    int len = snprintf(text, sizeof(text), "%u", port);
    fake_path(name.sun_path, sizeof(name.sun_path), "driver", 0);
    sendto(fd, text, (size_t)len, MSG_DONTWAIT, (struct sockaddr *)&name, sizeof(name));
}
