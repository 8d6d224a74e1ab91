// SPDX-License-Identifier: Apache-2.0
//
// The stored state: whatever happens to its bytes, what is read is a state that was written, or none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "state.h"
#include "state_form.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define HEADER 56
#define SLOT   ((off_t)STATE_MAX + HEADER)

static int read_text(struct state *s, char *dst, size_t size)
{
        cleanup_secret struct secret *p = NULL;
        int r = state_read(s, &p);

        dst[0] = 0;
        if (r == 0)
                snprintf(dst, size, "%s", secret_str(p));
        return r;
}

static bool holds(const struct state *s, const char *text)
{
        cleanup_free char *p = malloc(8192);
        bool found = false;

        for (int slot = 0; slot < 2; slot++) {
                assert_int_equal(pread(state_fd(s), p, 8192, slot * SLOT), 8192);
                found |= memmem(p, 8192, text, strlen(text)) != NULL;
        }
        return found;
}

static void the_last_one_is_read_and_the_one_before_is_gone(void **state)
{
        struct state *s = NULL, *again = NULL;
        char text[64], what[64];

        (void)state;
        assert_int_equal(state_new(&s), 0);
        assert_int_equal(read_text(s, text, sizeof text), -ENODATA);
        for (int i = 0; i < 5; i++) {
                snprintf(what, sizeof what, "state number %d", i);
                assert_int_equal(state_write(s, what, strlen(what)), 0);
                assert_int_equal(read_text(s, text, sizeof text), 0);
                assert_string_equal(text, what);
                snprintf(what, sizeof what, "state number %d", i - 1);
                assert_false(holds(s, what));
        }
        assert_int_equal(state_adopt(&again, dup(state_fd(s))), 0);
        state_free(s);
        assert_int_equal(read_text(again, text, sizeof text), 0);
        assert_string_equal(text, "state number 4");
        assert_int_equal(state_write(again, "five", 4), 0);
        assert_int_equal(read_text(again, text, sizeof text), 0);
        assert_string_equal(text, "five");
        assert_false(holds(again, "state number 4"));
        assert_int_equal(state_wipe(again), 0);
        assert_int_equal(read_text(again, text, sizeof text), -ENODATA);
        assert_false(holds(again, "five"));
        assert_false(holds(again, "VKSTATE"));
        assert_int_equal(state_write(again, "", 0), 0);
        assert_int_equal(read_text(again, text, sizeof text), 0);
        state_free(again);
}

// What two whole slots look like: the writer was killed before it cleared the older one.
static void both_slots(struct state *s, int newer)
{
        uint8_t older[HEADER + 16], newest[HEADER + 16];

        assert_int_equal(state_write(s, "the older state.", 16), 0);
        assert_int_equal(pread(state_fd(s), older, sizeof older, 0), sizeof older);
        assert_int_equal(state_write(s, "the newer state.", 16), 0);
        assert_int_equal(pread(state_fd(s), newest, sizeof newest, SLOT), sizeof newest);
        assert_int_equal(pwrite(state_fd(s), newest, sizeof newest, newer * SLOT), sizeof newest);
        assert_int_equal(pwrite(state_fd(s), older, sizeof older, (1 - newer) * SLOT), sizeof older);
}

static void every_byte_may_be_wrong(void **state)
{
        char text[64];

        (void)state;
        for (int newer = 0; newer < 2; newer++) {
                struct state *s = NULL;

                assert_int_equal(state_new(&s), 0);
                both_slots(s, newer);
                assert_int_equal(read_text(s, text, sizeof text), 0);
                assert_string_equal(text, "the newer state.");
                for (off_t at = 0; at < HEADER + 16; at++) {
                        uint8_t byte, wrong;

                        assert_int_equal(pread(state_fd(s), &byte, 1, newer * SLOT + at), 1);
                        for (int bit = 0; bit < 8; bit++) {
                                wrong = (uint8_t)(byte ^ 1 << bit);
                                assert_int_equal(pwrite(state_fd(s), &wrong, 1, newer * SLOT + at), 1);
                                assert_int_equal(read_text(s, text, sizeof text), 0);
                                assert_string_equal(text, "the older state.");
                        }
                        assert_int_equal(pwrite(state_fd(s), &byte, 1, newer * SLOT + at), 1);
                        // The older one's bytes do not matter while there is a newer one.
                        assert_int_equal(pread(state_fd(s), &byte, 1, (1 - newer) * SLOT + at), 1);
                        wrong = (uint8_t)~byte;
                        assert_int_equal(pwrite(state_fd(s), &wrong, 1, (1 - newer) * SLOT + at), 1);
                        assert_int_equal(read_text(s, text, sizeof text), 0);
                        assert_string_equal(text, "the newer state.");
                        assert_int_equal(pwrite(state_fd(s), &byte, 1, (1 - newer) * SLOT + at), 1);
                }
                state_free(s);
        }
}

