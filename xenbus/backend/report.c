// SPDX-License-Identifier: GPL-2.0-only
/* What there is to say, in the process that may say it: a worker in a jail has neither a log nor a
 * store, and leaves both to its broker.
 */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "backend/ask.h"
#include "backend/device.h"
#include "backend/node.h"

void backend_log(int priority, const char *format, ...)
{
    char text[ASK_TEXT];
    va_list args;
    if (!(setlogmask(0) & LOG_MASK(priority)))
        return; /* a broker is not asked in vain */
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (ask_is_needed())
        ask_tell(ASK_LOG, 0, (uint32_t)priority, text);
    else
        syslog(priority, "%s", text);
}

void backend_error(struct backend_device *device, const char *format, ...)
{
    char text[ASK_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (ask_is_needed()) {
        ask_tell(ASK_ERROR, device->guest, device->id, text);
        return;
    }
    syslog(LOG_ERR, "device %u of domain %u: %s", device->id, device->guest, text);
    /* What the toolstack has removed must not come back by a write. */
    if (node_exists(device->backend->store, device->path))
        node_write(device->backend->store, XBT_NULL, device->path, "error", "%s", text);
}
