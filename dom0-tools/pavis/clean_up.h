// SPDX-License-Identifier: GPL-2.0-only
/* What commands do for guests whose maker was killed.  One that makes or ends guests removes them
 * before its own work, so that names and devices are free.  Every other one sees to it that there
 * is a supervisor, which does the same beside it: who only looks must not wait for back ends or a
 * store that does not answer. */
#pragma once

#include "pavis/verb.h"

/* Costs the reading of an empty folder where there are none. */
void clean_up(struct session *s);

/* Starts a supervisor where there is something to look after and there is none. */
void look_after(void);
