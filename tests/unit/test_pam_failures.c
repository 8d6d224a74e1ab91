// SPDX-License-Identifier: Apache-2.0
//
// Every failure of every part, held against the code of each phase: one row a failure. None of them is success where it
// matters, and none is PAM_IGNORE or "not ours", which would hand the decision to the next module. Memory runs out at each
// allocation of the process in turn, in libpam and libc too, by malloc() of our own that stands in front of libc's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pam_world.h"

#include <sys/stat.h>
#include <unistd.h>

// ---- memory that runs out --------------------------------------------------------------------------------------

static unsigned fail_at; // the n-th allocation from now; 0: none
static bool struck;

// A sanitiser has a malloc() of its own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1

static bool must_fail(void)
{
        if (fail_at == 0 || --fail_at != 0)
                return false;
        struck = true;
        errno = ENOMEM;
        return true;
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t k, size_t n);
extern void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n) __attribute__((visibility("default")));
void *calloc(size_t k, size_t n) __attribute__((visibility("default")));
void *realloc(void *p, size_t n) __attribute__((visibility("default")));

void *malloc(size_t n)
{
        return must_fail() ? NULL : __libc_malloc(n);
}

void *calloc(size_t k, size_t n)
{
        return must_fail() ? NULL : __libc_calloc(k, n);
}

void *realloc(void *p, size_t n)
{
        return must_fail() ? NULL : __libc_realloc(p, n);
}
#endif

static void walk_allocations(
        const char *user, int (*phase)(pam_handle_t *, int), int good, bool may_be_not_ours)
{
        unsigned failed = 0;

        for (unsigned n = 1;; n++) {
                int code;

                begin_pam("svc", user);
                assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED),
                        may_be_not_ours ? IGNORED : PAM_SUCCESS); // loads the module
                struck = false;
                fail_at = n;
                code = phase(pamh, 0);
                fail_at = 0;
                if (code == PAM_USER_UNKNOWN
                                ? !may_be_not_ours
                                : code == IGNORED || (code == PAM_SUCCESS && good != PAM_SUCCESS))
                        fail_msg("%s: allocation %u failed, and the answer is %d", user, n, code);
                // Whoever is in is in for good, with a sign-in that can be handed over.
                if (phase == pam_authenticate)
                        assert_true((code == PAM_SUCCESS) == (pam_getenv(pamh, "VALETKEY_LOGIN") != NULL) ||
                                    code != PAM_SUCCESS);
                failed += code != good;
                end_pam();
                if (!struck) {
                        assert_int_equal(code, good);
                        break;
                }
        }
        assert_true(failed > 0);
}

// CVE-2025-23013 (pam-u2f): memory that ran out was PAM_IGNORE, and the factor was skipped.
static void memory_that_runs_out_is_no_factor(void **state)
{
        (void)state;
        if (!OWN_MALLOC)
                skip();
        fake_daemon(FAKE_GOOD);
        walk_allocations("alice", pam_authenticate, PAM_SUCCESS, false);
        walk_allocations("bound", pam_authenticate, PAM_SUCCESS, false);
        walk_allocations("local", pam_authenticate, PAM_USER_UNKNOWN, true);
        walk_allocations("alice", pam_acct_mgmt, PAM_SUCCESS, false);
        walk_allocations("locked", pam_acct_mgmt, PAM_PERM_DENIED, false);
        walk_allocations("ended", pam_acct_mgmt, PAM_ACCT_EXPIRED, false);
        fake_end();
}

// ---- the table of failures -------------------------------------------------------------------------------------

enum {
        AUTHENTICATE,
        ACCOUNT,
        SETCRED,
        OPEN,
        CLOSE,
        PHASES
};

struct failure {
        const char *what;
        enum fake fake; // FAKE_NONE: nobody listens
        uid_t as;       // 0: as this one
        void (*make)(void);
        void (*mend)(void);
        const char *service; // NULL: "svc"
        int codes[PHASES];
};

static const char *const phase_names[] = {
        "authenticate", "account", "setcred", "open_session", "close_session"};

