// SPDX-License-Identifier: Apache-2.0
//
// SigV4 for tests in other languages: one JSON object a line on stdin, one answer a line on stdout.
//   {"op":"sign"|"verify", "method", "path", "query", "headers":[[name,value],…], "body" (base64url),
//    "key_id", "secret", "token" or null, "region", "service", "time", "flags", "expires"}
// sign answers canonical, signature, authorization, query; verify answers result (0: good).
#include "b64.h"
#include "json.h"
#include "sigv4.h"

#include <stdio.h>

struct job {
        struct sigv4_header headers[300];
        struct sigv4_request q;
        struct sigv4_credentials cred;
        struct sigv4_params params;
        struct secret *key, *token;
        struct buf body;
};

static void job_deinit(struct job *j)
{
        secret_free(j->key);
        secret_free(j->token);
        buf_deinit(&j->body);
}

static const char *text(const json_t *o, const char *key)
{
        const char *s = NULL;

        if (json_get_string(o, key, 1u << 20, &s) != 0) {
                fprintf(stderr, "sigv4_tool: %s is missing\n", key);
                exit(2);
        }
        return s;
}

static int64_t number(const json_t *o, const char *key)
{
        int64_t v = 0;

        if (json_get_int64(o, key, &v) != 0) {
                fprintf(stderr, "sigv4_tool: %s is missing\n", key);
                exit(2);
        }
        return v;
}

static void read_job(struct job *j, const json_t *o)
{
        const json_t *pair;
        const char *body = text(o, "body"), *token = NULL;
        size_t i;

        *j = (struct job){.body = BUF_INIT(1u << 22)};
        json_array_foreach(json_object_get(o, "headers"), i, pair)
        {
                if (i == ARRAY_SIZE(j->headers))
                        exit(2);
                j->headers[j->q.n_headers++] =
                        (struct sigv4_header){json_string_value(json_array_get(pair, 0)),
                                json_string_value(json_array_get(pair, 1))};
        }
        if (b64url_decode(&j->body, body, strlen(body)) < 0 || secret_new_str(&j->key, text(o, "secret")) < 0)
                exit(2);
        if (json_get_string(o, "token", 1u << 16, &token) == 0 && secret_new_str(&j->token, token) < 0)
                exit(2);
        j->q.method = text(o, "method");
        j->q.path = text(o, "path");
        j->q.query = text(o, "query");
        j->q.headers = j->headers;
        j->q.body = buf_str(&j->body);
        j->q.body_len = j->body.n;
        j->cred = (struct sigv4_credentials){text(o, "key_id"), j->key, j->token};
        j->params = (struct sigv4_params){text(o, "region"), text(o, "service"), number(o, "time"),
                (unsigned)number(o, "flags"), number(o, "expires")};
}

static json_t *sign(const struct job *j)
{
        struct sigv4_result r = SIGV4_RESULT_INIT;
        struct err err = ERR_INIT;
        json_t *a;
        int e = sigv4_sign(&r, &j->q, &j->cred, &j->params, &err);

        a = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s}", "result", e, "error", err.text, "canonical",
                buf_str(&r.canonical_request), "signature", r.signature, "authorization",
                buf_str(&r.authorization), "query", buf_str(&r.signed_query));
        sigv4_result_deinit(&r);
        return a;
}

static json_t *verify(const struct job *j)
{
        struct err err = ERR_INIT;
        int e = sigv4_verify(&j->q, &j->cred, j->params.region, j->params.service, j->params.time_s,
                j->params.flags, &err);

        return json_pack("{s:i,s:s}", "result", e, "error", err.text);
}

int main(void)
{
        char *line = NULL;
        size_t room = 0;
        ssize_t n;

        while ((n = getline(&line, &room, stdin)) > 0) {
                cleanup_json json_t *o = NULL, *a = NULL;
                cleanup_free char *out = NULL;
                struct err err = ERR_INIT;
                struct job j;

                if (json_parse(&o, line, (size_t)n, &err) < 0) {
                        fprintf(stderr, "sigv4_tool: %s\n", err.text);
                        return 2;
                }
                read_job(&j, o);
                a = strcmp(text(o, "op"), "sign") == 0 ? sign(&j) : verify(&j);
                out = json_dumps(a, JSON_COMPACT);
                job_deinit(&j);
                if (!out || puts(out) == EOF)
                        return 1;
        }
        free(line);
        return ferror(stdin) || fflush(stdout) != 0;
}
