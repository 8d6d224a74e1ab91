// SPDX-License-Identifier: Apache-2.0
//
// The HTTPS client against a server that answers badly in every way: one done() each, a bounded answer, a
// sentence that names the host and never the query.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "http.h"
#include "support_server.h"
#include "support_spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static struct loop *l;
static struct http *h;
static struct server *s;

static struct {
        unsigned n;
        enum outcome outcome;
        int status;
        char body[4096], type[128], err[ERR_MAX];
        int64_t date_s, retry_after_s;
        bool sent;
        struct http_op *op;
        bool free_inside, start_inside;
} got;

static void on_done(void *arg _unused_, enum outcome outcome, struct http_response *r, const struct err *err)
{
        got.n++;
        got.outcome = outcome;
        got.status = r->status;
        snprintf(got.body, sizeof got.body, "%s", buf_str(&r->body));
        snprintf(got.type, sizeof got.type, "%s", r->content_type);
        snprintf(got.err, sizeof got.err, "%s", err->text);
        got.date_s = r->date_s;
        got.retry_after_s = r->retry_after_s;
        got.sent = r->sent;
        if (got.free_inside)
                got.op = http_op_free(got.op);
        if (got.start_inside) {
                struct http_request q = {.url = server_url(s)};

                got.start_inside = false;
                got.op = http_op_free(got.op);
                assert_int_equal(http_start(&got.op, h, &q, on_done, NULL), 0);
        }
}

static void wait_for_done(unsigned n)
{
        int64_t deadline = clock_system.boot_ms(&clock_system) + 10000;

        while (got.n < n && clock_system.boot_ms(&clock_system) < deadline)
                loop_run_once(l, 1000);
        for (int i = 0; i < 3; i++) // and no second one comes
                loop_run_once(l, 1);
        assert_int_equal(got.n, n);
}

static void run(const struct http_request *q)
{
        memset(&got, 0, sizeof got);
        assert_int_equal(http_start(&got.op, h, q, on_done, NULL), 0);
        assert_int_equal(got.n, 0); // never from inside start
        wait_for_done(1);
        got.op = http_op_free(got.op);
}

static void get(const char *path)
{
        char url[600];

        snprintf(url, sizeof url, "%s%s", server_url(s), path);
        run(&(struct http_request){.url = url, .timeout_ms = 3000});
}

static const char *scripted; // raw bytes of the answer
static size_t scripted_n;
static enum server_end scripted_end;
static char seen_head[2048], seen_body[2048], seen_method[16];

static void handle(struct server *srv _unused_, const struct server_request *q, void *arg _unused_)
{
        snprintf(seen_head, sizeof seen_head, "%s", q->head);
        snprintf(seen_body, sizeof seen_body, "%s", q->body);
        snprintf(seen_method, sizeof seen_method, "%s", q->method);
        if (strcmp(q->path, "/raw") == 0)
                server_raw(q, scripted, scripted_n, scripted_end);
        else if (strcmp(q->path, "/drip") == 0)
                server_drip(q, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 2);
        else if (strcmp(q->path, "/slow") == 0)
                server_drip(q, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 100);
        else if (strcmp(q->path, "/redirect") == 0)
                server_answer(q, 302, "text/html", "Location: /\r\nSet-Cookie: a=b\r\n", 0, "moved");
        else if (strcmp(q->path, "/late") == 0)
                server_answer(q, 429, "application/json", "Retry-After: 17\r\n", 1000000000, "{}");
        else if (strcmp(q->path, "/late-date") == 0)
                server_answer(
                        q, 503, "a/b", "Retry-After: Sun, 09 Sep 2001 01:46:45 GMT\r\n", 1000000000, "{}");
        else if (strncmp(q->path, "/hang", 5) != 0)
                server_answer(q, 200, "application/json; charset=utf-8", NULL, 1000000000, "{\"a\":1}");
}

static int count_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static int fds_before;

