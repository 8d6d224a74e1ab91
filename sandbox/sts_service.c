// SPDX-License-Identifier: Apache-2.0
//
// Which operation is asked for, and the smallest of them.
#include "ecr_service.h"
#include "encoded.h"

#include <stdio.h>

#include "log.h"
#include "random.h"
#include "timefmt.h"

static const struct {
        const char *action;
        void (*handle)(struct web_request *r);
} operations[] = {
        {"AssumeRoleWithWebIdentity", sts_assume_role_with_web_identity},
        {"AssumeRole", sts_assume_role},
        {"GetCallerIdentity", sts_get_caller_identity},
        {"DecodeAuthorizationMessage", sts_decode_authorization_message},
};

int sts_new(struct sts **ret)
{
        struct sts *s = calloc(1, sizeof *s);
        int r = s ? sts_keys_new(&s->keys) : -ENOMEM;

        if (r == 0)
                r = random_bytes(s->encoded_key, sizeof s->encoded_key);

        if (r < 0) {
                sts_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct sts *sts_free(struct sts *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < STS_SESSIONS_MAX; i++)
                sts_session_clear(&s->sessions[i]);
        sts_keys_free(s->keys);
        free(s);
        return NULL;
}

void sts_forget_keys(struct sts *s)
{
        sts_keys_forget(s->keys);
}

const char *sts_operation_name(const struct web_request *r)
{
        const char *action = web_param(r, "Action");

        for (size_t i = 0; action && i < ARRAY_SIZE(operations); i++)
                if (strcmp(operations[i].action, action) == 0)
                        return operations[i].action;
        return "sts.other";
}

void sts_handle(struct web_request *r)
{
        const char *action = web_param(r, "Action"), *version = web_param(r, "Version");
        char message[256], clean[64];

        if (!action) {
                sts_refuse(r, 400, "MissingAction", "The request must contain the parameter Action", NULL);
                return;
        }
        for (size_t i = 0; version && strcmp(version, "2011-06-15") == 0 && i < ARRAY_SIZE(operations); i++)
                if (strcmp(operations[i].action, action) == 0) {
                        operations[i].handle(r);
                        return;
                }
        err_sanitise(clean, sizeof clean, action, strlen(action));
        snprintf(message, sizeof message, "Could not find operation %s for version %.20s", clean,
                version ? version : "NO_VERSION_SPECIFIED");
        sts_refuse(r, 400, "InvalidAction", message,
                "the sandbox knows AssumeRoleWithWebIdentity, AssumeRole, GetCallerIdentity, "
                "DecodeAuthorizationMessage");
}

int64_t sts_now_s(const struct web_request *r)
{
        return cloud_now_s(r->cloud, SERVICE_STS);
}

void sts_refuse(struct web_request *r, int status, const char *code, const char *message, const char *why)
{
        const char *role = web_param(r, "RoleArn");

        log_event(LOG_E_NOTICE, "sts.refused", "operation=%s request=%s role=%s code=%s message=%s why=%s",
                r->op, r->id, role ? role : "", code, message, why ? why : "");
        if (web_header(r, "X-Amz-Target"))
                ecr_reply_error(r, code, message);
        else
                xml_reply_error(r, status, code, message);
}

void sts_refuse_duration(struct web_request *r, const char *text)
{
        if (faults_take(r->cloud->faults, FAULTS_DURATION_DENIED, SERVICE_STS, r->op))
                sts_refuse(r, 403, "AccessDenied", text, "a fault switch");
        else
                sts_refuse(r, 400, "ValidationError", text, NULL);
}

void sts_out_of_memory(struct web_request *r)
{
        xml_reply_error(r, 500, "InternalFailure", "out of memory");
}

int sts_context_new(struct policy_context **ret, struct web_request *r)
{
        _cleanup_(policy_context_freep) struct policy_context *c = NULL;
        char now[TIME_ISO_LEN + 1], epoch[24];
        int k = policy_context_new(&c);

        if (k < 0)
                return k;
        time_format_iso(now, sts_now_s(r));
        snprintf(epoch, sizeof epoch, "%lld", (long long)sts_now_s(r));
        // Real STS is only ever reached over TLS; the sandbox answers as it would.
        if ((k = policy_context_add(c, "aws:SecureTransport", "true")) < 0 ||
                (k = policy_context_add(c, "aws:SourceIp", "127.0.0.1")) < 0 ||
                (k = policy_context_add(c, "aws:CurrentTime", now)) < 0 ||
                (k = policy_context_add(c, "aws:EpochTime", epoch)) < 0 ||
                (k = policy_context_add(c, "aws:UserAgent", web_header(r, "User-Agent"))) < 0)
                return k;
        *ret = TAKE_PTR(c);
        return 0;
}

void sts_get_caller_identity(struct web_request *r)
{
        char region[65];
        const struct sts_session *s = sts_authenticate(r, "sts", region);
        cleanup_buf struct buf b = BUF_INIT(16384);

        if (!s)
                return;
        xml_text(&b, "Arn", s->arn);
        xml_text(&b, "UserId", s->user_id);
        xml_text(&b, "Account", s->account);
        log_event(LOG_E_INFO, "sts.caller", "request=%s arn=%s", r->id, s->arn);
        xml_reply_result(r, "GetCallerIdentity", &b);
}

void sts_decode_authorization_message(struct web_request *r)
{
        char region[65];
        const struct sts_session *s = sts_authenticate(r, "sts", region);
        const char *text = web_param(r, "EncodedMessage");
        cleanup_buf struct buf document = BUF_INIT(ENCODED_MAX), b = BUF_INIT(65536);
        int k;

        if (!s || !access_check(r, s, region, "sts:DecodeAuthorizationMessage", "*", "*"))
                return;
        k = text ? encoded_read(&document, r->cloud->sts->encoded_key, text) : -EBADMSG;
        if (k == -ENOMEM) {
                sts_out_of_memory(r);
        } else if (k < 0) {
                sts_refuse(r, 400, "InvalidAuthorizationMessageException", "Message is not valid", NULL);
        } else {
                xml_text(&b, "DecodedMessage", buf_str(&document));
                xml_reply_result(r, "DecodeAuthorizationMessage", &b);
        }
}
