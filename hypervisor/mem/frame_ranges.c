/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sorted, disjoint, non-adjacent ranges in an array.  An error on the small side is the rule: when
 * a split finds no room, frames are lost rather than handed out twice.  Pure.
 */
#include "mem/frame_ranges.h"

static void delete_at(struct frame_ranges *s, unsigned int i)
{
    s->nr--;
    for (; i < s->nr; i++)
        s->range[i] = s->range[i + 1];
}

static bool insert_at(struct frame_ranges *s, unsigned int i, struct frame_range r)
{
    if (s->nr == FRAME_RANGES_MAX)
        return false;
    for (unsigned int j = s->nr; j > i; j--)
        s->range[j] = s->range[j - 1];
    s->range[i] = r;
    s->nr++;
    return true;
}

bool frame_ranges_add(struct frame_ranges *s, uint64_t start, uint64_t end)
{
    unsigned int i = 0;

    if (start >= end)
        return true;
    while (i < s->nr && s->range[i].end < start)
        i++;
    /* Everything from i on that touches [start, end) becomes part of it. */
    while (i < s->nr && s->range[i].start <= end) {
        start = min(start, s->range[i].start);
        end = max(end, s->range[i].end);
        delete_at(s, i);
    }
    return insert_at(s, i, (struct frame_range){start, end});
}

bool frame_ranges_remove(struct frame_ranges *s, uint64_t start, uint64_t end)
{
    bool complete = true;
    unsigned int i = 0;

    while (i < s->nr) {
        struct frame_range *r = &s->range[i];
        struct frame_range above = {end, r->end};

        if (start >= end || r->end <= start || end <= r->start) {
            i++;
            continue;
        }
        if (start <= r->start && r->end <= end) {
            delete_at(s, i);
            continue;
        }
        if (r->start < start) {
            r->end = start;
            if (above.start < above.end)
                complete = insert_at(s, i + 1, above) && complete;
        } else {
            r->start = end;
        }
        i++;
    }
    return complete;
}

uint64_t frame_ranges_take_top(struct frame_ranges *s, uint64_t n, uint64_t align, uint64_t limit)
{
    for (unsigned int i = s->nr; n && i-- > 0;) {
        uint64_t start = s->range[i].start;
        uint64_t end = min(s->range[i].end, limit);
        uint64_t at;

        if (end < n || end - n < start)
            continue;
        at = ALIGN_DOWN(end - n, align);
        if (at < start)
            continue;
        frame_ranges_remove(s, at, at + n);
        return at;
    }
    return UINT64_MAX;
}