static void move_users(void)
{
        assert_int_equal(rename(in_world("users"), in_world("away")), 0);
}
static void put_users_back(void)
{
        unlink(in_world("users"));
        rmdir(in_world("users"));
        assert_int_equal(rename(in_world("away"), in_world("users")), 0);
}
static void spoil_users(void)
{
        move_users();
        write_text(in_world("users"), "VKEYUSER but nothing after it");
}
static void empty_users(void)
{
        move_users();
        write_text(in_world("users"), "");
}
static void link_users(void)
{
        move_users();
        assert_int_equal(symlink("away", in_world("users")), 0);
}
static void pipe_users(void)
{
        move_users();
        assert_int_equal(mkfifo(in_world("users"), 0644), 0);
}
static void folder_users(void)
{
        move_users();
        assert_int_equal(mkdir(in_world("users"), 0755), 0);
}
static void open_users(void)
{
        assert_int_equal(chmod(in_world("users"), 0666), 0);
}
static void close_users(void)
{
        assert_int_equal(chmod(in_world("users"), 0644), 0);
}
static void give_users_away(void)
{
        assert_int_equal(chown(in_world("users"), 65534, 65534), 0);
}
static void take_users_back(void)
{
        assert_int_equal(chown(in_world("users"), world.me, getegid()), 0);
}
static void move_passwd(void)
{
        assert_int_equal(rename(in_world("passwd"), in_world("away")), 0);
}
static void put_passwd_back(void)
{
        assert_int_equal(rename(in_world("away"), in_world("passwd")), 0);
}
static void nobody_to_ask(void)
{
        conv.result = PAM_CONV_ERR;
}
static void no_memory_to_ask(void)
{
        conv.result = PAM_BUF_ERR;
}

#define DAEMON_GONE                                                                                          \
        {                                                                                                    \
                PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS                     \
        }
#define NO_TABLE                                                                                             \
        {                                                                                                    \
                PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_CRED_UNAVAIL, PAM_SUCCESS, PAM_SUCCESS       \
        }

static const struct failure failures[] = {
        {"nobody listens", .fake = FAKE_NONE, .codes = DAEMON_GONE},
        {"the daemon hangs", .fake = FAKE_HUNG, .codes = DAEMON_GONE},
        {"its queue is full", .fake = FAKE_BACKLOG, .codes = DAEMON_GONE},
        {"it closes", .fake = FAKE_CLOSE, .codes = DAEMON_GONE},
        {"it says what is no frame", .fake = FAKE_GARBAGE, .codes = DAEMON_GONE},
        {"it says nothing in a packet", .fake = FAKE_EMPTY, .codes = DAEMON_GONE},
        {"it says too much", .fake = FAKE_HUGE, .codes = DAEMON_GONE},
        {"half a frame", .fake = FAKE_HALF, .codes = DAEMON_GONE},
        {"another answer", .fake = FAKE_WRONG_TYPE, .codes = DAEMON_GONE},
        {"a prompt, and then it is gone", .fake = FAKE_PROMPT_AND_GONE, .codes = DAEMON_GONE},
        {"another user listens", .fake = FAKE_GOOD, .as = 65534, .codes = DAEMON_GONE},
        {"nobody to talk to", .fake = FAKE_GOOD, .make = nobody_to_ask,
                .codes = {PAM_AUTH_ERR, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS}},
        {"the application has no memory", .fake = FAKE_GOOD, .make = no_memory_to_ask,
                .codes = {PAM_AUTH_ERR, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS}},
        {"a wrong argument", .fake = FAKE_GOOD, .service = "bad",
                .codes = {PAM_SERVICE_ERR, PAM_SERVICE_ERR, PAM_SERVICE_ERR, PAM_SERVICE_ERR,
                        PAM_SERVICE_ERR}},
        {"no table", .fake = FAKE_GOOD, .make = move_users, .mend = put_users_back, .codes = NO_TABLE},
        {"a spoilt table", .fake = FAKE_GOOD, .make = spoil_users, .mend = put_users_back, .codes = NO_TABLE},
        {"an empty table", .fake = FAKE_GOOD, .make = empty_users, .mend = put_users_back, .codes = NO_TABLE},
        {"a link to a table", .fake = FAKE_GOOD, .make = link_users, .mend = put_users_back,
                .codes = NO_TABLE},
        {"a pipe for a table", .fake = FAKE_GOOD, .make = pipe_users, .mend = put_users_back,
                .codes = NO_TABLE},
        {"a folder for a table", .fake = FAKE_GOOD, .make = folder_users, .mend = put_users_back,
                .codes = NO_TABLE},
        {"a table that all may write", .fake = FAKE_GOOD, .make = open_users, .mend = close_users,
                .codes = NO_TABLE},
        {"another user's table", .fake = FAKE_GOOD, .as = 0, .make = give_users_away, .mend = take_users_back,
                .codes = NO_TABLE},
        {"no passwd", .fake = FAKE_GOOD, .make = move_passwd, .mend = put_passwd_back, .codes = NO_TABLE},
};

