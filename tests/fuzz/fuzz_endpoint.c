// SPDX-License-Identifier: Apache-2.0
//
// The loopback endpoint as it is, in a broker in which nobody is signed in: the input is what a program of this user sends, in two
// pieces. Whatever that is, what comes back is HTTP, holds no credentials, and the connection is forgotten afterwards. The
// token's file is known to the seeds.
#include "endpoint_internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct loop *loop;
static struct http *http;
static struct broker *broker;
static struct endpoint *endpoint;
static struct config *config;
static char dir[] = "/tmp/fuzz_endpoint.XXXXXX", token[64];

static void tear_down(void)
{
        endpoint_end(endpoint);
        endpoint_free(endpoint);
        broker_free(broker);
        http_free(http);
        loop_free(loop);
        config_unref(config);
        rmdir(dir);
}

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void set_up(void)
{
        static const char text[] = "[identity corp]\nissuer = http://127.0.0.1:1/oidc\nclient_id = valetkey\n"
                                   "[defaults]\ndefault_role = dev\nregion = eu-central-1\n"
                                   "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n";
        struct broker_options b = {.claim_path = "/nonexistent/claim.sock", .server_uid = geteuid()};
        struct endpoint_options e = {.fd = -1, .claim_path = b.claim_path, .server_uid = b.server_uid};
        FILE *f;

        log_init("fuzz", LOG_E_ERROR);
        must(mkdtemp(dir) != NULL);
        snprintf(token, sizeof token, "%s/endpoint-token", dir);
        umask(077);
        f = fopen(token, "we");
        must(f && fputs(TOKEN, f) >= 0 && fclose(f) == 0);
        must(config_parse(&config, "fuzz", text, sizeof text - 1, NULL) == 0);
        must(loop_new(&loop, &clock_system) == 0 && http_new(&http, loop) == 0);
        b.loop = loop;
        b.http = http;
        b.config = config;
        must(broker_new(&broker, &b) == 0);
        e.broker = broker;
        e.config = &config->endpoint;
        e.runtime_dir = dir;
        must(endpoint_new(&endpoint, &e) == 0);
        for (int i = 0; i < 100 && !endpoint->url[0]; i++)
                must(loop_run_once(loop, 100) == 0);
        must(endpoint->url[0]);
        atexit(tear_down);
}

static void turn(unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                must(loop_run_once(loop, 0) == 0);
}

// Everything that is there now.
static void look_at_answers(int fd)
{
        static char text[1 << 16];
        ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

        if (n <= 0)
                return;
        text[n] = 0;
        must(strncmp(text, "HTTP/1.1 ", 9) == 0);
        must(!strstr(text, "SecretAccessKey") && !strstr(text, "\"Token\"") && !strstr(text, TOKEN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        size_t half = size / 2;
        int fd;

        if (!endpoint)
                set_up();
        a.sin_port = htons(endpoint->port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0);
        turn(1);
        if (half && send(fd, data, half, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                turn(1);
        if (size && send(fd, data + half, size - half, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                turn(3);
        look_at_answers(fd);
        close(fd);
        for (unsigned i = 0; i < 1000 && endpoint->conns; i++)
                must(loop_run_once(loop, 1) == 0);
        must(!endpoint->conns && endpoint->n_conns == 0 && endpoint->n_strangers == 0);
        return 0;
}
