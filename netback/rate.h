/* SPDX-License-Identifier: GPL-2.0-only */
/* A card's `rate` as toolstacks write it, which libxl does for xl.cfg's rate=10Mb/s@20ms. */
#pragma once

#include <stdbool.h>

#include "backend/limit.h"

/* "bytes,microseconds" out of the device's node `rate`: so many bytes in each such interval, for
 * what the guest sends.  Either being 0 is no limit, as for Linux's netback.  False, and no limit:
 * it cannot be read. */
bool rate_parse(struct rate *rate, const char *text);
