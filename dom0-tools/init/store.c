// SPDX-License-Identifier: GPL-2.0-only
/* One request to the store through the kernel's device, in its wire form.  A library would be ten
 * times the size of this program's part in it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init/init.h"

#define XS_WRITE 11u /* xen/io/xs_wire.h */

struct message {
    uint32_t type, request, transaction, len;
};

static bool transfer(int fd, char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, bytes, len);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

bool store_write(const char *path, const char *value)
{
    struct {
        struct message header;
        char text[256];
    } request = {.header = {.type = XS_WRITE}};
    struct message answer;
    size_t path_len = strlen(path) + 1, len = path_len + strlen(value);
    int fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    bool done;

    if (fd < 0 || len >= sizeof(request.text)) {
        complain("no store:");
        return false;
    }
    memcpy(request.text, path, path_len);
    memcpy(request.text + path_len, value, len - path_len);
    request.header.len = (uint32_t)len;
    done = write(fd, &request, sizeof(request.header) + len) ==
               (ssize_t)(sizeof(request.header) + len) &&
           transfer(fd, (char *)&answer, sizeof(answer)) && answer.type == XS_WRITE;
    close(fd); /* with what is left of the answer */
    if (!done)
        complain("the store does not take %s", path);
    return done;
}
