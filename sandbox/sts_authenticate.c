// SPDX-License-Identifier: Apache-2.0
//
// Whose request is this? The key id names a session of ours; signature, date, scope and session token have to
// be that session's. Each way to fail is answered as STS answers it.
#include "sts_internal.h"

#include <sys/queue.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>

#include "sigv4.h"
#include "timefmt.h"

#define HEADERS_MAX 128

static const struct answer {
        int result, status;
        const char *code, *message;
} answers[] = {
        {SIGV4_E_MISSING, 403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
        {SIGV4_E_INCOMPLETE, 400, "IncompleteSignature",
                "The request signature does not conform to AWS standards."},
        {SIGV4_E_EXPIRED, 403, "SignatureDoesNotMatch",
                "Signature expired: the presigned request's time is over"},
        {SIGV4_E_TOKEN, 403, "InvalidClientTokenId",
                "The security token included in the request is invalid."},
        {SIGV4_E_SIGNATURE, 403, "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your "
                "AWS Secret "
                "Access Key and signing method. Consult the service documentation for details."},
};

static const struct sts_session *fail(
        struct web_request *r, const char *service, int result, const struct err *err)
{
        char scope[80];

        if (result == SIGV4_E_SCOPE) {
                snprintf(scope, sizeof scope, "Credential should be scoped to correct service: '%s'. ",
                        service);
                sts_refuse(r, 403, "SignatureDoesNotMatch", scope, err->text);
                return NULL;
        }
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                if (answers[i].result == result) {
                        sts_refuse(r, answers[i].status, answers[i].code, answers[i].message, err->text);
                        return NULL;
                }
        sts_out_of_memory(r);
        return NULL;
}

static const struct sts_session *fail_skew(struct web_request *r, int64_t signed_s)
{
        char then[TIME_AMZ_LEN + 1], now[TIME_AMZ_LEN + 1], limit[TIME_AMZ_LEN + 1], message[160];
        int64_t t = sts_now_s(r);

        time_format_amz(then, signed_s);
        time_format_amz(now, t);
        time_format_amz(limit, signed_s < t ? t - 300 : t + 300);
        if (signed_s < t)
                snprintf(message, sizeof message,
                        "Signature expired: %s is now earlier than %s (%s - 5 min.)", then, limit, now);
        else
                snprintf(message, sizeof message,
                        "Signature not yet current: %s is still later than %s (%s + 5 min.)", then, limit,
                        now);
        sts_refuse(r, 403, "SignatureDoesNotMatch", message, "the clocks differ");
        return NULL;
}

const struct sts_session *sts_authenticate(struct web_request *r, const char *service, char ret_region[65])
{
        struct sigv4_header headers[HEADERS_MAX];
        struct sigv4_request q = {.method = r->method,
                .path = r->path,
                .query = r->query,
                .headers = headers,
                .body = r->body,
                .body_len = r->body_len};
        struct sigv4_credentials cred = {0};
        struct sigv4_claim claim;
        struct err err = ERR_INIT;
        struct evkeyval *h;
        const struct sts_session *s;
        int k;

        TAILQ_FOREACH(h, evhttp_request_get_input_headers(r->ev), next)
        {
                if (q.n_headers == HEADERS_MAX) {
                        err_set(&err, "more than %d headers", HEADERS_MAX);
                        return fail(r, service, SIGV4_E_INCOMPLETE, &err);
                }
                headers[q.n_headers++] = (struct sigv4_header){h->key, h->value};
        }
        k = sigv4_read_claim(&claim, &q, &err);
        if (k != 0)
                return fail(r, service, k, &err);
        s = sts_session_find(r->cloud->sts, claim.access_key_id);
        if (!s || !claim.access_key_id[0]) {
                err_set(&err, "the access key id is none that this sandbox handed out");
                return fail(r, service, SIGV4_E_TOKEN, &err);
        }
        cred = (struct sigv4_credentials){s->access_key_id, s->secret_access_key, s->session_token};
        k = sigv4_verify(&q, &cred, /* expect_region= */ NULL, service, sts_now_s(r), SIGV4_DEFAULT, &err);
        if (k == SIGV4_E_SKEW)
                return fail_skew(r, claim.time_s);
        if (k != 0)
                return fail(r, service, k, &err);
        if (sts_now_s(r) >= s->expires_s) {
                sts_refuse(r, 403, "ExpiredToken", "The security token included in the request is expired",
                        s->arn);
                return NULL;
        }
        memcpy(ret_region, claim.region, 65);
        return s;
}
