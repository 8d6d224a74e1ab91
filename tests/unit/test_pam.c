// SPDX-License-Identifier: Apache-2.0
//
// pam_valetkey as an application meets it: the built module in a stack of its own (pam_start_confdir), asked
// for every code it can return. The control "bad" for everything but success lets each code through
// unchanged, PAM_IGNORE too, so a failure that turned into PAM_IGNORE (CVE-2025-23013 of pam-u2f) cannot
// hide.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "outcome.h"
#include "pam_world.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void exactly_the_five_entry_points(void **state)
{
        static const char *const there[] = {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt",
                "pam_sm_open_session", "pam_sm_close_session"};
        static const char *const hidden[] = {
                "pam_sm_chauthtok", "table_open", "frame_parse", "ours_find", "ask_open"};
        void *so = dlopen(world.module, RTLD_NOW | RTLD_LOCAL);

        (void)state;
        assert_non_null(so);
        for (size_t i = 0; i < ARRAY_SIZE(there); i++)
                assert_non_null(dlsym(so, there[i]));
        for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
                // dlsym looks into the module's own dependencies too; those have none of these.
                assert_null(dlsym(so, hidden[i]));
        }
}

// ---- whose user

struct row {
        const char *user;
        int authenticate, account, setcred, open_session;
};

// Each phase on a handle of its own, as sshd after a public key: libpam itself decides setcred by what
// authenticate returned on the same handle.
static void check_rows(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct row *r = &rows[i];

                begin_pam("svc", r->user);
                assert_int_equal(pam_acct_mgmt(pamh, 0), r->account);
                assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED), r->setcred);
                assert_int_equal(pam_open_session(pamh, 0), r->open_session);
                assert_int_equal(pam_close_session(pamh, 0), r->open_session);
                assert_true(user_is(r->user));
                end_pam();
                begin_pam("svc", r->user);
                assert_int_equal(pam_authenticate(pamh, 0), r->authenticate);
                assert_true(user_is(r->user));
                end_pam();
        }
}

static void each_user_gets_his_code(void **state)
{
        static const struct row rows[] = {
                {"root", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"local", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"stranger", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"Alice", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"alice", PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"bound", PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"locked", PAM_SUCCESS, PAM_PERM_DENIED, PAM_SUCCESS, PAM_SUCCESS},
                {"ended", PAM_SUCCESS, PAM_ACCT_EXPIRED, PAM_SUCCESS, PAM_SUCCESS},
        };

        (void)state;
        fake_daemon(FAKE_GOOD);
        check_rows(rows, ARRAY_SIZE(rows));
        fake_end();
}

static void no_daemon_refuses_only_ours(void **state)
{
        static const struct row rows[] = {
                {"root", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"local", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"stranger", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"alice", PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"bound", PAM_AUTHINFO_UNAVAIL, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"locked", PAM_AUTHINFO_UNAVAIL, PAM_PERM_DENIED, PAM_SUCCESS, PAM_SUCCESS},
        };

        (void)state;
        check_rows(rows, ARRAY_SIZE(rows));
        assert_non_null(strstr(conv.errors, "valetkeyd")); // with a sentence
}

static void a_missing_or_corrupt_table_refuses_all_but_root_and_local_users(void **state)
{
        static const struct row rows[] = {
                {"root", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"local", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"bound", PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"alice", PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_CRED_UNAVAIL, PAM_SUCCESS},
                {"stranger", PAM_AUTHINFO_UNAVAIL, PAM_AUTHINFO_UNAVAIL, PAM_CRED_UNAVAIL, PAM_SUCCESS},
        };

        (void)state;
        fake_daemon(FAKE_GOOD);
        assert_int_equal(rename(in_world("users"), in_world("away")), 0);
        check_rows(rows, ARRAY_SIZE(rows));
        assert_non_null(strstr(conv.errors, "there is no user table"));
        write_text(in_world("users"), "VKEYUSER but nothing after it");
        check_rows(rows, ARRAY_SIZE(rows));
        assert_int_equal(rename(in_world("away"), in_world("users")), 0);
        fake_end();
}