static int setup(void **state _unused_)
{
        memset(&got, 0, sizeof got);
        fds_before = count_fds();
        if (loop_new(&l, &clock_system) < 0 || http_new(&h, l) < 0)
                return -1;
        server_new(&s, l, handle, NULL);
        return 0;
}

static int teardown(void **state _unused_)
{
        got.op = http_op_free(got.op);
        h = http_free(h);
        s = server_free(s);
        l = loop_free(l);
        return count_fds() == fds_before ? 0 : -1;
}

static void script(const char *bytes, enum server_end end)
{
        scripted = bytes;
        scripted_n = strlen(bytes);
        scripted_end = end;
}

static void a_whole_answer_arrives(void **state _unused_)
{
        get("/");
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(got.status, 200);
        assert_string_equal(got.body, "{\"a\":1}");
        assert_string_equal(got.type, "application/json; charset=utf-8");
        assert_int_equal(got.date_s, 1000000000);
        assert_int_equal(got.retry_after_s, -1);
        assert_string_equal(seen_method, "GET");
        assert_non_null(strstr(seen_head, "User-Agent: valetkey/" VALETKEY_VERSION "\r\n"));
        assert_null(strcasestr(seen_head, "Accept"));
        assert_null(strcasestr(seen_head, "Cookie"));
        get("/late");
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(got.status, 429);
        assert_int_equal(got.retry_after_s, 17);
        get("/late-date");
        assert_int_equal(got.retry_after_s, 5);
        get("/drip");
        assert_string_equal(got.body, "hello");
}

static void a_post_sends_its_form_and_headers(void **state _unused_)
{
        static const char *const more[] = {"X-More: yes", NULL};
        cleanup_secret struct secret *form = NULL, *authorization = NULL;
        struct http_request q = {
                .url = server_url(s), .accept = "application/json", .headers = more, .once = true};

        assert_int_equal(secret_new_str(&form, "a=b&c=d"), 0);
        assert_int_equal(secret_new_str(&authorization, "Bearer xyz"), 0);
        q.form = form;
        q.authorization = authorization;
        run(&q);
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_true(got.sent);
        assert_string_equal(seen_method, "POST");
        assert_string_equal(seen_body, "a=b&c=d");
        assert_non_null(strstr(seen_head, "Content-Type: application/x-www-form-urlencoded\r\n"));
        assert_non_null(strstr(seen_head, "Accept: application/json\r\n"));
        assert_non_null(strstr(seen_head, "Authorization: Bearer xyz\r\n"));
        assert_non_null(strstr(seen_head, "X-More: yes\r\n"));
        assert_null(strcasestr(seen_head, "Expect"));
}

static void redirects_and_cookies_are_not_followed(void **state _unused_)
{
        get("/redirect");
        assert_int_equal(got.outcome, OUTCOME_OK);
        assert_int_equal(got.status, 302);
        assert_int_equal(server_count(s), 1);
        get("/");
        assert_null(strcasestr(seen_head, "Cookie"));
}

static void answers_that_are_none(void **state _unused_)
{
        static const struct {
                const char *bytes;
                enum server_end end;
                enum outcome outcome;
                const char *says;
        } rows[] = {
                {"", SERVER_CLOSE, OUTCOME_UNREACHABLE, "closed the connection without an answer"},
                {"", SERVER_RESET, OUTCOME_UNREACHABLE, "closed the connection without an answer"},
                {"SSH-2.0-OpenSSH_9.2\r\n", SERVER_CLOSE, OUTCOME_BAD_ANSWER, "not HTTP"},
                {"{\"a\":1}", SERVER_CLOSE, OUTCOME_BAD_ANSWER, "not HTTP"},
                {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", SERVER_CLOSE, OUTCOME_BAD_ANSWER,
                        "was cut"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", SERVER_CLOSE,
                        OUTCOME_BAD_ANSWER, "was cut"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe", SERVER_CLOSE,
                        OUTCOME_BAD_ANSWER, "was cut or garbled"},
                {"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", SERVER_KEEP, OUTCOME_BAD_ANSWER,
                        "announced more than 1048576 bytes"},
                {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", SERVER_CLOSE, OUTCOME_BAD_ANSWER,
                        "not HTTP"},
                {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", SERVER_CLOSE, OUTCOME_BAD_ANSWER,
                        "status 999"},
                {"HTTP/1.1 200 OK\r\nX-Half", SERVER_CLOSE, OUTCOME_BAD_ANSWER, ""},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nX-Trailer: 1\r\n\r\n",
                        SERVER_CLOSE, OUTCOME_OK, ""},
                {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SERVER_CLOSE,
                        OUTCOME_OK, ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                script(rows[i].bytes, rows[i].end);
                get("/raw");
                if (got.outcome != rows[i].outcome || !strstr(got.err, rows[i].says))
                        fail_msg("row %zu: %s: %s", i, outcome_info(got.outcome)->id, got.err);
                assert_true(got.sent);
        }
}

