// SPDX-License-Identifier: GPL-2.0-only
/* Where each byte goes: see place.h. */
#include "netback/place.h"

static bool new_slot(struct place *place)
{
    if (place->nr_slots == PLACE_MAX_SLOTS)
        return false;
    place->used[place->nr_slots++] = 0;
    return true;
}

bool place_plan(const uint32_t *lens, unsigned nr, struct place *place)
{
    place->nr_slots = place->nr_steps = 0;
    for (unsigned i = 0; i < nr; i++) {
        uint32_t done = 0;
        while (done < lens[i]) {
            uint32_t left = lens[i] - done;
            unsigned room = place->nr_slots ? PLACE_PAGE - place->used[place->nr_slots - 1] : 0;
            bool whole = left <= PLACE_PAGE; /* it fits into a page: do not cut it */
            if (room == 0 || (whole && left > room)) {
                if (!new_slot(place))
                    return false;
                room = PLACE_PAGE;
            }
            if (place->nr_steps == PLACE_MAX_STEPS)
                return false;
            uint16_t *used = &place->used[place->nr_slots - 1];
            uint16_t len = (uint16_t)(left < room ? left : room);
            place->steps[place->nr_steps++] =
                (struct place_step){(uint8_t)i, (uint8_t)(place->nr_slots - 1), *used, done, len};
            *used = (uint16_t)(*used + len);
            done += len;
        }
    }
    return place->nr_slots > 0;
}