// CVE-2025-23013: when the machine is out of something, nobody is let through or past.
static void out_of_descriptors_is_no_answer(void **state)
{
        struct rlimit before, low;
        int codes[3];

        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        // Once, so that the module is loaded.
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        getrlimit(RLIMIT_NOFILE, &before);
        low = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &low);
        codes[0] = pam_authenticate(pamh, 0);
        codes[1] = pam_acct_mgmt(pamh, 0);
        codes[2] = pam_setcred(pamh, PAM_ESTABLISH_CRED);
        setrlimit(RLIMIT_NOFILE, &before);
        for (int i = 0; i < 3; i++) { // libpam itself fails for want of descriptors, too
                assert_int_not_equal(codes[i], PAM_SUCCESS);
                assert_int_not_equal(codes[i], IGNORED);
                assert_int_not_equal(codes[i], PAM_USER_UNKNOWN);
        }
        end_pam();
        fake_end();
}

// ---- max_offline_age

static void account_holds_the_age_of_the_last_sign_in(void **state)
{
        (void)state;
        begin_pam("aged", "alice"); // last success an hour ago, max_offline_age=2h
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        end_pam();
        begin_pam("aged", "old"); // three hours ago
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_ACCT_EXPIRED);
        end_pam();
        begin_pam("aged", "never");
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_ACCT_EXPIRED);
        end_pam();
        begin_pam("aged", "future"); // tomorrow: the clock is wrong
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_AUTHINFO_UNAVAIL);
        end_pam();
        begin_pam("svc", "never");
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        end_pam();
}

static void set_table_age(int64_t s)
{
        struct table_edit *e = NULL;

        assert_int_equal(table_edit_begin(&e, in_world("users"), TABLE_FEDERATED, &world.me, 1, 0), 0);
        table_edit_set_max_offline_age(e, s);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

// [signin] max_offline_age: valetkeyd writes it into the table, where the module finds it without reading configuration.
static void the_tables_own_limit_counts_too(void **state)
{
        (void)state;
        set_table_age(2 * 3600);
        begin_pam("svc", "alice");
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        end_pam();
        begin_pam("svc", "old");
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_ACCT_EXPIRED);
        end_pam();
        begin_pam("svc", "bound"); // a local user's account is the admin's
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        end_pam();
        set_table_age(0);
}

// ---- whose home it is

static void put_home(const char *user, const char *home)
{
        struct table_edit *e = NULL;
        struct table_user u;

        assert_int_equal(table_edit_begin(&e, in_world("users"), TABLE_FEDERATED, &world.me, 1, 0), 0);
        assert_int_equal(table_edit_get(e, user, &u), 0);
        snprintf(u.home, sizeof u.home, "%s", home);
        assert_int_equal(table_edit_replace(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static int account_of(const char *service, const char *user)
{
        int r;

        begin_pam(service, user);
        r = pam_acct_mgmt(pamh, 0);
        end_pam();
        return r;
}

static void a_home_of_somebody_elses_refuses_the_login(void **state)
{
        char home[160], link[160], file[160];

        (void)state;
        snprintf(home, sizeof home, "%s", in_world("home-of-alice"));
        snprintf(link, sizeof link, "%s", in_world("link-to-home"));
        snprintf(file, sizeof file, "%s", in_world("passwd"));
        put_home("alice", home);
        assert_int_equal(account_of("svc", "alice"), PAM_SUCCESS); // not there yet
        assert_int_equal(mkdir(home, 0700), 0);                    // the test's own
        conv.errors[0] = 0;
        assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED);
        assert_non_null(strstr(conv.errors, "belongs to somebody else"));
        assert_int_equal(account_of("anyhome", "alice"), PAM_SUCCESS);
        put_home("alice", "/");
        assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED);
        put_home("alice", in_world("passwd/home")); // not there, and not to be
        assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED);
        assert_int_equal(symlink(home, link), 0);
        put_home("alice", link);
        assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED);
        if (geteuid() == 0) {
                const uint32_t uid = TABLE_UID_MIN + 1;

                assert_int_equal(chown(home, uid, uid), 0);
                assert_int_equal(account_of("svc", "alice"), PAM_SUCCESS); // the link is root's
                assert_int_equal(lchown(link, uid + 1, uid), 0);
                assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED);
                put_home("alice", home);
                assert_int_equal(account_of("svc", "alice"), PAM_SUCCESS);
                assert_int_equal(chown(file, uid, uid), 0);
                put_home("alice", file);
                assert_int_equal(account_of("svc", "alice"), PAM_PERM_DENIED); // hers, but no directory
                assert_int_equal(chown(file, 0, 0), 0);
        }
        unlink(link);
        rmdir(home);
        put_home("alice", "/home/alice");
}