// Killed at every byte of a write: the body goes first, the header last.
static void every_moment_may_be_the_last(void **state)
{
        struct state *s = NULL;
        uint8_t whole[HEADER + 16], none[HEADER + 16] = {0};
        char text[64];

        (void)state;
        assert_int_equal(state_new(&s), 0);
        both_slots(s, 1);
        assert_int_equal(pread(state_fd(s), whole, sizeof whole, SLOT), sizeof whole);
        for (size_t n = 0; n <= sizeof whole; n++) {
                size_t body = n < 16 ? n : 16, header = n - body;

                assert_int_equal(pwrite(state_fd(s), none, sizeof none, SLOT), sizeof none);
                assert_int_equal(pwrite(state_fd(s), whole + HEADER, body, SLOT + HEADER), body);
                assert_int_equal(pwrite(state_fd(s), whole, header, SLOT), header);
                assert_int_equal(read_text(s, text, sizeof text), 0);
                assert_string_equal(text, n == sizeof whole ? "the newer state." : "the older state.");
        }
        // And the next write works from any of these.
        assert_int_equal(pwrite(state_fd(s), none, 20, SLOT), 20);
        assert_int_equal(read_text(s, text, sizeof text), 0);
        assert_int_equal(state_write(s, "next", 4), 0);
        assert_int_equal(read_text(s, text, sizeof text), 0);
        assert_string_equal(text, "next");
        assert_false(holds(s, "older"));
        assert_false(holds(s, "newer"));
        state_free(s);
}

static void only_a_file_of_ours_is_taken(void **state)
{
        struct state *s = NULL, *t = NULL;
        struct stat st;
        int fd;

        (void)state;
        assert_int_equal(state_new(&s), 0);
        assert_int_equal(fstat(state_fd(s), &st), 0);
        assert_int_equal(st.st_size, 2 * SLOT);
        assert_int_equal(fcntl(state_fd(s), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(ftruncate(state_fd(s), 0), -1);
        assert_int_equal(ftruncate(state_fd(s), 3 * SLOT), -1);
        assert_int_equal(state_adopt(&t, -1), -EBADMSG);
        assert_int_equal(state_adopt(&t, open("/dev/null", O_RDWR | O_CLOEXEC)), -EBADMSG);
        fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, 2 * SLOT), 0);
        assert_int_equal(state_adopt(&t, dup(fd)), -EBADMSG); // its size may change
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL), 0);
        assert_int_equal(state_adopt(&t, fd), -EBADMSG); // it cannot be written
        fd = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
        assert_int_equal(state_adopt(&t, fd), -EBADMSG);
        assert_null(t);
        state_free(s);
}

