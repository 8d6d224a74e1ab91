// SPDX-License-Identifier: Apache-2.0
//
// The loopback endpoint when memory runs out, at its start and at every step of a request: no half of it stays behind, no
// connection is forgotten, and nothing is answered with success that has no credentials.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "endpoint_internal.h"

#include "fault.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static struct loop *loop;
static struct http *http;
static struct broker *broker;
static struct config *config;
static char dir[] = "/tmp/test_endpoint.XXXXXX";

static int begin(void **state)
{
        static const char text[] = "[identity corp]\nissuer = http://127.0.0.1:1/oidc\nclient_id = valetkey\n"
                                   "[defaults]\ndefault_role = dev\nregion = eu-central-1\n"
                                   "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n";
        struct broker_options b = {.claim_path = "/nonexistent/claim.sock", .server_uid = geteuid()};

        (void)state;
        if (!mkdtemp(dir) || config_parse(&config, "test", text, sizeof text - 1, NULL) < 0 ||
                loop_new(&loop, &clock_system) < 0 || http_new(&http, loop) < 0)
                return -1;
        b.loop = loop;
        b.http = http;
        b.config = config;
        return broker_new(&broker, &b);
}

static int end(void **state)
{
        (void)state;
        broker_free(broker);
        http_free(http);
        loop_free(loop);
        config_unref(config);
        return rmdir(dir);
}

static int make(struct endpoint **ret)
{
        const struct endpoint_options o = {.broker = broker,
                .config = &config->endpoint,
                .runtime_dir = dir,
                .claim_path = "/nonexistent/claim.sock",
                .server_uid = geteuid(),
                .fd = -1};

        return endpoint_new(ret, &o);
}

static void finish(struct endpoint *e)
{
        endpoint_end(e);
        endpoint_free(e);
}

static int open_fds(void)
{
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static void half_an_endpoint_is_none(void **state)
{
        struct endpoint *e = NULL;
        unsigned failed = 0;
        int r = 0, before = open_fds();

        (void)state;
        FAULT_EACH(100, r = make(&e))
        {
                assert_int_equal(r, -ENOMEM);
                assert_null(e);
                assert_int_equal(open_fds(), before);
                failed++;
        }
        assert_int_equal(r, 0);
        assert_true(failed >= 5);
        finish(e);
        assert_int_equal(open_fds(), before);
}

// Sends one request and takes what comes: 0 nothing, else the status.
static int ask(struct endpoint *e, const char *request)
{
        struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(e->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        char text[16384];
        ssize_t n = -1;

        (void)!connect(fd, (const struct sockaddr *)&a, sizeof a); // on loopback it is done at once
        (void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
        for (int i = 0; i < 2000 && n < 0; i++) {
                (void)loop_run_once(loop, 1);
                n = recv(fd, text, sizeof text - 1, 0);
                if (n < 0 && errno != EAGAIN)
                        break;
        }
        close(fd);
        if (n <= 0)
                return 0;
        text[n] = 0;
        assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
        assert_null(strstr(text, "SecretAccessKey"));
        return (int)strtol(text + 9, NULL, 10);
}

static void memory_that_runs_out_in_a_request(void **state)
{
        static const struct {
                const char *start, *end; // the token stands between
                int status;
        } requests[] = {
                {"GET /credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: ", "\r\n\r\n", 403},
                {"GET /credentials HTTP/1.1\r\nHost: localhost\r\nX: ", "\r\n\r\n", 401},
                {"PUT /latest/api/token HTTP/1.1\r\nHost: localhost\r\nX: ",
                        "\r\n"
                        "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
                        200},
                {"GARBAGE ", "\r\n\r\n", 400},
        };
        struct endpoint *e = NULL;

        (void)state;
        assert_int_equal(make(&e), 0);
        for (int i = 0; i < 100 && !e->url[0]; i++)
                assert_int_equal(loop_run_once(loop, 10), 0);
        for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
                unsigned failed = 0;
                char text[512];
                int status = 0;

                snprintf(text, sizeof text, "%s%s%s", requests[i].start, secret_str(e->token),
                        requests[i].end);
                assert_int_equal(ask(e, text), requests[i].status);
                FAULT_EACH(200, status = ask(e, text))
                {
                        // Said, or hung up; a success only where that is what it comes to anyway.
                        assert_true(status == 0 || status >= 400 || status == requests[i].status);
                        for (int k = 0; k < 100 && e->conns; k++)
                                assert_int_equal(loop_run_once(loop, 1), 0);
                        assert_int_equal(e->n_conns, 0);
                        assert_int_equal(e->answer.n, 0);
                        failed++;
                }
                assert_int_equal(status, requests[i].status);
                assert_true(failed >= 2);
        }
        finish(e);
}

static int connect_to(const struct endpoint *e, const char *request)
{
        struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(e->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
        return fd;
}

// What is announced and never comes holds no place longer than half a request does, however it trickles.
static void a_body_in_drops(void **state)
{
        struct endpoint *e = NULL;
        int fd;

        (void)state;
        assert_int_equal(make(&e), 0);
        for (int i = 0; i < 100 && !e->url[0]; i++)
                assert_int_equal(loop_run_once(loop, 10), 0);
        fd = connect_to(e, "GET /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n");
        for (int i = 0; i < 1000 && (!e->conns || e->conns->skip != 100); i++)
                assert_int_equal(loop_run_once(loop, 10), 0);
        assert_non_null(e->conns);
        e->conns->since_boot_ms -= 60000;
        assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
        for (int i = 0; i < 1000 && e->conns->skip == 100; i++)
                assert_int_equal(loop_run_once(loop, 10), 0);
        assert_int_equal(e->conns->skip, 99);
        endpoint_conns_sweep(e);
        assert_int_equal(e->conns->state, ENDPOINT_DRAINING); // told that it is late
        close(fd);
        finish(e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(half_an_endpoint_is_none),
                cmocka_unit_test(memory_that_runs_out_in_a_request),
                cmocka_unit_test(a_body_in_drops),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
