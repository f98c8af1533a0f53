// SPDX-License-Identifier: GPL-2.0-only
/* When looking pays: see poll.h. */
#include "blkback/poll.h"

void poll_begin(struct poll *poll, uint64_t now)
{
    poll->until = 0;
    poll->looked = now;
    if (poll->skip > 0)
        poll->skip--;
    else if (poll->most_ns > 0)
        poll->until = now + poll->most_ns;
}

bool poll_look(struct poll *poll, uint64_t now)
{
    if (!poll->until)
        return false;
    if (now < poll->until && now - poll->looked <= POLL_LOST_NS) {
        poll->looked = now;
        return true;
    }
    poll->until = 0;
    poll->skips = poll->skips == 0 ? 1 : poll->skips < POLL_SKIPS ? poll->skips * 2 : POLL_SKIPS;
    poll->skip = poll->skips;
    return false;
}

void poll_paid(struct poll *poll)
{
    poll->until = 0;
    poll->skips = 0;
}
