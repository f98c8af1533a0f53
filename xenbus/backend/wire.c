// SPDX-License-Identifier: GPL-2.0-only
/* Messages with descriptors: see wire.h. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/wire.h"

union control {
    char bytes[CMSG_SPACE(WIRE_FDS * sizeof(int))];
    struct cmsghdr align;
};

bool wire_send(int socket, const void *message, size_t size, const int *fds, unsigned nr)
{
    union control control = {0};
    struct iovec iov = {(void *)(uintptr_t)message, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;
    if (nr > WIRE_FDS) {
        errno = E2BIG;
        return false;
    }
    if (nr > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nr * sizeof(int));
        memcpy(CMSG_DATA(c), fds, nr * sizeof(int));
    }
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

ssize_t wire_receive(int socket, void *message, size_t size, int *fds, unsigned *nr)
{
    union control control;
    struct iovec iov = {message, size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int room[WIRE_FDS] = {0};
    unsigned got = 0;
    ssize_t length;
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof(control.bytes);
    do
        length = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_TRUNC);
    while (length < 0 && errno == EINTR);
    for (struct cmsghdr *c = length < 0 ? NULL : CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        got = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds ? fds : room, CMSG_DATA(c), got * sizeof(int));
    }
    for (unsigned i = 0; !fds && i < got; i++)
        close(room[i]);
    if (nr)
        *nr = fds ? got : 0;
    return length;
}
