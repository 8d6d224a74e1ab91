// SPDX-License-Identifier: Apache-2.0
//
// Dates: both ways, against libc's own calendar, and everything that is nearly a date.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "timefmt.h"

static void iso(void **state)
{
        int64_t t;

        (void)state;
        assert_int_equal(time_parse_iso("1970-01-01T00:00:00Z", &t), 0);
        assert_int_equal(t, 0);
        assert_int_equal(time_parse_iso("2026-11-22T02:22:04.366119586Z", &t), 0); // radosgw
        assert_int_equal(t, 1795314124);
        assert_int_equal(time_parse_iso("2011-07-15T23:28:33.359Z", &t), 0); // AWS's own example
        assert_int_equal(t, 1310772513);
        assert_int_equal(time_parse_iso("2024-02-29T23:59:59Z", &t), 0);
        assert_int_equal(time_parse_iso("2000-02-29T00:00:00Z", &t), 0);
}

static void nearly_iso(void **state)
{
        static const char *const bad[] = {"", "2026", "2026-11-22", "2026-11-22T02:22:04",
                "2026-11-22T02:22:04+00:00", "2026-11-22 02:22:04Z", "2026-11-22T02:22:04z",
                "2026-11-22T02:22:04Z ", " 2026-11-22T02:22:04Z", "2026-11-22T02:22:04.Z",
                "2026-11-22T02:22:04,5Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
                "2100-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
                "2026-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "-026-01-01T00:00:00Z",
                "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "12026-01-01T00:00:00Z",
                "2026-01-01T00:00:00.1234567890123456789Z", "0000-01-01T00:00:00Z"};
        int64_t t = 7;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (time_parse_iso(bad[i], &t) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
        assert_int_equal(t, 7);
}

static void agrees_with_libc(void **state)
{
        (void)state;
        // A step that shares no factor with day or year walks through all combinations up to the year 2242.
        for (int64_t t = 0; t < 8600000000; t += 999983) {
                char ours[TIME_ISO_LEN + 1], libc[64], amz[TIME_AMZ_LEN + 1];
                struct tm tm;
                time_t tt = (time_t)t;
                int64_t back = -1;

                gmtime_r(&tt, &tm);
                strftime(libc, sizeof libc, "%Y-%m-%dT%H:%M:%SZ", &tm);
                time_format_iso(ours, t);
                assert_string_equal(ours, libc);
                assert_int_equal(time_parse_iso(ours, &back), 0);
                assert_int_equal(back, t);
                strftime(libc, sizeof libc, "%Y%m%dT%H%M%SZ", &tm);
                time_format_amz(amz, t);
                assert_string_equal(amz, libc);
                assert_int_equal(time_parse_amz(amz, &back), 0);
                assert_int_equal(back, t);
                strftime(libc, sizeof libc, "%a, %d %b %Y %H:%M:%S GMT", &tm);
                assert_int_equal(time_parse_http(libc, &back), 0);
                assert_int_equal(back, t);
        }
}

static void formats_stay_in_their_room(void **state)
{
        char s[TIME_ISO_LEN + 1], a[TIME_AMZ_LEN + 1];

        (void)state;
        time_format_iso(s, INT64_MIN);
        assert_string_equal(s, "1970-01-01T00:00:00Z");
        time_format_iso(s, INT64_MAX);
        assert_string_equal(s, "9999-12-31T23:59:59Z");
        time_format_amz(a, 1440938160);
        assert_string_equal(a, "20150830T123600Z");
}

static void amz_and_http(void **state)
{
        static const char *const bad_amz[] = {"", "20150830T123600", "20150830 123600Z", "20150830T126000Z",
                "20150230T123600Z", "20150830T123600Zx", "2015-08-30T12:36:00Z"};
        static const char *const bad_http[] = {"", "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT\r",
                "Sun, 31 Nov 1994 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
                "Son, 06 Nov 1994 08:49:37 GMT"};
        int64_t t;

        (void)state;
        assert_int_equal(time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &t), 0);
        assert_int_equal(t, 784111777);
        for (size_t i = 0; i < ARRAY_SIZE(bad_amz); i++)
                assert_int_equal(time_parse_amz(bad_amz[i], &t), -EBADMSG);
        for (size_t i = 0; i < ARRAY_SIZE(bad_http); i++)
                if (time_parse_http(bad_http[i], &t) != -EBADMSG)
                        fail_msg("taken: %s", bad_http[i]);
}

static void durations(void **state)
{
        static const struct {
                const char *s;
                int64_t want;
        } good[] = {{"0", 0}, {"90", 90}, {"90s", 90}, {"15m", 900}, {"1h", 3600}, {"12h", 43200},
                {"2d", 172800}, {"2147483647", INT32_MAX}, {"0000000001", 1}};
        static const char *const bad[] = {"", "h", "-1", "+1", " 1", "1 h", "1hh", "1H", "1.5h", "1h30m",
                "2147483648", "99999999999", "24856d", "1w", "0x10", "12345678901"};
        int64_t t;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(time_parse_duration(good[i].s, &t), 0);
                assert_int_equal(t, good[i].want);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                if (time_parse_duration(bad[i], &t) != -EBADMSG)
                        fail_msg("taken: %s", bad[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(iso),
                cmocka_unit_test(nearly_iso),
                cmocka_unit_test(agrees_with_libc),
                cmocka_unit_test(formats_stay_in_their_room),
                cmocka_unit_test(amz_and_http),
                cmocka_unit_test(durations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
