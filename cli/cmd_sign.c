// SPDX-License-Identifier: Apache-2.0
//
// valetkey sign: a raw HTTP/1.1 request comes in on stdin and goes out signed, for tools that cannot sign. What it does not
// print it does not do: nothing is sent anywhere.
#include "aws_host.h"
#include "sign_request.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

#define SYNOPSIS "sign [--role ROLE | --env] [OPTION]… < REQUEST"

static const char help[] =
        N_("Signs a raw HTTP/1.1 request (SigV4) and writes it to stdout. Sends nothing.\n"
           "\n"
           "  --role ROLE                whose credentials (default: the default role's)\n"
           "  --env                      those of the environment instead (AWS_ACCESS_KEY_ID, …)\n"
           "  --service NAME             default: what the Host header tells\n"
           "  --region REGION            the same\n"
           "  --time TIME                sign as of then, like 2026-01-31T12:00:00Z\n"
           "  --presign SECONDS          into the query, good for that long\n"
           "  --sign-body                say the body's digest in x-amz-content-sha256 (S3: always)\n"
           "  --unsigned-payload         leave the body out of the signature\n"
           "  --no-normalize             take the path as it stands (S3: always)\n"
           "  --unsigned-session-token   leave the session token out of the signature\n"
           "  --show WHAT                canonical-request, string-to-sign, signature, url or request\n"
           "  --help                     this text\n");

struct work {
        struct sign_options o;
        struct http_message m;
        struct role_credentials c;
        struct sigv4_result r;
        struct aws_host host;
        struct err err;
};

static enum outcome settle_scope(struct work *w)
{
        const char *host = http_message_header(&w->m, "host");
        bool known = host && aws_host_parse(&w->host, host) == 0;

        if (!host) {
                err_set(&w->err, "the request has no Host header");
                return OUTCOME_INVALID_REQUEST;
        }
        if (!w->o.service)
                w->o.service = known ? w->host.service : NULL;
        if (!w->o.region)
                w->o.region = known ? w->host.region : NULL;
        if (w->o.service && w->o.region)
                return OUTCOME_OK;
        err_set(&w->err, "%.100s does not tell the %s: say --%s", host, w->o.service ? "region" : "service",
                w->o.service ? "region" : "service");
        return OUTCOME_INVALID_REQUEST;
}

static enum outcome sign(struct work *w)
{
        const struct sigv4_credentials cred = {.access_key_id = w->c.access_key_id,
                .secret_access_key = w->c.secret_access_key,
                .session_token = w->c.session_token};
        const struct sigv4_params p = {.region = w->o.region,
                .service = w->o.service,
                .time_s = w->o.has_time ? w->o.time_s : time(NULL),
                .flags = sign_flags(&w->o, w->o.service),
                .expires_s = w->o.presign_s};
        int r = sigv4_sign(&w->r, &w->m.request, &cred, &p, &w->err);

        if (r == 0 && w->o.presign_s && w->c.expiration_s && p.time_s + w->o.presign_s > w->c.expiration_s)
                fprintf(stderr,
                        _("valetkey: the credentials end in %lld s, and the presigned request with them, not "
                          "after %lld s\n"),
                        (long long)(w->c.expiration_s - p.time_s), (long long)w->o.presign_s);
        if (r == 0)
                return OUTCOME_OK;
        return r == -EINVAL || r == -E2BIG || r == -EMSGSIZE ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
}

// ---- what goes out

static void put_header(struct buf *out, const char *name, const char *value)
{
        if (value && *value)
                buf_printf(out, "%s: %s\r\n", name, value);
}

static void put_request(struct buf *out, const struct work *w)
{
        const struct sigv4_request *q = &w->m.request;
        bool presigned = w->o.presign_s != 0;

        if (presigned)
                buf_printf(out, "%s %s?%s HTTP/1.1\r\n", q->method, q->path, buf_str(&w->r.signed_query));
        else
                buf_printf(out, "%s %s HTTP/1.1\r\n", q->method, w->m.target);
        for (size_t i = 0; i < q->n_headers; i++)
                buf_printf(out, "%s: %s\r\n", q->headers[i].name, q->headers[i].value);
        if (!presigned) {
                put_header(out, "X-Amz-Date", w->r.amz_date);
                put_header(out, "X-Amz-Content-Sha256", w->r.content_sha256);
                put_header(out, "X-Amz-Security-Token", secret_str(w->c.session_token));
                put_header(out, "Authorization", buf_str(&w->r.authorization));
        }
        buf_append_str(out, "\r\n");
        buf_append(out, q->body, q->body_len);
}

