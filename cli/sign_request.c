// SPDX-License-Identifier: Apache-2.0
#include "sign_request.h"

#include "aws_service.h"
#include "role_choose.h"
#include "timefmt.h"

#include <stdio.h>

static int refuse(struct sign_options *o, const char *text)
{
        if (!o->err.text[0])
                err_set(&o->err, "%s", text);
        return 0;
}

static bool parse_seconds(int64_t *ret, const char *s)
{
        *ret = 0;
        for (const char *p = s; *p; p++) {
                if (*p < '0' || *p > '9' || *ret > 100000000)
                        return false;
                *ret = *ret * 10 + (*p - '0');
        }
        return *s && *ret > 0;
}

// 20150830T123600Z, as signatures have it, or 2015-08-30T12:36:00Z.
static bool parse_time(int64_t *ret, const char *s)
{
        char iso[24];

        if (strlen(s) == 16 && s[8] == 'T' && s[15] == 'Z') {
                snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s, s + 4, s + 6, s + 9, s + 11,
                        s + 13);
                s = iso;
        }
        return time_parse_iso(s, ret) == 0;
}

int sign_on_option(int c, void *options)
{
        struct sign_options *o = options;

        switch (c) {
        case SIGN_ROLE:
                o->role = optarg;
                break;
        case SIGN_ENV:
                o->env = true;
                break;
        case SIGN_SERVICE:
                o->service = optarg;
                break;
        case SIGN_REGION:
                o->region = optarg;
                break;
        case SIGN_TIME:
                o->has_time = true;
                return parse_time(&o->time_s, optarg)
                               ? 0
                               : refuse(o, "--time wants a time in UTC, like 2026-01-31T12:00:00Z");
        case SIGN_SHOW:
                o->show = optarg;
                break;
        case SIGN_PRESIGN:
                if (!parse_seconds(&o->presign_s, optarg))
                        return refuse(o, "--presign wants a number of seconds");
                return o->presign_s > 604800
                               ? refuse(o, "a presigned request lives for 7 days (604800 seconds) at most")
                               : 0;
        case SIGN_BODY:
                o->sign_body = true;
                break;
        case SIGN_UNSIGNED_PAYLOAD:
                o->unsigned_payload = true;
                break;
        case SIGN_NO_NORMALIZE:
                o->no_normalize = true;
                break;
        case SIGN_UNSIGNED_TOKEN:
                o->unsigned_token = true;
                break;
        default:
                return -1;
        }
        return 0;
}

enum outcome sign_read_request(struct http_message *ret, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(HTTP_MESSAGE_MAX + 1);
        ssize_t n;
        int r;

        do {
                char block[16384];

                n = read(STDIN_FILENO, block, sizeof block);
                if (n > 0 && buf_append(&text, block, (size_t)n) == -ENOMEM)
                        return OUTCOME_INTERNAL;
        } while ((n > 0 && !buf_error(&text)) || (n < 0 && errno == EINTR));
        if (n < 0) {
                err_set(err, "cannot read the request from stdin: %s", strerror(errno));
                return OUTCOME_INVALID_REQUEST;
        }
        if (buf_error(&text)) {
                err_set(err, "the request has more than %u bytes", HTTP_MESSAGE_MAX);
                return OUTCOME_INVALID_REQUEST;
        }
        r = http_message_parse(ret, buf_str(&text), text.n, err);
        return r == 0 ? OUTCOME_OK : r == -EBADMSG ? OUTCOME_INVALID_REQUEST : OUTCOME_INTERNAL;
}

enum outcome sign_get_credentials(
        struct role_credentials *ret, const struct cli *cli, const struct sign_options *o, struct err *err)
{
        struct role_choice choice = {0};
        enum outcome r;

        if (o->env && o->role) {
                err_set(err, "either --env or --role");
                return OUTCOME_INVALID_REQUEST;
        }
        if (o->env)
                return role_credentials_from_env(ret, err);
        if (!o->role)
                return role_credentials_get(ret, cli, NULL, 0, err);
        r = role_choose(&choice, cli, o->role, err);
        if (r == OUTCOME_OK)
                r = role_credentials_get(ret, cli, choice.name, 0, err);
        role_choice_deinit(&choice);
        return r;
}

unsigned sign_flags(const struct sign_options *o, const char *service)
{
        unsigned flags = aws_service_flags(service);

        // S3's presigned requests leave the body to whoever sends it.
        if (o->unsigned_payload || (aws_service_is_s3(service) && o->presign_s && !o->sign_body))
                flags |= SIGV4_UNSIGNED_PAYLOAD;
        if (o->sign_body)
                flags |= SIGV4_SIGN_BODY;
        if (o->no_normalize)
                flags &= ~(unsigned)SIGV4_NORMALIZE_PATH;
        if (o->unsigned_token)
                flags |= SIGV4_TOKEN_AFTER_SIGNING;
        return flags;
}
