/* SPDX-License-Identifier: GPL-2.0-only */
/* See date.h: BCD or binary, 12 or 24 hours, with or without a century, as the register says. */
#include "time/date.h"

#define STATUS_B_24H    0x02
#define STATUS_B_BINARY 0x04
#define HOUR_PM         0x80

/* Days from 1970 to a date, counting years from March so that the leap day comes last. */
static uint64_t days(unsigned int year, unsigned int month, unsigned int day)
{
    uint64_t y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;

    /* 153 days in each five months from March; 719468 days from March 1st of year 0 to 1970. */
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t date_to_seconds(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
                         unsigned int minute, unsigned int second)
{
    return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/* ~0U when it is not a number. */
static unsigned int decode(uint8_t v, bool binary)
{
    if (binary)
        return v;
    if ((v & 0xf) > 9 || v >> 4 > 9)
        return ~0U;
    return (v >> 4) * 10U + (v & 0xf);
}

bool rtc_decode(const struct rtc_registers *r, uint64_t *seconds)
{
    bool binary = r->status_b & STATUS_B_BINARY;
    unsigned int second = decode(r->second, binary), minute = decode(r->minute, binary);
    unsigned int hour = decode(r->hour & (uint8_t)~HOUR_PM, binary);
    unsigned int day = decode(r->day, binary), month = decode(r->month, binary);
    unsigned int year = decode(r->year, binary), century = decode(r->century, binary);

    if (!(r->status_b & STATUS_B_24H)) { /* 12 am is hour 0, 12 pm is hour 12 */
        if (hour < 1 || hour > 12)
            return false;
        hour = hour % 12 + (r->hour & HOUR_PM ? 12 : 0);
    } else if (r->hour & HOUR_PM) {
        return false;
    }
    if (year > 99 || second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 ||
        month > 12)
        return false;
    if (century >= 19 && century <= 29)
        year += century * 100;
    else
        year += year < 70 ? 2000 : 1900;
    *seconds = date_to_seconds(year, month, day, hour, minute, second);
    return year >= 1970;
}
