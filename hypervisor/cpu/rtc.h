/* SPDX-License-Identifier: GPL-2.0-only */
/* The CMOS memory and clock: index and data port as one access, shared with dom0. */
#pragma once

#include "lib/types.h"

uint8_t rtc_cmos_read(uint8_t index);
void rtc_cmos_write(uint8_t index, uint8_t val);

/* For whoever uses the two ports by other code than this: UEFI firmware.  Interrupts go off. */
uint64_t rtc_lock(void);
void rtc_unlock(uint64_t flags);
