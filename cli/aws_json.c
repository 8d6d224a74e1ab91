// SPDX-License-Identifier: Apache-2.0
#include "aws_json.h"

#include "clock.h"
#include "sts_sign.h"

#define TIMEOUT_MS 20000
#define SKEW_MAX_S 300 // what AWS forgives

static enum outcome ask(struct http_response *ret, const struct aws_json_call *c,
        const struct role_credentials *keys, int64_t skew_s, struct err *err)
{
        const struct sts_signer by = {.access_key_id = keys->access_key_id,
                .secret_access_key = keys->secret_access_key,
                .session_token = keys->session_token,
                .region = c->region,
                .service = c->service,
                .target = c->target};
        struct sts_headers headers = STS_HEADERS_INIT;
        cleanup_secret struct secret *body = NULL;
        struct http_request q = {.url = c->endpoint, .timeout_ms = TIMEOUT_MS};
        enum outcome o = OUTCOME_INTERNAL;
        int r = secret_new_str(&body, c->body);

        if (r == 0)
                r = sts_sign(&headers, c->endpoint, body, &by, clock_wall_s(&clock_system) + skew_s, err);
        q.form = body;
        q.authorization = headers.authorization;
        q.headers = headers.list;
        if (r == 0)
                o = fetch_once(ret, &q, err);
        else if (r == -EINVAL)
                o = OUTCOME_MISCONFIGURED;
        sts_headers_deinit(&headers);
        return o;
}

// A clock that is wrong here is set right by the service's own word, once.
enum outcome aws_json(struct http_response *ret, const struct aws_json_call *c,
        const struct role_credentials *keys, struct err *err)
{
        enum outcome o = ask(ret, c, keys, 0, err);
        int64_t ahead = o == OUTCOME_OK && ret->date_s ? ret->date_s - clock_wall_s(&clock_system) : 0;

        if (o != OUTCOME_OK || ret->status == 200 || (ahead < SKEW_MAX_S && ahead > -SKEW_MAX_S))
                return o;
        buf_deinit(&ret->body);
        *ret = (struct http_response){0};
        return ask(ret, c, keys, ahead, err);
}
