// SPDX-License-Identifier: Apache-2.0
//
// STS and IAM write errors in one shape, and sign in one way.
#include "aws_query.h"

#include "fetches.h"
#include "sts_sign.h"

#include <ctype.h>

#define TIMEOUT_MS 10000
#define SKEW_MAX_S 300 // what AWS forgives

static enum outcome ask(
        struct http_response *response, const struct aws_query *q, const struct secret *form, struct err *err)
{
        const struct sts_signer by = {.access_key_id = q->keys->access_key_id,
                .secret_access_key = q->keys->secret_access_key,
                .session_token = q->keys->session_token,
                .region = q->region,
                .service = q->service};
        struct sts_headers headers = STS_HEADERS_INIT;
        int r = sts_sign(&headers, q->endpoint, form, &by, clock_wall_s(&clock_system) + q->skew_s, err);
        const struct http_request request = {.url = q->endpoint,
                .ca_file = q->ca_file,
                .form = form,
                .accept = "text/xml",
                .authorization = headers.authorization,
                .headers = headers.list,
                .body_max = STS_ANSWER_MAX,
                .timeout_ms = TIMEOUT_MS};
        enum outcome o = r == 0         ? fetch_once(response, &request, err)
                         : r == -EINVAL ? OUTCOME_MISCONFIGURED
                                        : OUTCOME_INTERNAL;

        sts_headers_deinit(&headers);
        return o;
}

static enum outcome refused(struct aws_answer *ret, const struct aws_query *q,
        const struct http_response *response, struct err *err)
{
        const struct sts_error_answer *e = &ret->error;
        char name[8] = "";

        for (size_t i = 0; i + 1 < sizeof name && q->service[i]; i++)
                name[i] = (char)toupper((unsigned char)q->service[i]);
        sts_error_parse(&ret->error, response->status, response->body.p, response->body.n);
        if (e->code == STS_E_UNREADABLE) {
                err_set(err, "%s answered for role %.80s with HTTP status %d and no %s error", name, q->role,
                        response->status, name);
                return response->status >= 500 ? OUTCOME_UNREACHABLE : OUTCOME_BAD_ANSWER;
        }
        err_set(err, "%s refused role %.80s: %s: %.90s (request id %.60s)", name, q->role, e->name,
                e->message, e->request_id[0] ? e->request_id : "none");
        return e->code == STS_E_THROTTLED ? OUTCOME_THROTTLED
               : response->status >= 500  ? OUTCOME_UNREACHABLE
                                          : OUTCOME_ACCESS_DENIED;
}

enum outcome aws_query(struct aws_answer *ret, struct aws_query *q, struct buf *form, struct err *err)
{
        struct secret *secret = NULL;
        enum outcome o = buf_take_secret(form, &secret) < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;

        *ret = (struct aws_answer){.body = BUF_INIT(0)};
        for (int tries = 0; o == OUTCOME_OK; tries++) {
                struct http_response response = {0};
                int64_t ahead;

                o = ask(&response, q, secret, err);
                ahead = o == OUTCOME_OK && response.date_s ? response.date_s - clock_wall_s(&clock_system)
                                                           : 0;
                if (o == OUTCOME_OK && response.status == 200) {
                        ret->body = response.body;
                        break;
                }
                if (o == OUTCOME_OK && tries == 0 && q->skew_s == 0 &&
                        (ahead > SKEW_MAX_S || ahead < -SKEW_MAX_S))
                        q->skew_s = ahead;
                else if (o == OUTCOME_OK)
                        o = refused(ret, q, &response, err);
                buf_deinit(&response.body);
        }
        secret_free(secret);
        return o;
}

void aws_answer_deinit(struct aws_answer *a)
{
        buf_deinit(&a->body);
}
