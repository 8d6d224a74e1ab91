// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd's two doors in one process with a clock that is turned by hand: its deadlines, and memory that runs out
// while a grant is on its way. What a provider does is tests/e2e/test_signin.py's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "log.h"
#include "reauth.h"
#include "signin.h"
#include "write.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define WALL_S 1800000000

static char dir[64];
static struct clock_fake now;
static struct loop *loop;
static struct http *http;
static struct signin *s;
static uid_t me, alice;
static int provider = -1; // listens and never answers

static const char *in_dir(const char *name)
{
        static char path[4][128];
        static unsigned i;

        i = (i + 1) % 4;
        snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
        return path[i];
}

static void make_user(const char *file, enum table_kind kind, const char *issuer, unsigned flags)
{
        const uid_t owners[] = {0, me};
        struct table_edit *e = NULL;
        struct table_user u = {
                .flags = flags, .name = "alice", .subject = "s-1", .home = "/", .shell = "/bin/sh"};

        u.uid = u.gid = kind == TABLE_LOCAL ? TABLE_UID_NONE : alice;
        snprintf(u.issuer, sizeof u.issuer, "%s", issuer);
        assert_int_equal(table_edit_begin(&e, in_dir(file), kind, owners, 2, 0), 0);
        assert_int_equal(table_edit_get(e, "alice", &(struct table_user){0}) == 0 ? table_edit_replace(e, &u)
                                                                                  : table_edit_add(e, &u),
                0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static char issuer[64];

static void write_passwd(void)
{
        FILE *f = fopen(in_dir("passwd"), "we");

        assert_non_null(f);
        fputs("root:x:0:0::/root:/bin/sh\n", f);
        if (me)
                fprintf(f, "alice:x:%u:%u::/:/bin/sh\n", (unsigned)me, (unsigned)me);
        fclose(f);
}

// As root alice is federated, and the test takes her uid to connect; else she is whoever runs this.
static int set_up(void **state)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct signin_options o = {
                .passwd = in_dir("passwd"), .login_uid = (uid_t)-1, .login_fd = -1, .claim_fd = -1};
        char text[256], login[128], claim[128], users[128], passwd[128];
        socklen_t n = sizeof a;
        struct err err = ERR_INIT;
        struct config *c = NULL;

        (void)state;
        me = geteuid();
        alice = me ? me : TABLE_UID_MIN + 77;
        snprintf(dir, sizeof dir, "/tmp/test_signin.XXXXXX");
        assert_non_null(mkdtemp(dir));
        assert_int_equal(chmod(dir, 0755), 0);
        provider = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(provider, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(provider, 16), 0);
        assert_int_equal(getsockname(provider, (struct sockaddr *)&a, &n), 0);
        snprintf(issuer, sizeof issuer, "http://127.0.0.1:%u", ntohs(a.sin_port));
        snprintf(text, sizeof text,
                "[identity corp]\ntype = oidc\nissuer = %s\nclient_id = valetkey\n"
                "[service sshd]\nrequire_prior = none\n[signin]\nmax_starts_per_user = 1024\n",
                issuer);
        assert_int_equal(config_parse(&c, "test.conf", text, strlen(text), &err), 0);
        write_passwd();
        make_user(me ? "root-users" : "users", me ? TABLE_LOCAL : TABLE_FEDERATED, issuer, 0);
        clock_fake_init(&now, WALL_S);
        assert_int_equal(loop_new(&loop, &now.clock), 0);
        assert_int_equal(http_new(&http, loop), 0);
        o.loop = loop;
        o.http = http;
        o.config = c;
        snprintf(login, sizeof login, "%s", in_dir("login.sock"));
        snprintf(claim, sizeof claim, "%s", in_dir("claim.sock"));
        snprintf(users, sizeof users, "%s", in_dir("root-users"));
        snprintf(passwd, sizeof passwd, "%s", in_dir("passwd"));
        o.login_path = login;
        o.claim_path = claim;
        o.root_table = users;
        o.passwd = strdup(passwd); // the paths are borrowed for the daemon's life
        o.state_dir = dir;
        o.sessions_dir = dir;
        o.login_uid = me;
        o.root_table = strdup(users);
        assert_int_equal(signin_new(&s, &o, &err), 0);
        config_unref(c);
        return 0;
}

static int tear_down(void **state)
{
        static const char *const names[] = {
                "passwd", "users", "users.lock", "root-users", "root-users.lock", "login.sock", "claim.sock"};
        char *passwd = (char *)(uintptr_t)s->paths.passwd,
             *root_table = (char *)(uintptr_t)s->paths.root_table;

        (void)state;
        s = signin_free(s);
        http = http_free(http);
        loop = loop_free(loop);
        free(passwd);
        free(root_table);
        close(provider);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unlink(in_dir(names[i]));
        return rmdir(dir);
}

// ---- a peer ----------------------------------------------------------------------------------------------------

// The kernel notes the effective uid of whoever connects.
static int connect_as(const char *name, uid_t uid)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

        memcpy(a.sun_path, in_dir(name), strlen(in_dir(name)) + 1);
        assert_int_equal(seteuid(uid), 0);
        r = connect(fd, (struct sockaddr *)&a, sizeof a);
        assert_int_equal(seteuid(me), 0);
        assert_int_equal(r, 0);
        return fd;
}