static void huge_answers_stop_at_the_cap(void **state _unused_)
{
        static char big[3 << 20];
        int n = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\n\r\n"); // until the end of the connection

        memset(big + n, 'x', sizeof big - 1 - (size_t)n);
        script(big, SERVER_CLOSE);
        get("/raw");
        assert_int_equal(got.outcome, OUTCOME_BAD_ANSWER);
        assert_non_null(strstr(got.err, "sent more than 1048576 bytes"));
        n = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\n");
        for (size_t at = (size_t)n; at < 200000; at += 1000) { // many headers, none of them long
                memset(big + at, 'h', 1000);
                memcpy(big + at, "X: ", 3);
                memcpy(big + at + 998, "\r\n", 2);
        }
        big[200000] = 0;
        script(big, SERVER_CLOSE);
        get("/raw");
        assert_int_equal(got.outcome, OUTCOME_BAD_ANSWER);
        assert_non_null(strstr(got.err, "bytes of headers"));
        run(&(struct http_request){.url = server_url(s), .body_max = 6});
        assert_int_equal(got.outcome, OUTCOME_BAD_ANSWER);
}

static void slow_servers_meet_the_deadline(void **state _unused_)
{
        char url[128];
        int64_t start = clock_system.boot_ms(&clock_system);

        snprintf(url, sizeof url, "%s/slow?code=SECRETQ", server_url(s));
        run(&(struct http_request){.url = url, .timeout_ms = 200});
        snprintf(url, sizeof url, "%s/hang?code=SECRETQ", server_url(s));
        run(&(struct http_request){.url = url, .timeout_ms = 200});
        assert_int_equal(got.outcome, OUTCOME_TIMEOUT);
        assert_non_null(strstr(got.err, server_url(s) + 7)); // host and port
        assert_null(strstr(got.err, "SECRETQ"));
        assert_true(clock_system.boot_ms(&clock_system) - start < 5000);
}

static void unreachable_servers_are_named(void **state _unused_)
{
        char url[64];

        snprintf(url, sizeof url, "%s/?x=SECRETQ", server_url(s));
        s = server_free(s); // nobody listens on that port any more
        run(&(struct http_request){.url = url});
        assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
        assert_non_null(strstr(got.err, "cannot connect to 127.0.0.1:"));
        assert_null(strstr(got.err, "SECRETQ"));
        assert_false(got.sent);
        run(&(struct http_request){.url = "https://no-such-host.invalid/x?y=SECRETQ", .timeout_ms = 5000});
        assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
        assert_string_equal(
                got.err, "no-such-host.invalid: there is no such name, or the name service does not answer");
        assert_false(got.sent);
        server_new(&s, l, handle, NULL);
}

static void urls_that_may_not_be_called(void **state _unused_)
{
        static const char *const urls[] = {"http://login.example.com/", "ftp://127.0.0.1/",
                "file:///etc/passwd", "", "https://user@example.com/", "http://127.0.0.1.example.com/"};

        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                run(&(struct http_request){.url = urls[i]});
                assert_int_equal(got.outcome, OUTCOME_MISCONFIGURED);
                assert_true(*got.err);
                assert_false(got.sent);
        }
}