static void too_much_is_refused_and_changes_nothing(void **state)
{
        struct state *s = NULL;
        char *p = mmap(NULL, STATE_MAX + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char text[64];
        struct stat st;

        (void)state;
        assert_ptr_not_equal(p, MAP_FAILED);
        assert_int_equal(state_new(&s), 0);
        assert_int_equal(state_write(s, "small", 5), 0);
        assert_int_equal(state_write(s, p, STATE_MAX + 1), -EMSGSIZE);
        assert_int_equal(read_text(s, text, sizeof text), 0);
        assert_string_equal(text, "small");
        assert_int_equal(state_write(s, p, STATE_MAX), 0);
        assert_int_equal(state_write(s, "small", 5), 0);
        assert_int_equal(fstat(state_fd(s), &st), 0);
        assert_true(st.st_blocks * 512 <= 65536); // the memory was given back
        munmap(p, STATE_MAX + 1);
        state_free(s);
}

// ---- the form

static void fill(struct state_grant *g, struct state_session *x)
{
        *g = (struct state_grant){.token_since_s = 1795310000,
                .no_id_token_on_refresh = true,
                .began_boot_ms = 77,
                .token_ends_boot_ms = 78000,
                .warned_end_boot_ms = 99};
        g->grant = (struct grant){.type = SOURCE_OIDC,
                .identity = strdup("corp"),
                .issuer = strdup("https://login.example.com"),
                .client_id = strdup("valetkey"),
                .subject = strdup("248289761001"),
                .display = strdup("alice@example.com"),
                .id_token_exp_s = 1795314124,
                .signed_in_at_s = 1795310000};
        assert_int_equal(secret_new_str(&g->grant.id_token, "eyJ.id.token"), 0);
        assert_int_equal(secret_new_str(&g->grant.refresh_token, "refresh"), 0);
        *x = (struct state_session){.role = strdup("dev"),
                .print = "0123456789abcdef",
                .lifetime_ms = 3600000,
                .expires_boot_ms = 4000000,
                .next_try_boot_ms = 2200000,
                .credentials = {.access_key_id = strdup("ASIAEXAMPLE"),
                        .expiration_s = 1795313600,
                        .account_id = "123456789012",
                        .assumed_role_arn = strdup("arn:aws:sts::123456789012:assumed-role/dev/alice"),
                        .request_id = strdup("c1e50b2c"),
                        .packed_policy_size = -1}};
        assert_int_equal(secret_new_str(&x->credentials.secret_access_key, "secret-key"), 0);
        assert_int_equal(secret_new_str(&x->credentials.session_token, "session-token"), 0);
}

static void clear(struct state_grant *g, struct state_session *x)
{
        grant_deinit(&g->grant);
        sts_credentials_deinit(&x->credentials);
        free(x->role);
}

static int put(struct buf *out)
{
        static const struct state_head head = {.used_id = 7, .used_print = "deadbeef", .in_session = true};
        struct state_grant g;
        struct state_session x;
        int r;

        fill(&g, &x);
        r = state_put_head(out, &head);
        if (r == 0)
                r = state_put_grant(out, &g);
        g.pending = true;
        g.pending_id = 9;
        if (r == 0)
                r = state_put_grant(out, &g);
        for (int i = 0; r == 0 && i < 3; i++)
                r = state_put_session(out, &x);
        clear(&g, &x);
        return r;
}

static void comes_back_as_it_went(void **state)
{
        struct buf b = BUF_INIT(STATE_MAX);
        struct state_data d;
        const struct sts_credentials *c;

        (void)state;
        assert_int_equal(put(&b), 0);
        assert_int_equal(state_parse(&d, b.p, b.n, NULL), 0);
        assert_int_equal(d.head.used_id, 7);
        assert_string_equal(d.head.used_print, "deadbeef");
        assert_true(d.head.in_session);
        assert_int_equal(d.n_grants, 2);
        assert_string_equal(d.grants[0].grant.identity, "corp");
        assert_string_equal(secret_str(d.grants[0].grant.refresh_token), "refresh");
        assert_int_equal(d.grants[0].token_since_s, 1795310000);
        assert_true(d.grants[0].no_id_token_on_refresh);
        assert_int_equal(d.grants[0].began_boot_ms, 77);
        assert_int_equal(d.grants[0].token_ends_boot_ms, 78000);
        assert_int_equal(d.grants[0].refresh_ends_boot_ms, 0);
        assert_int_equal(d.grants[0].warned_end_boot_ms, 99);
        assert_false(d.grants[0].pending);
        assert_true(d.grants[1].pending);
        assert_int_equal(d.grants[1].pending_id, 9);
        assert_int_equal(d.n_sessions, 3);
        assert_string_equal(d.sessions[2].role, "dev");
        assert_string_equal(d.sessions[2].print, "0123456789abcdef");
        assert_int_equal(d.sessions[2].lifetime_ms, 3600000);
        assert_int_equal(d.sessions[2].expires_boot_ms, 4000000);
        assert_int_equal(d.sessions[2].next_try_boot_ms, 2200000);
        c = &d.sessions[2].credentials;
        assert_string_equal(c->access_key_id, "ASIAEXAMPLE");
        assert_string_equal(secret_str(c->secret_access_key), "secret-key");
        assert_string_equal(secret_str(c->session_token), "session-token");
        assert_string_equal(c->account_id, "123456789012");
        assert_string_equal(c->assumed_role_arn, "arn:aws:sts::123456789012:assumed-role/dev/alice");
        assert_null(c->subject);
        assert_int_equal(c->expiration_s, 1795313600);
        assert_int_equal(c->packed_policy_size, -1);
        state_data_deinit(&d);
        state_data_deinit(&d);
        buf_deinit(&b);
}

static void a_cut_one_is_refused(void **state)
{
        struct buf b = BUF_INIT(STATE_MAX);
        struct state_data d;
        unsigned taken = 0;

        (void)state;
        assert_int_equal(put(&b), 0);
        for (size_t n = 0; n < b.n; n++) {
                struct err err = ERR_INIT;
                int r = state_parse(&d, b.p, n, &err);

                if (r == 0) { // between two frames
                        taken++;
                        state_data_deinit(&d);
                } else {
                        assert_int_equal(r, -EBADMSG);
                        assert_true(err.text[0]);
                }
        }
        assert_int_equal(taken, 5);
        buf_deinit(&b);
}

static void what_could_not_be_read_is_not_written(void **state)
{
        struct buf b = BUF_INIT(STATE_MAX);
        struct state_grant g;
        struct state_session x;
        char *role;

        (void)state;
        fill(&g, &x);
        role = x.role;
#define REFUSED(member, wrong, right)                                                                        \
        x.member = wrong;                                                                                    \
        assert_int_equal(state_put_session(&b, &x), -EINVAL);                                                \
        x.member = right
        REFUSED(role, NULL, role);
        REFUSED(print[0], 0, '0');
        REFUSED(print[3], '\n', '3');
        REFUSED(lifetime_ms, -1, 1);
        REFUSED(expires_boot_ms, -1, 1);
        REFUSED(next_try_boot_ms, -1, 1);
        REFUSED(credentials.packed_policy_size, -2, 5);
        REFUSED(credentials.expiration_s, -1, 1);
#undef REFUSED
        x.credentials.session_token = secret_free(x.credentials.session_token);
        assert_int_equal(state_put_session(&b, &x), -EINVAL);
        g.token_since_s = -1;
        assert_int_equal(state_put_grant(&b, &g), -EINVAL);
        g.token_since_s = 0;
        g.grant.id_token = secret_free(g.grant.id_token);
        assert_int_equal(state_put_grant(&b, &g), -EINVAL);
        assert_int_equal(b.n, 0);
        clear(&g, &x);
        buf_deinit(&b);
}

static void every_allocation_may_fail(void **state)
{
        struct buf whole = BUF_INIT(STATE_MAX), b = BUF_INIT(STATE_MAX);
        static const struct state_head head = {.used_id = 7, .used_print = "deadbeef"};
        struct state_grant g;
        struct state_session x;
        struct state_data d;
        struct state *s = NULL;
        char text[64];
        int r = 0;

        (void)state;
        assert_int_equal(put(&whole), 0);
        fill(&g, &x);
        FAULT_EACH(50, r = state_put_head(&b, &head))
        {
                assert_int_equal(r, -ENOMEM);
                buf_deinit(&b);
                b = BUF_INIT(STATE_MAX);
        }
        assert_int_equal(r, 0);
        FAULT_EACH(50, r = state_put_grant(&b, &g))
        {
                assert_int_equal(r, -ENOMEM);
                buf_deinit(&b);
                b = BUF_INIT(STATE_MAX);
        }
        assert_int_equal(r, 0);
        FAULT_EACH(50, r = state_put_session(&b, &x))
        {
                assert_int_equal(r, -ENOMEM);
                buf_deinit(&b);
                b = BUF_INIT(STATE_MAX);
        }
        assert_int_equal(r, 0);
        buf_deinit(&b);
        FAULT_EACH(200, r = state_parse(&d, whole.p, whole.n, NULL))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        state_data_deinit(&d);
        FAULT_EACH(50, r = state_new(&s))
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(r, 0);
        assert_int_equal(state_write(s, "kept", 4), 0);
        FAULT_EACH(50, r = read_text(s, text, sizeof text))
        assert_int_equal(r, -ENOMEM);
        assert_string_equal(text, "kept");
        state_free(s);
        clear(&g, &x);
        buf_deinit(&whole);
}

static bool left_behind;

static void look_for(const void *p, size_t n, void *arg)
{
        left_behind |= memmem(p, n, arg, strlen(arg)) != NULL;
}

static void no_secret_stays_in_freed_memory(void **state)
{
        static char *const markers[] = {"secret-key", "session-token", "eyJ.id.token"};
        struct buf b = BUF_INIT(STATE_MAX);
        struct state *s = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
                struct secret *bytes = NULL;
                struct state_data d;

                fault_watch_free(look_for, markers[i]);
                assert_int_equal(put(&b), 0);
                assert_int_equal(state_new(&s), 0);
                assert_int_equal(state_write(s, b.p, b.n), 0);
                assert_int_equal(state_read(s, &bytes), 0);
                assert_int_equal(state_parse(&d, secret_str(bytes), secret_len(bytes), NULL), 0);
                state_data_deinit(&d);
                secret_free(bytes);
                state_free(s);
                buf_deinit(&b);
                b = BUF_INIT(STATE_MAX);
                fault_watch_free(NULL, NULL);
                assert_false(left_behind);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_one_is_read_and_the_one_before_is_gone),
                cmocka_unit_test(every_byte_may_be_wrong),
                cmocka_unit_test(every_moment_may_be_the_last),
                cmocka_unit_test(only_a_file_of_ours_is_taken),
                cmocka_unit_test(too_much_is_refused_and_changes_nothing),
                cmocka_unit_test(comes_back_as_it_went),
                cmocka_unit_test(a_cut_one_is_refused),
                cmocka_unit_test(what_could_not_be_read_is_not_written),
                cmocka_unit_test(every_allocation_may_fail),
                cmocka_unit_test(no_secret_stays_in_freed_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