// Since when the provider has not stood for a user: by public key there is no way in either.
static void who_the_provider_does_not_renew_is_refused(void **state)
{
        struct table_edit *e = NULL;
        struct table_user u;

        (void)state;
        for (int refused = 1; refused >= 0; refused--) {
                assert_int_equal(
                        table_edit_begin(&e, in_world("users"), TABLE_FEDERATED, &world.me, 1, 0), 0);
                assert_int_equal(table_edit_get(e, "alice", &u), 0);
                u.refused_at_s = refused ? time(NULL) : 0;
                assert_int_equal(table_edit_replace(e, &u), 0);
                assert_int_equal(table_edit_commit(e), 0);
                table_edit_free(e);
                conv.errors[0] = 0;
                assert_int_equal(account_of("svc", "alice"), refused ? PAM_ACCT_EXPIRED : PAM_SUCCESS);
                assert_int_equal(strstr(conv.errors, "sign in there again") != NULL, refused);
        }
}

// ---- newcomers

static void set_newcomers(const char *pattern)
{
        struct table_newcomers x = {.n = pattern ? 1 : 0};
        struct table_edit *e = NULL;

        if (pattern)
                snprintf(x.pattern[0], sizeof x.pattern[0], "%s", pattern);
        assert_int_equal(table_edit_begin(&e, in_world("users"), TABLE_FEDERATED, &world.me, 1, 0), 0);
        assert_int_equal(table_edit_set_newcomers(e, &x), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

// He signs in, and whatever the daemon says no session begins: no phase admits whom the table does not have.
static void a_newcomer_is_never_let_in(void **state)
{
        static const struct row rows[] = {
                {"new.person", PAM_MAXTRIES, PAM_PERM_DENIED, PAM_CRED_UNAVAIL, PAM_SESSION_ERR},
                {"old.person", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"alice", PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS},
                {"root", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
        };
        static const struct row reserved[] = {
                {"systemd-person", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
                {"sys", PAM_USER_UNKNOWN, PAM_USER_UNKNOWN, IGNORED, IGNORED},
        };

        (void)state;
        fake_daemon(FAKE_GOOD); // which says that he is signed in
        set_newcomers("new.*");
        check_rows(rows, ARRAY_SIZE(rows));
        fake_end();
        fake_daemon(FAKE_VERIFIED); // or was a moment ago, by another connection
        check_rows(rows, ARRAY_SIZE(rows));
        set_newcomers("sy*");
        check_rows(reserved, ARRAY_SIZE(reserved));
        set_newcomers(NULL);
        fake_end();
}

// ---- what the daemon can do to us

static void every_refusal_has_its_code_and_sentence(void **state)
{
        (void)state;
        for (uint32_t o = 1; o < OUTCOME_MAX_ + 5; o++) {
                int r;

                fake_daemon(FAKE_ERROR);
                shared->error = o;
                begin_pam("svc", "alice");
                r = pam_authenticate(pamh, 0);
                assert_int_equal(r, outcome_info(o)->pam_code);
                assert_int_not_equal(r, PAM_SUCCESS);
                assert_int_not_equal(r, PAM_IGNORE);
                assert_string_equal(conv.errors, "Because?[31m of that.\n");
                assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
                end_pam();
                fake_end();
        }
}

static void an_error_without_an_error_is_no_success(void **state)
{
        (void)state;
        fake_daemon(FAKE_ERROR);
        shared->error = OUTCOME_OK;
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SYSTEM_ERR);
        end_pam();
        fake_end();
}

static void a_hung_daemon_is_given_up(void **state)
{
        int64_t start = now_ms();

        (void)state;
        fake_daemon(FAKE_HUNG);
        begin_pam("svc", "alice"); // timeout=1
        assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTHINFO_UNAVAIL);
        assert_true(now_ms() - start >= 900);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
        assert_true(now_ms() - start < 6000);
        assert_true(conv.errors[0]);
        end_pam();
        fake_end();
}

static void a_full_backlog_is_given_up(void **state)
{
        int64_t start = now_ms();

        (void)state;
        fake_daemon(FAKE_BACKLOG);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTHINFO_UNAVAIL);
        assert_true(now_ms() - start < 5000);
        end_pam();
        fake_end();
}

static void no_answer_but_a_right_one_lets_anybody_in(void **state)
{
        static const enum fake bad[] = {FAKE_CLOSE, FAKE_GARBAGE, FAKE_EMPTY, FAKE_HUGE, FAKE_WRONG_TYPE,
                FAKE_SHORT_HANDLE, FAKE_UPPER_HANDLE, FAKE_NO_HANDLE, FAKE_NUL_HANDLE, FAKE_PROMPTS_FOR_EVER,
                FAKE_PROMPT_WITHOUT_TEXT, FAKE_PROMPT_AND_GONE, FAKE_HALF};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                fake_daemon(bad[i]);
                begin_pam("svc", "alice");
                if (pam_authenticate(pamh, 0) != PAM_AUTHINFO_UNAVAIL)
                        fail_msg("fake daemon %d", bad[i]);
                assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
                end_pam();
                fake_end();
        }
}