static void plain_http_where_tls_is_expected(void **state _unused_)
{
        char url[64];

        snprintf(url, sizeof url, "https%s/", server_url(s) + 4);
        run(&(struct http_request){.url = url, .timeout_ms = 500});
        assert_true(got.outcome == OUTCOME_UNREACHABLE || got.outcome == OUTCOME_TIMEOUT);
        assert_false(got.sent);
        run(&(struct http_request){.url = url, .ca_file = "/nonexistent/ca.pem"});
        assert_int_equal(got.outcome, OUTCOME_MISCONFIGURED);
        assert_non_null(strstr(got.err, "ca_file"));
}

static void a_proxy_of_the_environment_is_not_for_loopback(void **state _unused_)
{
        setenv("http_proxy", "http://127.0.0.1:1/", 1);
        setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
        get("/");
        unsetenv("http_proxy");
        unsetenv("ALL_PROXY");
        assert_int_equal(got.outcome, OUTCOME_OK);
}

static void kept_connections_are_used_again_but_not_for_once(void **state _unused_)
{
        unsigned before;
        char url[64];

        get("/");
        get("/");
        assert_int_equal(server_connections(s), 1);
        run(&(struct http_request){.url = server_url(s), .once = true});
        assert_int_equal(server_connections(s), 2);
        script("", SERVER_RESET);
        snprintf(url, sizeof url, "%s/raw", server_url(s));
        before = server_count(s);
        run(&(struct http_request){.url = url, .once = true});
        assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
        assert_int_equal(server_count(s), before + 1);
        get("/"); // keeps a connection
        before = server_count(s);
        run(&(struct http_request){.url = url}); // which curl finds dead, and asks again by itself
        assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
        assert_true(server_count(s) >= before + 2);
}

// A TLS server with what is in the folder; returns its process.
static pid_t tls_serve(const char *dir, char *url, size_t n)
{
        char cert[64], keyfile[64], line[256] = "";
        char *serve[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", cert, "-key",
                keyfile, NULL};
        int fds[2];
        pid_t pid;
        FILE *f;

        snprintf(cert, sizeof cert, "%s/cert.pem", dir);
        snprintf(keyfile, sizeof keyfile, "%s/key.pem", dir);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = support_spawn(serve, fds[1], -1);
        assert_true(pid > 0);
        close(fds[1]);
        f = fdopen(fds[0], "r");
        assert_non_null(f);
        while (fgets(line, sizeof line, f) && strncmp(line, "ACCEPT ", 7) != 0)
                ;
        fclose(f);
        line[strcspn(line, "\r\n")] = 0;
        assert_int_equal(strncmp(line, "ACCEPT 127.0.0.1:", 17), 0);
        snprintf(url, n, "https://127.0.0.1:%.5s/", line + 17);
        return pid;
}

// The same with a certificate of its own for this name; -1: there is no openssl program.
static pid_t tls_server(const char *dir, const char *name, char *url, size_t n)
{
        char cert[64], keyfile[64], san[64];
        char *req[] = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test",
                "-days", "2", "-addext", san, "-keyout", keyfile, "-out", cert, NULL};
        int status;
        pid_t pid;

        snprintf(cert, sizeof cert, "%s/cert.pem", dir);
        snprintf(keyfile, sizeof keyfile, "%s/key.pem", dir);
        snprintf(san, sizeof san, "subjectAltName=%s", name);
        pid = support_spawn(req, -1, -1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return -1;
        assert_int_equal(status, 0);
        return tls_serve(dir, url, n);
}

// A certificate that begins and ends so many seconds from now, which no openssl program of today makes.
static void make_certificate(const char *dir, long from_s, long until_s)
{
        EVP_PKEY *key = EVP_RSA_gen(2048);
        X509 *x = X509_new();
        char path[64];
        FILE *f;

        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), from_s);
        X509_gmtime_adj(X509_getm_notAfter(x), until_s);
        X509_NAME_add_entry_by_txt(
                X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(x));
        X509_set_pubkey(x, key);
        assert_true(X509_sign(x, key, EVP_sha256()) > 0);
        snprintf(path, sizeof path, "%s/cert.pem", dir);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(PEM_write_X509(f, x), 1);
        fclose(f);
        snprintf(path, sizeof path, "%s/key.pem", dir);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(f);
        X509_free(x);
        EVP_PKEY_free(key);
}

