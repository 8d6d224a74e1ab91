// SPDX-License-Identifier: Apache-2.0
//
// Dates without libc's time functions: those depend on the process's time zone and locale and accept more
// than the formats allow. Days are counted by the civil-calendar arithmetic of the proleptic Gregorian
// calendar in eras of 400 years (146097 days), with the year beginning in March so that the leap day comes
// last.
#include "timefmt.h"

#define DAY_S 86400

struct moment {
        int year, month, day, hour, minute, second;
};

static int64_t days_of(int year, int month, int day)
{
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t era = y / 400;
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

        return era * 146097 + day_of_era - 719468;
}

static void moment_of(struct moment *m, int64_t s)
{
        int64_t z = s / DAY_S + 719468;
        int64_t era = z / 146097;
        int64_t doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        int64_t mp = (5 * doy + 2) / 153;

        m->day = (int)(doy - (153 * mp + 2) / 5 + 1);
        m->month = (int)(mp < 10 ? mp + 3 : mp - 9);
        m->year = (int)(yoe + era * 400 + (m->month <= 2));
        m->hour = (int)(s % DAY_S / 3600);
        m->minute = (int)(s % 3600 / 60);
        m->second = (int)(s % 60);
}

static int moment_seconds(const struct moment *m, int64_t *ret)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (m->year % 4 == 0 && m->year % 100 != 0) || m->year % 400 == 0;

        if (m->year < 1970 || m->month < 1 || m->month > 12 || m->day < 1 ||
                m->day > days[m->month - 1] + (leap && m->month == 2) || m->hour > 23 || m->minute > 59 ||
                m->second > 59)
                return -EBADMSG;
        *ret = days_of(m->year, m->month, m->day) * DAY_S + m->hour * 3600 + m->minute * 60 + m->second;
        return 0;
}

// Reads exactly n digits and steps over them.
static bool digits(const char **s, int n, int *ret)
{
        int v = 0;

        for (int i = 0; i < n; i++) {
                char c = (*s)[i];

                if (c < '0' || c > '9')
                        return false;
                v = v * 10 + (c - '0');
        }
        *s += n;
        *ret = v;
        return true;
}

static bool literal(const char **s, const char *want)
{
        size_t n = strlen(want);

        if (strncmp(*s, want, n) != 0)
                return false;
        *s += n;
        return true;
}

static bool hms(const char **s, struct moment *m)
{
        return digits(s, 2, &m->hour) && literal(s, ":") && digits(s, 2, &m->minute) && literal(s, ":") &&
               digits(s, 2, &m->second);
}

// ISO 8601 in UTC. A fraction is cut off: expiring early is the safe direction.
int time_parse_iso(const char *s, int64_t *ret_s)
{
        struct moment m;

        if (!digits(&s, 4, &m.year) || !literal(&s, "-") || !digits(&s, 2, &m.month) || !literal(&s, "-") ||
                !digits(&s, 2, &m.day) || !literal(&s, "T") || !hms(&s, &m))
                return -EBADMSG;
        if (*s == '.') {
                size_t n = strspn(s + 1, "0123456789");

                if (n == 0 || n > 18)
                        return -EBADMSG;
                s += 1 + n;
        }
        if (strcmp(s, "Z") != 0)
                return -EBADMSG;
        return moment_seconds(&m, ret_s);
}

// The compact form of SigV4.
int time_parse_amz(const char *s, int64_t *ret_s)
{
        struct moment m;

        if (!digits(&s, 4, &m.year) || !digits(&s, 2, &m.month) || !digits(&s, 2, &m.day) ||
                !literal(&s, "T") || !digits(&s, 2, &m.hour) || !digits(&s, 2, &m.minute) ||
                !digits(&s, 2, &m.second) || strcmp(s, "Z") != 0)
                return -EBADMSG;
        return moment_seconds(&m, ret_s);
}

// The Date header: "Sun, 06 Nov 1994 08:49:37 GMT". The two obsolete forms are refused.
int time_parse_http(const char *s, int64_t *ret_s)
{
        static const char weekdays[][6] = {"Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "};
        static const char months[][6] = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ",
                " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
        struct moment m = {0};
        bool weekday = false;

        for (size_t i = 0; i < ARRAY_SIZE(weekdays) && !weekday; i++)
                weekday = literal(&s, weekdays[i]);
        if (!weekday || !digits(&s, 2, &m.day))
                return -EBADMSG;
        for (size_t i = 0; i < ARRAY_SIZE(months) && !m.month; i++)
                if (literal(&s, months[i]))
                        m.month = (int)i + 1;
        if (!m.month || !digits(&s, 4, &m.year) || !literal(&s, " ") || !hms(&s, &m) ||
                strcmp(s, " GMT") != 0)
                return -EBADMSG;
        return moment_seconds(&m, ret_s);
}

// A moment outside 1970..9999 is not one we write; it is moved to the nearest end.
static void moment_clamped(struct moment *m, int64_t s)
{
        const int64_t last = 253402300799; // 9999-12-31T23:59:59Z

        moment_of(m, s < 0 ? 0 : s > last ? last : s);
}

static void two(char *p, int v)
{
        p[0] = (char)('0' + v / 10 % 10);
        p[1] = (char)('0' + v % 10);
}

// Writes "2026-11-22T02:22:04Z".
void time_format_iso(char dst[TIME_ISO_LEN + 1], int64_t s)
{
        struct moment m;

        moment_clamped(&m, s);
        memcpy(dst, "0000-00-00T00:00:00Z", TIME_ISO_LEN + 1);
        two(dst, m.year / 100);
        two(dst + 2, m.year);
        two(dst + 5, m.month);
        two(dst + 8, m.day);
        two(dst + 11, m.hour);
        two(dst + 14, m.minute);
        two(dst + 17, m.second);
}

// Writes "20261122T022204Z".
void time_format_amz(char dst[TIME_AMZ_LEN + 1], int64_t s)
{
        char iso[TIME_ISO_LEN + 1];
        size_t o = 0;

        time_format_iso(iso, s);
        for (size_t i = 0; i <= TIME_ISO_LEN; i++)
                if (iso[i] != '-' && iso[i] != ':')
                        dst[o++] = iso[i];
}

// A number with an optional unit s, m, h or d. No sign, no space, no fraction.
int time_parse_duration(const char *s, int64_t *ret_s)
{
        static const struct {
                char unit;
                int64_t s;
        } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', DAY_S}};
        int64_t v = 0, unit = 1;
        size_t n = strspn(s, "0123456789");

        if (n == 0 || n > 10)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                v = v * 10 + (s[i] - '0');
        if (s[n]) {
                unit = 0;
                for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                        if (s[n] == units[i].unit)
                                unit = units[i].s;
                if (!unit || s[n + 1])
                        return -EBADMSG;
        }
        if (v > INT32_MAX / unit)
                return -EBADMSG;
        *ret_s = v * unit;
        return 0;
}
