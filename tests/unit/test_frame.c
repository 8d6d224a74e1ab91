// SPDX-License-Identifier: Apache-2.0
//
// Frames: the bytes are the contract, so one packet stands here byte for byte; the rest is what a hostile
// peer may send instead.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "frame.h"

static const uint8_t golden[] = {'V', 'K', 'E', 'Y', 1, 0, 32, 0, 20, 0, 0, 0, //
        13, 0, 3, 0, 'd', 'e', 'v',                                            // TAG_ROLE
        14, 0, 4, 0, 0x2c, 1, 0, 0,                                            // TAG_MIN_TTL 300
        99, 0x80, 1, 0, 'x'};                                                  // optional, unknown

static void writes_these_bytes(void **state)
{
        uint8_t room[64];
        struct frame_writer w;

        (void)state;
        frame_begin(&w, room, sizeof room, 32);
        frame_put_str(&w, 13, "dev");
        frame_put_str(&w, 12, NULL);
        frame_put_u32(&w, 14, 300);
        frame_put(&w, 99 | FRAME_TAG_OPTIONAL, "x", 1);
        assert_int_equal(frame_end(&w), sizeof golden);
        assert_memory_equal(room, golden, sizeof golden);
}

static void reads_them_back(void **state)
{
        static const uint16_t known[] = {13, 14};
        struct frame f;
        uint32_t ttl;
        char role[8];

        (void)state;
        assert_true(frame_parse(&f, golden, sizeof golden));
        assert_int_equal(f.type, 32);
        assert_int_equal(f.n_fields, 3);
        assert_true(frame_get_str(&f, 13, role, sizeof role));
        assert_string_equal(role, "dev");
        assert_true(frame_get_u32(&f, 14, &ttl));
        assert_int_equal(ttl, 300);
        assert_true(frame_only_has(&f, known, 2));
        assert_false(frame_only_has(&f, known, 1)); // 14 is mandatory and not known
        assert_null(frame_find(&f, 1));
}

static void every_cut_is_refused(void **state)
{
        struct frame f;

        (void)state;
        for (size_t n = 0; n < sizeof golden; n++)
                assert_false(frame_parse(&f, golden, n));
}

static void every_header_byte_matters(void **state)
{
        uint8_t p[sizeof golden];
        struct frame f;

        (void)state;
        for (size_t i = 0; i < FRAME_HEADER; i++) {
                memcpy(p, golden, sizeof p);
                p[i] ^= 0x40;
                if (i == 6 || i == 7) // the type: any number is a type
                        assert_true(frame_parse(&f, p, sizeof p));
                else
                        assert_false(frame_parse(&f, p, sizeof p));
        }
}

static void duplicates_and_overruns_are_refused(void **state)
{
        uint8_t room[64];
        struct frame_writer w;
        struct frame f;

        (void)state;
        frame_begin(&w, room, sizeof room, 1);
        frame_put_u32(&w, 7, 1);
        frame_put_u32(&w, 7, 2);
        assert_false(frame_parse(&f, room, frame_end(&w)));
        frame_begin(&w, room, sizeof room, 1);
        frame_put_str(&w, 7, "abc");
        room[FRAME_HEADER + 2] = 4; // says it is longer than the packet
        assert_false(frame_parse(&f, room, frame_end(&w)));
        room[FRAME_HEADER + 2] = 2; // says it is shorter: a stray byte follows
        assert_false(frame_parse(&f, room, frame_end(&w)));
}

static void the_number_of_fields_is_bounded(void **state)
{
        uint8_t room[FRAME_HEADER + 4 * (FRAME_FIELDS_MAX + 1)];
        struct frame_writer w;
        struct frame f;

        (void)state;
        frame_begin(&w, room, sizeof room, 1);
        for (uint16_t i = 0; i < FRAME_FIELDS_MAX; i++)
                frame_put(&w, i, NULL, 0);
        assert_true(frame_parse(&f, room, frame_end(&w)));
        frame_put(&w, FRAME_FIELDS_MAX, NULL, 0);
        assert_false(frame_parse(&f, room, frame_end(&w)));
}

static void writers_stop_at_their_room(void **state)
{
        static uint8_t big[FRAME_MAX + 100], value[FRAME_MAX];
        uint8_t room[32];
        struct frame_writer w;

        (void)state;
        for (size_t max = 0; max < FRAME_HEADER + 4 + 4; max++) {
                memset(room, 0xaa, sizeof room);
                frame_begin(&w, room, max, 1);
                frame_put_u32(&w, 1, 1);
                assert_int_equal(frame_end(&w), 0);
                for (size_t i = max; i < sizeof room; i++)
                        assert_int_equal(room[i], 0xaa);
        }
        frame_begin(&w, big, sizeof big, 1);
        frame_put(&w, 1, value, FRAME_FIELD_MAX); // with the header over FRAME_MAX
        assert_int_equal(frame_end(&w), 0);
        frame_begin(&w, big, sizeof big, 1);
        frame_put(&w, 1, value, FRAME_FIELD_MAX + 1);
        frame_put_u32(&w, 2, 1); // a failure sticks
        assert_int_equal(frame_end(&w), 0);
        frame_begin(&w, big, sizeof big, 1);
        frame_put(&w, 1, value, FRAME_MAX - FRAME_HEADER - 4);
        assert_int_equal(frame_end(&w), FRAME_MAX);
}

static void getters_check_size_and_kind(void **state)
{
        uint8_t room[128];
        struct frame_writer w;
        struct frame f;
        uint32_t v32 = 7;
        uint64_t v64 = 7;
        char s[4];

        (void)state;
        frame_begin(&w, room, sizeof room, 1);
        frame_put_str(&w, 1, "abcd");
        frame_put(&w, 2, "a\0b", 3);
        frame_put_u64(&w, 3, UINT64_MAX - 1);
        frame_put_str(&w, 4, "");
        assert_true(frame_parse(&f, room, frame_end(&w)));
        assert_false(frame_get_str(&f, 1, s, sizeof s)); // no room for the NUL
        assert_false(frame_get_str(&f, 2, s, sizeof s)); // a NUL inside
        assert_false(frame_get_str(&f, 9, s, sizeof s));
        assert_true(frame_get_str(&f, 4, s, sizeof s));
        assert_string_equal(s, "");
        assert_false(frame_get_u32(&f, 3, &v32));
        assert_int_equal(v32, 7);
        assert_false(frame_get_u64(&f, 1, &v64));
        assert_true(frame_get_u64(&f, 3, &v64));
        assert_true(v64 == UINT64_MAX - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_these_bytes),
                cmocka_unit_test(reads_them_back),
                cmocka_unit_test(every_cut_is_refused),
                cmocka_unit_test(every_header_byte_matters),
                cmocka_unit_test(duplicates_and_overruns_are_refused),
                cmocka_unit_test(the_number_of_fields_is_bounded),
                cmocka_unit_test(writers_stop_at_their_room),
                cmocka_unit_test(getters_check_size_and_kind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
