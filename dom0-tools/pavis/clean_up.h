// SPDX-License-Identifier: GPL-2.0-only
/* What a command does before its own work: it removes guests whose maker was killed, and starts the
 * supervisor where guests need one and there is none. */
#pragma once

#include "pavis/verb.h"

/* Costs the reading of an empty folder where there are none. */
void clean_up(struct session *s);