// U's and SSSD's lesson: who listens is asked of the kernel.
static void somebody_elses_socket_is_not_believed(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        fake_daemon_as(FAKE_GOOD, 65534);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(shared->requests, 0); // not even told who wants in
        end_pam();
        fake_end();
        fake_daemon_as(FAKE_GOOD, 65533); // server_uid of that service
        begin_pam("other-server", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        end_pam();
        fake_end();
}

// ---- the conversation

static void the_prompt_is_one_clean_message(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(conv.calls, 1);
        assert_int_equal(conv.style, PAM_PROMPT_ECHO_OFF);
        assert_string_equal(conv.prompt,
                "Sign in to host\nhttps://login.example.com/device\n\xe2\x96\x80\xe2\x96\x84\n?[2J??\nPress "
                "Enter: ");
        assert_string_equal(shared->user, "alice");
        assert_string_equal(shared->service, "svc");
        assert_string_equal(shared->rhost, "192.0.2.7");
        assert_string_equal(shared->tty, "ssh");
        end_pam();
        fake_end();
}

static void a_conversation_that_ends_ends_the_sign_in(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        conv.result = PAM_CONV_ERR;
        assert_int_equal(pam_authenticate(pamh, 0), PAM_AUTH_ERR);
        assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
        fake_end();
        assert_true(shared->hangups > 0); // and the daemon hears of it
        end_pam();
}

static void silence_is_kept(void **state)
{
        (void)state;
        fake_daemon(FAKE_ERROR);
        shared->error = OUTCOME_EXPIRED;
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, PAM_SILENT), PAM_AUTH_ERR);
        assert_string_equal(conv.errors, "");
        end_pam();
        begin_pam("svc", "locked");
        assert_int_equal(pam_acct_mgmt(pamh, PAM_SILENT), PAM_PERM_DENIED);
        assert_string_equal(conv.errors, "");
        end_pam();
        fake_end();
}

// ---- the handle's way

static void expect_commit(void)
{
        assert_int_equal(shared->commits, 1);
        assert_string_equal(shared->handle, FAKE_HANDLE);
        assert_string_equal(shared->user, "alice");
        assert_string_equal(shared->service, "svc");
        assert_string_equal(shared->rhost, "192.0.2.7");
}

static void login_keeps_everything_in_one_process(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS);
        for (int i = 0; i < 3; i++) // "some programs call setcred over and over"
                assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(shared->commits, 0);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        expect_commit();
        assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(shared->commits, 1); // once
        assert_int_equal(pam_close_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(shared->closes, 1);
        assert_int_equal(pam_setcred(pamh, PAM_DELETE_CRED), PAM_SUCCESS);
        assert_int_equal(shared->drops, 0); // nothing left to drop
        end_pam();
        fake_end();
}

// sshd: authenticate and account in a forked child, of which only the PAM environment comes back.
static void sshd_forks_between_authenticate_and_session(void **state)
{
        char line[128] = "";
        int pipefd[2], status;
        pid_t pid;
        ssize_t n;

        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pipe(pipefd), 0);
        pid = fork();
        if (pid == 0) {
                const char *h;

                if (pam_authenticate(pamh, 0) != PAM_SUCCESS || pam_acct_mgmt(pamh, 0) != PAM_SUCCESS)
                        _exit(1);
                h = pam_getenv(pamh, "VALETKEY_LOGIN");
                snprintf(line, sizeof line, "VALETKEY_LOGIN=%s", h ? h : "");
                if (write(pipefd[1], line, strlen(line)) < 0)
                        _exit(2);
                pam_end(pamh, PAM_SUCCESS); // its destructors run here, and again in the parent
                _exit(0);
        }
        close(pipefd[1]);
        n = read(pipefd[0], line, sizeof line - 1);
        close(pipefd[0]);
        assert_true(n > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(pam_putenv(pamh, line), PAM_SUCCESS);
        assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        expect_commit();
        assert_null(pam_getenv(pamh, "VALETKEY_LOGIN")); // or it would be in the shell's environment
        end_pam();
        fake_end();
}