static void turn_loop(void)
{
        for (int i = 0; i < 8; i++) {
                int r = loop_run_once(loop, 1); // needs memory itself, which a test may have taken away

                assert_true(r == 0 || r == -ENOMEM);
        }
}

static void say(int fd, uint16_t type, uint64_t grant_id)
{
        struct frame_writer w;
        uint8_t room[512];
        size_t n;

        frame_begin(&w, room, sizeof room, type);
        if (type == MSG_ACK)
                frame_put_u64(&w, TAG_GRANT_ID, grant_id);
        if (type == MSG_AUTHENTICATE) {
                frame_put_str(&w, TAG_USER, "alice");
                frame_put_str(&w, TAG_SERVICE, "sshd");
        }
        n = frame_end(&w);
        assert_true(n > 0);
        assert_int_equal(send(fd, room, n, MSG_NOSIGNAL), n);
}

enum {
        HEARD_NOTHING = -1,
        HEARD_END = -2
};

static uint8_t heard[FRAME_MAX];
static struct frame answer;

// The type of the next frame, left in answer.
static int hear(int fd)
{
        ssize_t n = recv(fd, heard, sizeof heard, MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
                return HEARD_NOTHING;
        if (n <= 0)
                return HEARD_END;
        assert_true(frame_parse(&answer, heard, (size_t)n));
        return answer.type;
}

static uint32_t outcome(void)
{
        uint32_t o = UINT32_MAX;

        assert_true(frame_get_u32(&answer, TAG_OUTCOME, &o));
        return o;
}

static uint64_t grant_id(void)
{
        uint64_t id = 0;

        assert_true(frame_get_u64(&answer, TAG_GRANT_ID, &id));
        return id;
}

static void put_grant(void)
{
        const struct pending_binding b = {.user = "alice", .service = "sshd"};
        cleanup_secret struct secret *g = NULL, *token = NULL;
        char handle[HANDLE_HEX + 1];
        uid_t uid;

        assert_int_equal(secret_new_str(&token, "tok.e.n"), 0);

        assert_int_equal(grant_encode(&g, &(struct grant){.type = SOURCE_OIDC,
                                                  .identity = (char[]){"corp"},
                                                  .issuer = issuer,
                                                  .client_id = (char[]){"valetkey"},
                                                  .subject = (char[]){"s-1"},
                                                  .display = (char[]){"the grant"},
                                                  .id_token = token}),
                0);
        assert_int_equal(pending_hold(s->pending, &b, alice, "corp", &g, handle), 0);
        assert_int_equal(pending_commit(s->pending, handle, &b, &uid), 0);
        signin_reap(s);
}

static void expect_claim(void)
{
        const struct frame_field *f;
        struct grant g = {0};
        int fd = connect_as("claim.sock", alice);

        say(fd, MSG_CLAIM, 0);
        turn_loop();
        assert_int_equal(hear(fd), MSG_GRANT);
        f = frame_find(&answer, TAG_GRANT);
        assert_non_null(f);
        assert_int_equal(grant_decode(&g, f->p, f->n, NULL), 0);
        assert_string_equal(g.display, "the grant");
        grant_deinit(&g);
        say(fd, MSG_ACK, grant_id());
        turn_loop();
        assert_int_equal(hear(fd), MSG_OK);
        assert_int_equal(pending_count(s->pending), 0);
        close(fd);
        turn_loop();
}

// ---- the tests -------------------------------------------------------------------------------------------------

static void a_silent_connection_is_closed(void **state)
{
        static const char *const doors[] = {"login.sock", "claim.sock"};

        (void)state;
        for (int i = 0; i < 2; i++) {
                int fd = connect_as(doors[i], i ? alice : me);

                turn_loop();
                loop_turn(loop, &now, SIGNIN_REQUEST_MS - 1);
                turn_loop();
                assert_int_equal(hear(fd), HEARD_NOTHING);
                loop_turn(loop, &now, 1);
                turn_loop();
                assert_int_equal(hear(fd), HEARD_END);
                close(fd);
        }
}

static void an_ack_that_does_not_come_gives_the_grant_back(void **state)
{
        int fd, other;

        (void)state;
        put_grant();
        fd = connect_as("claim.sock", alice);
        say(fd, MSG_CLAIM, 0);
        turn_loop();
        assert_int_equal(hear(fd), MSG_GRANT);
        other = connect_as("claim.sock", alice);
        say(other, MSG_CLAIM, 0);
        turn_loop();
        assert_int_equal(hear(other), MSG_ERROR);
        assert_int_equal(outcome(), OUTCOME_BUSY);
        close(other);
        loop_turn(loop, &now, 10000);
        turn_loop();
        assert_int_equal(hear(fd), HEARD_END);
        close(fd);
        expect_claim();
}

static void a_second_claim_before_the_ack_is_an_error_and_loses_nothing(void **state)
{
        int fd = connect_as("claim.sock", alice);

        (void)state;
        put_grant();
        say(fd, MSG_CLAIM, 0);
        say(fd, MSG_CLAIM, 0);
        turn_loop();
        assert_int_equal(hear(fd), MSG_GRANT);
        assert_int_equal(hear(fd), MSG_ERROR);
        assert_int_equal(outcome(), OUTCOME_INVALID_REQUEST);
        assert_int_equal(hear(fd), HEARD_END);
        close(fd);
        expect_claim();
}

// A first credential request 15 minutes after the sign-in works, because the broker claims when it starts; a grant
// that no broker fetches is dropped by the timer, without anybody asking.
static void an_unclaimed_grant_is_dropped_by_the_timer(void **state)
{
        (void)state;
        put_grant();
        loop_turn(loop, &now, 10 * 60 * 1000 - 1);
        turn_loop();
        assert_int_equal(pending_count(s->pending), 1);
        loop_turn(loop, &now, 1);
        turn_loop();
        assert_int_equal(pending_count(s->pending), 0);
}

static void who_was_locked_meanwhile_has_nothing_to_claim(void **state)
{
        int fd;

        (void)state;
        put_grant();
        make_user(me ? "root-users" : "users", me ? TABLE_LOCAL : TABLE_FEDERATED, issuer, TABLE_USER_LOCKED);
        fd = connect_as("claim.sock", alice);
        say(fd, MSG_CLAIM, 0);
        turn_loop();
        assert_int_equal(hear(fd), MSG_ERROR);
        assert_int_equal(outcome(), OUTCOME_ACCOUNT_LOCKED);
        assert_int_equal(pending_count(s->pending), 0);
        close(fd);
}

static void a_provider_that_says_nothing_is_given_up_in_time(void **state)
{
        int fd = connect_as("login.sock", me);

        (void)state;
        say(fd, MSG_AUTHENTICATE, 0);
        turn_loop();
        assert_int_equal(s->n_flows, 1);
        loop_turn(loop, &now, SIGNIN_PROMPT_MS - 1);
        turn_loop();
        assert_int_equal(hear(fd), HEARD_NOTHING);
        loop_turn(loop, &now, 1);
        turn_loop();
        assert_int_equal(hear(fd), MSG_ERROR);
        assert_int_equal(outcome(), OUTCOME_TIMEOUT);
        assert_int_equal(hear(fd), HEARD_END);
        assert_int_equal(s->n_flows, 0);
        close(fd);
}

static void hanging_up_frees_the_flow_at_once(void **state)
{
        (void)state;
        for (int i = 0; i < 3; i++) {
                int fd = connect_as("login.sock", me);

                say(fd, MSG_AUTHENTICATE, 0);
                turn_loop();
                assert_int_equal(s->n_flows, 1);
                close(fd);
                turn_loop();
                assert_int_equal(s->n_flows, 0);
        }
}

static void the_end_of_the_daemon_takes_everything_along(void **state)
{
        int fds[3];

        (void)state;
        put_grant();
        fds[0] = connect_as("login.sock", me);
        say(fds[0], MSG_AUTHENTICATE, 0);
        fds[1] = connect_as("claim.sock", alice);
        say(fds[1], MSG_CLAIM, 0);
        fds[2] = connect_as("claim.sock", alice);
        turn_loop(); // and tear_down frees it in this state
        for (int i = 0; i < 3; i++)
                close(fds[i]);
}

static int claim_once(bool *ret_acked)
{
        int fd = connect_as("claim.sock", alice), r;

        *ret_acked = false;
        say(fd, MSG_CLAIM, 0);
        turn_loop();
        r = hear(fd);
        if (r == MSG_GRANT) {
                say(fd, MSG_ACK, grant_id());
                turn_loop();
                *ret_acked = hear(fd) == MSG_OK;
        }
        close(fd);
        turn_loop();
        return r;
}

// CVE-2025-23013's lesson on our side: whatever allocation fails, a grant is claimed once or still there.
static void memory_that_runs_out_loses_no_grant(void **state)
{
        unsigned failed = 0;
        bool acked = false;
        int r = 0;

        (void)state;
        put_grant();
        FAULT_EACH(100, r = claim_once(&acked))
        {
                assert_true(r == MSG_GRANT || r == HEARD_END || r == HEARD_NOTHING || r == MSG_ERROR);
                if (pending_count(s->pending) == 0) // it was acknowledged, only the answer was lost
                        put_grant();
                failed++;
        }
        assert_true(failed > 3);
        if (pending_count(s->pending) > 0)
                expect_claim();
        else
                assert_true(acked);
}

static int ask_once(void)
{
        int fd = connect_as("login.sock", me), r;

        say(fd, MSG_AUTHENTICATE, 0);
        turn_loop();
        r = hear(fd);
        close(fd);
        turn_loop();
        return r;
}

static void memory_that_runs_out_leaves_no_flow_behind(void **state)
{
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(200, r = ask_once())
        {
                assert_int_not_equal(r, MSG_AUTHENTICATED);
                assert_int_equal(s->n_flows, 0);
                failed++;
        }
        assert_true(failed > 5);
        assert_int_equal(r, HEARD_NOTHING); // it waits for the provider
        assert_int_equal(s->n_flows, 0);
}

// ---- what a broker reports

static int report_once(uint16_t tag)
{
        int fd = connect_as("claim.sock", alice), r;
        struct frame_writer w;
        uint8_t room[512];
        size_t n;

        frame_begin(&w, room, sizeof room, MSG_REPORT);
        if (tag == TAG_TOKEN) {
                frame_put_str(&w, TAG_TOKEN, "a.b.c");
        } else {
                frame_put_str(&w, TAG_ISSUER, issuer);
                frame_put_str(&w, TAG_SUBJECT, "s-1");
                frame_put_u32(&w, TAG_OUTCOME, OUTCOME_NEEDS_LOGIN);
        }
        n = frame_end(&w);
        assert_int_equal(send(fd, room, n, MSG_NOSIGNAL), n);
        turn_loop();
        r = hear(fd);
        close(fd);
        turn_loop();
        return r;
}

static int64_t refused_at(void)
{
        struct ours_user u;

        ours_find(&u, &s->paths, "alice");
        return u.entry.refused_at_s;
}

// A report is written down, or it is not answered with OK.
static void memory_that_runs_out_hears_no_report_halfway(void **state)
{
        unsigned failed = 0;
        int r = 0;

        (void)state;
        FAULT_EACH(400, r = report_once(TAG_ISSUER))
        {
                fault_fail_nth(0);
                assert_true(me || r != MSG_OK || refused_at() > 0);
                if (!me && refused_at())
                        make_user("users", TABLE_FEDERATED, issuer, 0);
                loop_turn(loop, &now, 120000); // another may be reported
                turn_loop();
                failed++;
        }
        assert_true(failed > 3);
        assert_int_equal(r, MSG_OK);
        assert_true(me || refused_at() > 0);
}

// A provider that never answers keeps a token from being verified, and nobody waits for ever.
static void a_token_that_cannot_be_verified_renews_nothing(void **state)
{
        (void)state;
        if (me) {
                skip();
                return; // which it does itself, unseen by analysers
        }
        assert_int_equal(report_once(TAG_TOKEN), HEARD_NOTHING); // its keys are being fetched
        assert_int_equal(refused_at(), 0);
        loop_turn(loop, &now, 120000);
        turn_loop();
        assert_int_equal(refused_at(), 0);
}

// What is remembered of sign-ins does not outlive the clock it was seen by, nor a user who left.
static void a_clock_that_is_set_and_a_user_who_leaves_end_what_is_remembered(void **state)
{
        const struct reauth_request q = {
                .user = "alice", .service = "sshd", .rhost = "192.0.2.7", .key = "SHA256:k", .remote = true};
        const struct table_user entry = {.issuer = "i", .subject = "s-1"};
        char name[32];
        int fd;

        (void)state;
        snprintf(name, sizeof name, "%u", (unsigned)alice);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(reauth_remember(s->reauth, &q, alice, &entry, 3600), 0);
                loop_turn(loop, &now, 60000); // time that passes is neither
                turn_loop();
                assert_int_equal(reauth_count(s->reauth), 1);
                if (i < 2) {
                        clock_fake_step_wall_ms(&now, i ? 5000 : -5000);
                        loop_turn(loop, &now, 0);
                } else {
                        fd = open(in_dir(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
                        assert_true(fd >= 0);
                        close(fd);
                        turn_loop();
                        assert_int_equal(reauth_count(s->reauth), 1);
                        assert_int_equal(unlink(in_dir(name)), 0);
                        turn_loop();
                }
                assert_int_equal(reauth_count(s->reauth), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
                T(a_silent_connection_is_closed),
                T(an_ack_that_does_not_come_gives_the_grant_back),
                T(a_second_claim_before_the_ack_is_an_error_and_loses_nothing),
                T(an_unclaimed_grant_is_dropped_by_the_timer),
                T(who_was_locked_meanwhile_has_nothing_to_claim),
                T(a_provider_that_says_nothing_is_given_up_in_time),
                T(hanging_up_frees_the_flow_at_once),
                T(the_end_of_the_daemon_takes_everything_along),
                T(memory_that_runs_out_loses_no_grant),
                T(memory_that_runs_out_leaves_no_flow_behind),
                T(memory_that_runs_out_hears_no_report_halfway),
                T(a_token_that_cannot_be_verified_renews_nothing),
                T(a_clock_that_is_set_and_a_user_who_leaves_end_what_is_remembered),
        };

        log_init("test_signin", LOG_E_ERROR);
        if (net_global_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
