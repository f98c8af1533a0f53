/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time of day: its value at system time zero, told to every domain in its shared_info.
 *
 * It is read once from the CMOS clock, by UEFI firmware where there is none; from then on dom0 sets
 * it (XENPF_settime64, driven by its NTP), and guests compute the present from it and their own
 * system time.
 */
#include "console/log.h"
#include "cpu/rtc.h"
#include "domain/domain.h"
#include "lib/spinlock.h"
#include "mem/efi.h"
#include "time/clock.h"
#include "time/date.h"

#define NS_PER_S 1000000000ULL

#define RTC_SECONDS  0x00
#define RTC_MINUTES  0x02
#define RTC_HOURS    0x04
#define RTC_DAY      0x07
#define RTC_MONTH    0x08
#define RTC_YEAR     0x09
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_CENTURY  0x32 /* where PCs have it since the PS/2 */
#define STATUS_A_UIP 0x80 /* an update begins within 244 us, or is going on */

#define RTC_TRIES 1000000 /* an update takes 2 ms; a port read some hundred ns */

static spinlock_t wallclock_lock;
/* UTC at system time 0; guarded by the lock. */
static uint64_t origin_sec;
static uint32_t origin_nsec;

static void rtc_read(struct rtc_registers *r)
{
    r->second = rtc_cmos_read(RTC_SECONDS);
    r->minute = rtc_cmos_read(RTC_MINUTES);
    r->hour = rtc_cmos_read(RTC_HOURS);
    r->day = rtc_cmos_read(RTC_DAY);
    r->month = rtc_cmos_read(RTC_MONTH);
    r->year = rtc_cmos_read(RTC_YEAR);
    r->century = rtc_cmos_read(RTC_CENTURY);
    r->status_b = rtc_cmos_read(RTC_STATUS_B);
}

/* A reading that no update ran into: none in progress before, and the same seconds after. */
static bool rtc_read_stable(struct rtc_registers *r)
{
    for (unsigned int i = 0; i < RTC_TRIES; i++) {
        if (rtc_cmos_read(RTC_STATUS_A) & STATUS_A_UIP)
            continue;
        rtc_read(r);
        if (!(rtc_cmos_read(RTC_STATUS_A) & STATUS_A_UIP) &&
            rtc_cmos_read(RTC_SECONDS) == r->second)
            return true;
    }
    return false;
}

/* Lock held. */
static void set_origin(uint64_t sec, uint32_t nsec, uint64_t system_ns)
{
    unsigned __int128 wall = (unsigned __int128)sec * NS_PER_S + nsec;

    wall = wall > system_ns ? wall - system_ns : 0;
    origin_sec = (uint64_t)(wall / NS_PER_S);
    origin_nsec = (uint32_t)(wall % NS_PER_S);
}

/* The firmware's clock.  Its time zone is unspecified, or the minutes from local time to UTC. */
static bool firmware_clock(uint64_t *sec)
{
    struct efi_time t;

    if (!efi_get_time(&t) || t.year < 1970 || t.month < 1 || t.month > 12 || t.day < 1 ||
        t.day > 31)
        return false;
    *sec = date_to_seconds(t.year, t.month, t.day, t.hour, t.minute, t.second);
    if (t.timezone >= -EFI_TIMEZONE_MAX && t.timezone <= EFI_TIMEZONE_MAX)
        *sec += (uint64_t)(t.timezone * 60L);
    return true;
}

void wallclock_init(void)
{
    struct rtc_registers r = {0};
    uint64_t sec = 0;

    if ((!rtc_read_stable(&r) || !rtc_decode(&r, &sec)) && !firmware_clock(&sec)) {
        printk(XENLOG_WARNING "time: no sensible clock; the time of day starts at 1970\n");
        sec = 0;
    }
    spin_lock(&wallclock_lock);
    set_origin(sec, 0, now_ns());
    spin_unlock(&wallclock_lock);
}

/* Lock held. */
static void publish(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    uint64_t sec = origin_sec + (uint64_t)d->time_offset_s;
    uint32_t version;

    if (!s)
        return;
    version = (load_once(&s->wc_version) | 1) + 2; /* odd, and not what a reader may have seen */
    store_once(&s->wc_version, version);
    smp_wmb();
    s->wc_sec = (uint32_t)sec;
    s->wc_nsec = origin_nsec;
    s->wc_sec_hi = (uint32_t)(sec >> 32);
    smp_wmb();
    store_once(&s->wc_version, version + 1);
}

void wallclock_update_domain(struct domain *d)
{
    spin_lock(&wallclock_lock);
    publish(d);
    spin_unlock(&wallclock_lock);
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_ns)
{
    struct domain *d;

    spin_lock(&domain_list_lock);
    spin_lock(&wallclock_lock);
    set_origin(sec, nsec, system_ns);
    list_for_each (d, &domain_list, list)
        publish(d);
    spin_unlock(&wallclock_lock);
    spin_unlock(&domain_list_lock);
}