// sudo authenticates one user and opens the session of another.
static void a_handle_does_not_change_users(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        for (int i = 0; i < 2; i++) {
                begin_pam("svc", "alice");
                assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
                assert_int_equal(pam_set_item(pamh, PAM_USER, i ? "old" : "root"), PAM_SUCCESS);
                assert_int_equal(pam_open_session(pamh, 0), i ? PAM_SUCCESS : IGNORED);
                assert_int_equal(shared->commits, 0);
                assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
                end_pam();
        }
        fake_end();
}

static void junk_in_the_environment_is_not_sent(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_putenv(pamh, "VALETKEY_LOGIN=../../etc/shadow"), PAM_SUCCESS);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(shared->commits, 0);
        assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
        end_pam();
        fake_end();
}

static void deleting_credentials_drops_the_handle_once(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_setcred(pamh, PAM_DELETE_CRED), PAM_SUCCESS);
        assert_int_equal(shared->drops, 0);
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_setcred(pamh, PAM_DELETE_CRED), PAM_SUCCESS);
        assert_int_equal(pam_setcred(pamh, PAM_DELETE_CRED), PAM_SUCCESS);
        assert_int_equal(shared->drops, 1);
        assert_string_equal(shared->handle, FAKE_HANDLE);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(shared->commits, 0);
        end_pam();
        fake_end();
}

static void a_locker_hands_over_without_a_session(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_setcred(pamh, PAM_REINITIALIZE_CRED), PAM_SUCCESS);
        assert_int_equal(shared->commits, 1);
        end_pam();
        fake_end();
}

static void a_commit_that_fails_does_not_fail_the_login(void **state)
{
        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        fake_end();
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        end_pam();
}

// A sign-in of a moment ago, or a locker's: in, and nothing to hand over.
static void verified_is_in_without_a_handle(void **state)
{
        (void)state;
        fake_daemon(FAKE_VERIFIED);
        begin_pam("svc", "alice");
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(conv.calls, 0);
        assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
        assert_int_equal(pam_setcred(pamh, PAM_REINITIALIZE_CRED), PAM_SUCCESS);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(shared->commits, 0);
        end_pam();
        fake_end();
}

// ---- what the daemon is told to decide by

static void ask_with(const char *env, const char *ruser)
{
        begin_pam("svc", "alice");
        if (env)
                assert_int_equal(pam_putenv(pamh, env), PAM_SUCCESS);
        if (ruser)
                assert_int_equal(pam_set_item(pamh, PAM_RUSER, ruser), PAM_SUCCESS);
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        end_pam();
}

static void what_sshd_says_of_earlier_factors_is_told(void **state)
{
        static const char name[] = "SSH_AUTH_INFO_0=";
        char env[sizeof name + 16 * 1024 + 2];

        (void)state;
        fake_daemon(FAKE_GOOD);
        ask_with("SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA\n", NULL);
        assert_string_equal(shared->prior, "publickey ssh-ed25519 AAAA\n");
        ask_with("SSH_AUTH_INFO_0=", NULL); // sshd without an earlier factor
        assert_string_equal(shared->prior, "");
        ask_with(NULL, NULL);
        assert_string_equal(shared->prior, "");
        for (int over = 0; over < 2; over++) { // what does not fit is left out: less is believed, never more
                memset(env, 'x', sizeof env);
                memcpy(env, name, sizeof name - 1);
                env[sizeof name - 1 + 16 * 1024 + (size_t)over] = 0;
                ask_with(env, NULL);
                assert_int_equal(strlen(shared->prior), over ? 0 : 16 * 1024);
        }
        fake_end();
        // The process's own environment is somebody else's: it says nothing.
        setenv("SSH_AUTH_INFO_0", "publickey ssh-ed25519 AAAA\n", 1);
        fake_daemon(FAKE_GOOD);
        ask_with(NULL, NULL);
        assert_string_equal(shared->prior, "");
        fake_end();
        unsetenv("SSH_AUTH_INFO_0");
}

static void who_runs_sudo_is_told(void **state)
{
        static const char *const others[] = {"DOMAIN\\bob", "Bob", "bob\n", "../bob", " "};

        (void)state;
        fake_daemon(FAKE_GOOD);
        ask_with(NULL, "bob");
        assert_string_equal(shared->ruser, "bob");
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                ask_with(NULL, others[i]);
                assert_string_equal(shared->ruser, "");
        }
        fake_end();
}