static int call(int phase)
{
        switch (phase) {
        case AUTHENTICATE:
                return pam_authenticate(pamh, 0);
        case ACCOUNT:
                return pam_acct_mgmt(pamh, 0);
        case SETCRED:
                return pam_setcred(pamh, PAM_ESTABLISH_CRED);
        case OPEN:
                return pam_open_session(pamh, 0);
        default:
                return pam_close_session(pamh, 0);
        }
}

// Each phase on a handle of its own: libpam itself decides setcred by what authenticate returned on the same one.
static void check(const struct failure *f)
{
        for (int phase = 0; phase < PHASES; phase++) {
                int code;

                begin_pam(f->service ? f->service : "svc", "alice");
                if (f->make)
                        f->make();
                code = call(phase);
                if (f->mend)
                        f->mend();
                if (code != f->codes[phase])
                        fail_msg("%s: %s says %d and not %d", f->what, phase_names[phase], code,
                                f->codes[phase]);
                assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
                assert_true(user_is("alice"));
                if (phase == AUTHENTICATE && f->codes[phase] != PAM_SERVICE_ERR && conv.result == PAM_SUCCESS)
                        assert_true(conv.errors[0]); // with a sentence
                end_pam();
        }
}

static void each_failure_has_its_code_in_each_phase(void **state)
{
        (void)state;
        write_service("bad", "no_such_argument=1");
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                const struct failure *f = &failures[i];

                if (geteuid() != 0 && (f->as || f->make == give_users_away))
                        continue;
                if (f->fake != FAKE_NONE) {
                        fake_daemon_as(f->fake, f->as ? f->as : geteuid());
                        shared->always = true;
                }
                check(f);
                if (f->fake != FAKE_NONE)
                        fake_end();
        }
}

static void no_row_hands_the_decision_on(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                const int *codes = failures[i].codes;

                for (int phase = 0; phase < PHASES; phase++)
                        assert_true(codes[phase] != PAM_IGNORE && codes[phase] != IGNORED &&
                                    codes[phase] != PAM_USER_UNKNOWN);
                assert_int_not_equal(codes[AUTHENTICATE], PAM_SUCCESS);
        }
}

// An application without a conversation, as programs have it that were never meant to ask.
static void without_a_conversation_nobody_is_signed_in(void **state)
{
        static const struct pam_conv none = {.conv = NULL};
        int code;

        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_set_item(pamh, PAM_CONV, &none), PAM_SUCCESS);
        code = pam_authenticate(pamh, 0);
        assert_int_equal(code, PAM_AUTH_ERR);
        assert_int_equal(
                pam_acct_mgmt(pamh, 0), PAM_SUCCESS); // cron and units: no question, no answer needed
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        end_pam();
        fake_end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_that_runs_out_is_no_factor),
                cmocka_unit_test(each_failure_has_its_code_in_each_phase),
                cmocka_unit_test(no_row_hands_the_decision_on),
                cmocka_unit_test(without_a_conversation_nobody_is_signed_in),
        };

        return cmocka_run_group_tests(tests, world_up, world_down);
}
