/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI PM timer as a reference clock: see pmtimer.c.
 */
#pragma once

#include "cpu/clocksource.h"

extern const struct clock pmtimer_clock;