// ---- a guest's manners

static unsigned open_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void no_descriptor_stays_and_none_is_a_standard_stream(void **state)
{
        int saved = dup(0);
        unsigned before;

        (void)state;
        fake_daemon(FAKE_GOOD);
        begin_pam("svc", "alice");
        assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SUCCESS); // loads the module
        close(0);
        before = open_descriptors();
        assert_int_equal(pam_authenticate(pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_open_session(pamh, 0), PAM_SUCCESS);
        assert_int_equal(open_descriptors(), before);
        assert_int_equal(fcntl(0, F_GETFD), -1);
        end_pam();
        fake_end();
        dup2(saved, 0);
        close(saved);
}

static void a_misspelt_argument_is_never_success(void **state)
{
        static const char *const bad[] = {"max_offline_aeg=1h", "max_offline_age=", "max_offline_age=0",
                "max_offline_age=1y", "max_offline_age=-1", "debug", "socket=login.sock", "socket",
                "timeout=0", "timeout=601", "timeout=1h", "server_uid=-1", "server_uid=4294967295",
                "server_uid=root", "table=x", "max_offline_age=1h max_offline_age=2h",
                "max_offline_age=99999999999d"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                write_service("bad", bad[i]);
                begin_pam("bad", i % 2 ? "alice" : "root");
                assert_int_equal(pam_authenticate(pamh, 0), PAM_SERVICE_ERR);
                assert_int_equal(pam_acct_mgmt(pamh, 0), PAM_SERVICE_ERR);
                assert_int_equal(pam_setcred(pamh, PAM_ESTABLISH_CRED), PAM_SERVICE_ERR);
                assert_int_equal(pam_putenv(pamh, "VALETKEY_LOGIN=" FAKE_HANDLE), PAM_SUCCESS);
                assert_int_equal(pam_open_session(pamh, 0), PAM_SERVICE_ERR);
                assert_null(pam_getenv(pamh, "VALETKEY_LOGIN"));
                assert_int_equal(pam_close_session(pamh, 0), PAM_SERVICE_ERR);
                end_pam();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exactly_the_five_entry_points),
                cmocka_unit_test(each_user_gets_his_code),
                cmocka_unit_test(no_daemon_refuses_only_ours),
                cmocka_unit_test(a_missing_or_corrupt_table_refuses_all_but_root_and_local_users),
                cmocka_unit_test(out_of_descriptors_is_no_answer),
                cmocka_unit_test(account_holds_the_age_of_the_last_sign_in),
                cmocka_unit_test(the_tables_own_limit_counts_too),
                cmocka_unit_test(a_home_of_somebody_elses_refuses_the_login),
                cmocka_unit_test(who_the_provider_does_not_renew_is_refused),
                cmocka_unit_test(a_newcomer_is_never_let_in),
                cmocka_unit_test(every_refusal_has_its_code_and_sentence),
                cmocka_unit_test(an_error_without_an_error_is_no_success),
                cmocka_unit_test(a_hung_daemon_is_given_up),
                cmocka_unit_test(a_full_backlog_is_given_up),
                cmocka_unit_test(no_answer_but_a_right_one_lets_anybody_in),
                cmocka_unit_test(somebody_elses_socket_is_not_believed),
                cmocka_unit_test(the_prompt_is_one_clean_message),
                cmocka_unit_test(a_conversation_that_ends_ends_the_sign_in),
                cmocka_unit_test(silence_is_kept),
                cmocka_unit_test(login_keeps_everything_in_one_process),
                cmocka_unit_test(sshd_forks_between_authenticate_and_session),
                cmocka_unit_test(a_handle_does_not_change_users),
                cmocka_unit_test(junk_in_the_environment_is_not_sent),
                cmocka_unit_test(deleting_credentials_drops_the_handle_once),
                cmocka_unit_test(a_locker_hands_over_without_a_session),
                cmocka_unit_test(a_commit_that_fails_does_not_fail_the_login),
                cmocka_unit_test(verified_is_in_without_a_handle),
                cmocka_unit_test(what_sshd_says_of_earlier_factors_is_told),
                cmocka_unit_test(who_runs_sudo_is_told),
                cmocka_unit_test(no_descriptor_stays_and_none_is_a_standard_stream),
                cmocka_unit_test(a_misspelt_argument_is_never_success),
        };

        return cmocka_run_group_tests(tests, world_up, world_down);
}