// A machine that believes it is 1970 is told so, and not that somebody is in the middle.
static void a_certificate_of_the_future_is_a_wrong_clock_of_ours(void **state _unused_)
{
        char dir[] = "/tmp/valetkey-tls-XXXXXX", url[64], path[64];

        if (access("/usr/bin/openssl", X_OK) < 0)
                skip();
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/cert.pem", dir);
        for (int expired = 0; expired < 2; expired++) {
                pid_t pid;

                make_certificate(dir, expired ? -7200 : 3600, expired ? -3600 : 7200);
                pid = tls_serve(dir, url, sizeof url);
                run(&(struct http_request){.url = url, .ca_file = path});
                assert_int_equal(got.outcome, expired ? OUTCOME_UNREACHABLE : OUTCOME_CLOCK_SKEW);
                assert_non_null(strstr(got.err, "this machine's clock"));
                assert_non_null(strstr(got.err, expired ? "has expired" : "not valid yet"));
                assert_non_null(strstr(got.err, "Z")); // and what time it says
                assert_false(got.sent);
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        unlink(path);
        snprintf(path, sizeof path, "%s/key.pem", dir);
        unlink(path);
        rmdir(dir);
}

static void tls_trusts_the_named_ca_and_the_right_host_only(void **state _unused_)
{
        static const char *const names[] = {"IP:127.0.0.1", "DNS:other.example"};
        char dir[] = "/tmp/valetkey-tls-XXXXXX", url[64], ca[64], path[64];

        assert_non_null(mkdtemp(dir));
        snprintf(ca, sizeof ca, "%s/cert.pem", dir);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                pid_t pid = tls_server(dir, names[i], url, sizeof url);

                if (pid < 0) {
                        rmdir(dir);
                        print_message("there is no openssl program\n");
                        skip();
                }
                run(&(struct http_request){.url = url}); // the system's authorities do not know it
                assert_int_equal(got.outcome, OUTCOME_UNREACHABLE);
                assert_non_null(strstr(got.err, "is not trusted"));
                assert_false(got.sent);
                run(&(struct http_request){.url = url, .ca_file = ca});
                assert_int_equal(got.outcome, i == 0 ? OUTCOME_OK : OUTCOME_UNREACHABLE);
                // The second time the file has been replaced: it is the name that is wrong, not the authority.
                assert_int_equal(i == 1, strstr(got.err, "subject") != NULL);
                assert_int_equal(got.status, i == 0 ? 200 : 0);
                assert_int_equal(got.sent, i == 0);
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        unlink(ca);
        snprintf(path, sizeof path, "%s/key.pem", dir);
        unlink(path);
        rmdir(dir);
}

static void operations_may_end_and_begin_inside_done(void **state _unused_)
{
        struct http_request q = {.url = server_url(s)};

        got.free_inside = true;
        assert_int_equal(http_start(&got.op, h, &q, on_done, NULL), 0);
        wait_for_done(1);
        assert_null(got.op);
        memset(&got, 0, sizeof got);
        got.start_inside = true;
        assert_int_equal(http_start(&got.op, h, &q, on_done, NULL), 0);
        wait_for_done(2);
}

static void no_callback_after_free_at_any_stage(void **state _unused_)
{
        static const char *const paths[] = {"/", "/drip", "/hang"};
        char url[64];

        for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
                for (int steps = 0; steps < 12; steps++) {
                        memset(&got, 0, sizeof got);
                        snprintf(url, sizeof url, "%s%s", server_url(s), paths[p]);
                        assert_int_equal(
                                http_start(&got.op, h, &(struct http_request){.url = url}, on_done, NULL), 0);
                        for (int i = 0; i < steps && got.n == 0; i++)
                                loop_run_once(l, 1);
                        if (got.n == 0) {
                                got.op = http_op_free(got.op);
                                for (int i = 0; i < 10; i++)
                                        loop_run_once(l, 1);
                                assert_int_equal(got.n, 0);
                        }
                        got.op = http_op_free(got.op);
                }
        }
}

