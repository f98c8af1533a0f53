// SPDX-License-Identifier: GPL-2.0-only
/* Uuids by libuuid, in a file of its own, since its names are those of lib/domains.h too. */
#include <uuid/uuid.h>

#include "guest/identity.h"

void identity_make(uint8_t uuid[16])
{
    uuid_generate_random(uuid);
}