static void put_url(struct buf *out, const struct work *w)
{
        buf_printf(out, "https://%s%s?%s\n", http_message_header(&w->m, "host"), w->m.request.path,
                buf_str(&w->r.signed_query));
}

static enum outcome show(struct work *w)
{
        cleanup_buf struct buf out = BUF_INIT(HTTP_MESSAGE_MAX + (4u << 20));
        const char *what = w->o.show ? w->o.show : "request";

        if (strcmp(what, "request") == 0)
                put_request(&out, w);
        else if (strcmp(what, "canonical-request") == 0)
                buf_printf(&out, "%s\n", buf_str(&w->r.canonical_request));
        else if (strcmp(what, "string-to-sign") == 0)
                buf_printf(&out, "%s\n", buf_str(&w->r.string_to_sign));
        else if (strcmp(what, "signature") == 0)
                buf_printf(&out, "%s\n", w->r.signature);
        else
                put_url(&out, w);
        if (buf_error(&out))
                return OUTCOME_INTERNAL;
        return cmd_write(buf_str(&out), out.n) ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome check_options(struct work *w)
{
        static const char *const known[] = {
                "request", "canonical-request", "string-to-sign", "signature", "url"};
        const struct sign_options *o = &w->o;
        bool found = !o->show;

        for (size_t i = 0; o->show && i < ARRAY_SIZE(known); i++)
                found |= strcmp(o->show, known[i]) == 0;
        if (o->err.text[0])
                w->err = o->err;
        else if (!found)
                err_set(&w->err, "--show wants canonical-request, string-to-sign, signature, url or request");
        else if (o->show && strcmp(o->show, "url") == 0 && !o->presign_s)
                err_set(&w->err, "only a presigned request is all in its URL: say --presign");
        else if (o->unsigned_payload && o->sign_body)
                err_set(&w->err, "either --sign-body or --unsigned-payload");
        return w->err.text[0] ? OUTCOME_INVALID_REQUEST : OUTCOME_OK;
}

int cmd_sign(struct cli *cli, int argc, char *argv[])
{
        static const struct option options[] = {{"role", required_argument, NULL, SIGN_ROLE},
                {"env", no_argument, NULL, SIGN_ENV}, {"service", required_argument, NULL, SIGN_SERVICE},
                {"region", required_argument, NULL, SIGN_REGION},
                {"time", required_argument, NULL, SIGN_TIME},
                {"presign", required_argument, NULL, SIGN_PRESIGN},
                {"show", required_argument, NULL, SIGN_SHOW}, {"sign-body", no_argument, NULL, SIGN_BODY},
                {"unsigned-payload", no_argument, NULL, SIGN_UNSIGNED_PAYLOAD},
                {"no-normalize", no_argument, NULL, SIGN_NO_NORMALIZE},
                {"unsigned-session-token", no_argument, NULL, SIGN_UNSIGNED_TOKEN}, {0}};
        struct work w = {.r = SIGV4_RESULT_INIT};
        enum outcome o;
        int code;

        if (cmd_parse(cli, argc, argv, options, sign_on_option, &w.o, 0, SYNOPSIS, help, &code) < 0)
                return code;
        o = check_options(&w);
        if (o == OUTCOME_OK)
                o = sign_read_request(&w.m, &w.err);
        if (o == OUTCOME_OK)
                o = settle_scope(&w);
        if (o == OUTCOME_OK)
                o = sign_get_credentials(&w.c, cli, &w.o, &w.err);
        if (o == OUTCOME_OK)
                o = sign(&w);
        if (o == OUTCOME_OK)
                o = show(&w);
        code = o == OUTCOME_OK ? 0 : cmd_fail(cli, o, &w.err);
        sigv4_result_deinit(&w.r);
        role_credentials_deinit(&w.c);
        http_message_deinit(&w.m);
        return code;
}