static void many_at_once_each_come_once(void **state _unused_)
{
        struct http_op *ops[40];
        char url[64];

        snprintf(url, sizeof url, "%s/drip", server_url(s));
        memset(&got, 0, sizeof got);
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                assert_int_equal(
                        http_start(&ops[i], h, &(struct http_request){.url = url}, on_done, NULL), 0);
        wait_for_done(ARRAY_SIZE(ops));
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                http_op_free(ops[i]);
}

struct search {
        const char *needle;
        unsigned blocks, dirty;
};

static void watch(const void *p, size_t n, void *arg)
{
        struct search *w = arg;

        w->blocks++;
        w->dirty += memmem(p, n, w->needle, strlen(w->needle)) != NULL;
}

static void secrets_are_gone_from_freed_memory(void **state _unused_)
{
        cleanup_secret struct secret *form = NULL, *authorization = NULL;
        struct search w = {.needle = "very-secret-marker"};
        struct http_request q = {.url = server_url(s), .once = true};

        assert_int_equal(secret_new_str(&form, "token=very-secret-marker"), 0);
        assert_int_equal(secret_new_str(&authorization, "Bearer very-secret-marker"), 0);
        q.form = form;
        q.authorization = authorization;
        memset(&got, 0, sizeof got);
        fault_watch_free(watch, &w);
        assert_int_equal(http_start(&got.op, h, &q, on_done, NULL), 0);
        // The scripted server's own copy of the request is not what is looked at.
        while (server_count(s) == 0 && w.blocks < 100000)
                loop_run_once(l, 10);
        w.dirty = 0;
        wait_for_done(1);
        assert_int_equal(got.outcome, OUTCOME_OK);
        got.op = http_op_free(got.op);
        h = http_free(h);
        fault_watch_free(NULL, NULL);
        assert_true(w.blocks > 20);
        assert_int_equal(w.dirty, 0);
}

static int start_and_free(void)
{
        cleanup_secret struct secret *form = NULL;
        struct http_op *op = NULL;
        struct http *own = NULL;
        int r = secret_new_str(&form, "a=b");

        if (r == 0)
                r = http_new(&own, l);
        if (r == 0)
                r = http_start(
                        &op, own, &(struct http_request){.url = server_url(s), .form = form}, on_done, NULL);
        http_op_free(op);
        http_free(own);
        return r;
}

static void every_allocation_may_fail(void **state _unused_)
{
        unsigned failed = 0;
        int r = 0;

        FAULT_EACH(500, r = start_and_free())
        {
                if (r != 0) // curl lives without some
                        assert_int_equal(r, -ENOMEM);
                failed += r != 0;
        }
        assert_int_equal(r, 0);
        assert_true(failed > 10);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_whole_answer_arrives),
                T(a_post_sends_its_form_and_headers),
                T(redirects_and_cookies_are_not_followed),
                T(answers_that_are_none),
                T(huge_answers_stop_at_the_cap),
                T(slow_servers_meet_the_deadline),
                T(unreachable_servers_are_named),
                T(urls_that_may_not_be_called),
                T(plain_http_where_tls_is_expected),
                T(a_proxy_of_the_environment_is_not_for_loopback),
                T(kept_connections_are_used_again_but_not_for_once),
                T(a_certificate_of_the_future_is_a_wrong_clock_of_ours),
                T(tls_trusts_the_named_ca_and_the_right_host_only),
                T(operations_may_end_and_begin_inside_done),
                T(no_callback_after_free_at_any_stage),
                T(many_at_once_each_come_once),
                T(secrets_are_gone_from_freed_memory),
                T(every_allocation_may_fail),
        };

        if (net_global_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
