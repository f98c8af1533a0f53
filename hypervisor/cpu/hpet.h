/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HPET as a reference clock: see hpet.c.
 */
#pragma once

#include "cpu/clocksource.h"

extern const struct clock hpet_clock;
