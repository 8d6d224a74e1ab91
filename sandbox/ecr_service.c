// SPDX-License-Identifier: Apache-2.0
//
// The password handed out names whose it is and opens nothing: there is no registry here.
#include "ecr_service.h"

#include "b64.h"
#include "json.h"
#include "log.h"
#include "sts_internal.h"

#include <stdio.h>

#define LIFE_S 43200

static const struct {
        const char *target, *service, *name;
} operations[] = {
        {"AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", "ecr", "ecr.GetAuthorizationToken"},
        {"SpencerFrontendService.GetAuthorizationToken", "ecr-public", "ecr-public.GetAuthorizationToken"},
};

static size_t operation(const struct web_request *r)
{
        const char *target = web_header(r, "X-Amz-Target");
        size_t i = 0;

        while (i < ARRAY_SIZE(operations) && (!target || strcmp(operations[i].target, target) != 0))
                i++;
        return i;
}

const char *ecr_operation_name(const struct web_request *r)
{
        size_t i = operation(r);

        return i < ARRAY_SIZE(operations) ? operations[i].name : "ecr.other";
}

// The same failures have other names in the JSON protocol, and one status.
void ecr_reply_error(struct web_request *r, const char *code, const char *message)
{
        static const struct {
                const char *sts, *json;
        } names[] = {{"InvalidClientTokenId", "UnrecognizedClientException"},
                {"SignatureDoesNotMatch", "InvalidSignatureException"},
                {"ExpiredToken", "ExpiredTokenException"},
                {"MissingAuthenticationToken", "MissingAuthenticationTokenException"},
                {"IncompleteSignature", "IncompleteSignatureException"}};
        const char *name = code;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i].sts, code) == 0)
                        name = names[i].json;
        web_reply_json(r, 400, json_pack("{s:s, s:s}", "__type", name, "message", message));
}

static json_t *token_of(const struct web_request *r, const struct sts_session *s)
{
        cleanup_buf struct buf plain = BUF_INIT(4096), text = BUF_INIT(8192);

        buf_printf(&plain, "AWS:password of %s", s->arn);
        if (buf_error(&plain) || b64_encode(&text, plain.p, plain.n) < 0)
                return NULL;
        return json_pack("{s:s, s:I}", "authorizationToken", buf_str(&text), "expiresAt",
                (json_int_t)sts_now_s(r) + LIFE_S);
}

void ecr_handle(struct web_request *r)
{
        size_t i = operation(r);
        const struct sts_session *s;
        char region[65], registry[160];
        json_t *token;

        if (i == ARRAY_SIZE(operations)) {
                ecr_reply_error(r, "UnknownOperationException", "");
                return;
        }
        s = sts_authenticate(r, operations[i].service, region);
        if (!s)
                return;
        log_event(LOG_E_INFO, "ecr.token", "request=%s service=%s arn=%s", r->id, operations[i].service,
                s->arn);
        token = token_of(r, s);
        if (strcmp(operations[i].service, "ecr-public") == 0) {
                web_reply_json(r, 200, json_pack("{s:o}", "authorizationData", token));
                return;
        }
        snprintf(registry, sizeof registry, "https://%s.dkr.ecr.%s.amazonaws.com", s->account, region);
        if (token && json_object_set_new(token, "proxyEndpoint", json_string(registry)) < 0) {
                json_decref(token);
                token = NULL;
        }
        web_reply_json(r, 200, json_pack("{s:[o]}", "authorizationData", token));
}
