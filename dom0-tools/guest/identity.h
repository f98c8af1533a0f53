// SPDX-License-Identifier: GPL-2.0-only
/* A new guest's uuid. */
#pragma once

#include <stdint.h>

/* 16 bytes that nobody else has. */
void identity_make(uint8_t uuid[16]);
