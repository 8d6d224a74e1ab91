// SPDX-License-Identifier: Apache-2.0
//
// What a person sees when a sign-in starts: which machine, account and remote host first; nothing a terminal obeys; and a QR
// code that is one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "prompt.h"

static char uri[] = "https://login.example.com/device";
static char complete[] = "https://login.example.com/device?user_code=WDJB-MJHT";
static char code[] = "WDJB-MJHT";
static const struct oidc_device device = {.user_code = code,
        .verification_uri = uri,
        .verification_uri_complete = complete,
        .expires_in_s = 600};

static void it_says_first_what_this_is_about(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(PROMPT_MAX);
        const struct prompt p = {.host = "jump1",
                .user = "alice",
                .service = "sshd",
                .rhost = "203.0.113.7",
                .device = &device};

        assert_int_equal(prompt_text(&b, &p), 0);
        assert_string_equal(buf_str(&b),
                "Sign in to jump1 as alice (sshd, from 203.0.113.7)\n"
                "\n"
                "  1. Open   https://login.example.com/device\n"
                "  2. Enter  WDJB-MJHT\n"
                "\n"
                "The code is good for 10 minutes. If you did not start this sign-in yourself, do "
                "not enter it.\n");
}

static void a_local_sign_in_names_no_remote_host(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(PROMPT_MAX);
        const struct prompt p = {
                .host = "desk", .user = "alice", .service = "login", .rhost = "", .device = &device};

        assert_int_equal(prompt_text(&b, &p), 0);
        assert_memory_equal(buf_str(&b), "Sign in to desk as alice (login)\n", 33);
}

static void a_remote_host_cannot_command_the_terminal(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(PROMPT_MAX);
        const struct prompt p = {.host = "desk",
                .user = "alice",
                .service = "sshd",
                .rhost = "\033[2J\nSign in to bank",
                .device = &device};

        assert_int_equal(prompt_text(&b, &p), 0);
        assert_null(strchr(buf_str(&b), '\033'));
        assert_non_null(strstr(buf_str(&b), "from ?[2J?Sign in to bank)\n"));
}

static void the_qr_code_is_drawn_in_half_blocks(void **state _unused_)
{
        cleanup_buf struct buf b = BUF_INIT(PROMPT_MAX);
        const struct prompt p = {
                .host = "desk", .user = "alice", .service = "login", .device = &device, .qr = true};
        unsigned rows = 0;
        size_t width = 0;

        assert_int_equal(prompt_text(&b, &p), 0);
        for (const char *line = buf_str(&b); *line; line = strchr(line, '\n') + 1) {
                size_t cells = 0;

                if (strncmp(line, "  ", 2) != 0 ||
                        !(strncmp(line + 2, "█", 3) == 0 || strncmp(line + 2, "▀", 3) == 0))
                        continue;
                for (const char *c = line + 2; *c != '\n'; c++)
                        cells += ((unsigned char)*c & 0xc0) != 0x80;
                assert_true(width == 0 || width == cells); // a square
                width = cells;
                rows++;
        }
        assert_true(width >= 25 && width <= 45);
        assert_int_equal(rows, (width + 1) / 2);
}

// Not a reason to refuse a sign-in whose address stands there in letters; and a terminal would break its lines.
static void a_code_wider_than_a_terminal_is_left_out(void **state _unused_)
{
        for (size_t n = 50; n <= 2000; n += 50) {
                cleanup_buf struct buf b = BUF_INIT(PROMPT_MAX);
                char address[2048] = "https://login.example.com/device?user_code=";
                struct oidc_device d = device;
                const struct prompt p = {
                        .host = "desk", .user = "alice", .service = "login", .device = &d, .qr = true};

                memset(address + strlen(address), 'x', n - strlen(address));
                d.verification_uri_complete = address;
                assert_int_equal(prompt_text(&b, &p), 0);
                for (const char *line = buf_str(&b); *line; line = strchr(line, '\n') + 1) {
                        size_t cells = 0;

                        if (strncmp(line, "  █", 5) != 0)
                                continue;
                        for (const char *c = line; *c != '\n'; c++)
                                cells += ((unsigned char)*c & 0xc0) != 0x80;
                        assert_true(cells <= 80);
                }
                assert_true((strstr(buf_str(&b), "█") != NULL) == (n <= 450));
                assert_non_null(strstr(buf_str(&b), "The code is good for"));
        }
}

static void memory_may_run_out(void **state _unused_)
{
        const struct prompt p = {
                .host = "desk", .user = "alice", .service = "login", .device = &device, .qr = true};
        unsigned failed = 0;
        int r = 0;

        for (unsigned n = 1; n < 50; n++) {
                struct buf b = BUF_INIT(PROMPT_MAX);

                fault_fail_nth(n);
                r = prompt_text(&b, &p);
                if (!fault_struck()) {
                        buf_deinit(&b);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
                failed++;
                buf_deinit(&b);
        }
        assert_int_equal(r, 0);
        assert_true(failed > 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_says_first_what_this_is_about),
                cmocka_unit_test(a_local_sign_in_names_no_remote_host),
                cmocka_unit_test(a_remote_host_cannot_command_the_terminal),
                cmocka_unit_test(the_qr_code_is_drawn_in_half_blocks),
                cmocka_unit_test(a_code_wider_than_a_terminal_is_left_out),
                cmocka_unit_test(memory_may_run_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
