// SPDX-License-Identifier: Apache-2.0
//
// Any action there is: what decides is whether the caller may, on the instance that InstanceId.1 names.
#include "ec2_service.h"

#include <ctype.h>
#include <stdio.h>

#include "json.h"

#include "encoded.h"
#include "log.h"

const char *ec2_operation_name(const struct web_request *r)
{
        (void)r;
        return "ec2";
}

// EC2's own shape of an error.
static void answer(struct web_request *r, int status, const char *code, const char *message)
{
        cleanup_buf struct buf b = BUF_INIT(32768);

        buf_append_str(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
        xml_text(&b, "Code", code);
        xml_text(&b, "Message", message);
        buf_append_str(&b, "</Error></Errors>");
        xml_text(&b, "RequestID", r->id);
        buf_append_str(&b, "</Response>");
        if (buf_error(&b))
                web_reply_out_of_memory(r);
        else
                web_reply(r, status, "text/xml;charset=UTF-8", b.p, b.n, NULL);
}

static void refuse(struct web_request *r, const struct access *a, const struct policy_outcome *o)
{
        cleanup_buf struct buf message = BUF_INIT(16384), encoded = BUF_INIT(ENCODED_MAX);
        int k;

        buf_printf(&message,
                "You are not authorized to perform this operation. User: %s is not authorized to perform: %s "
                "on resource: %s",
                a->caller->arn, a->action, a->resource);
        k = access_reason(&message, o, a->action);
        if (k == 0)
                k = encoded_write(&encoded, r->cloud->sts->encoded_key, a, o);
        if (k == 0)
                k = buf_printf(&message, ". Encoded authorization failure message: %s", buf_str(&encoded));
        if (k < 0 && k != -EMSGSIZE) {
                web_reply_out_of_memory(r);
                return;
        }
        log_event(LOG_E_NOTICE, "ec2.refused", "request=%s arn=%s action=%s resource=%s why=%s", r->id,
                a->caller->arn, a->action, a->resource, o->why.text);
        answer(r, 403, "UnauthorizedOperation", buf_str(&message));
}

static bool is_word(const char *s, size_t max)
{
        size_t n = 0;

        while (isalnum((unsigned char)s[n]) || s[n] == '-')
                n++;
        return n > 0 && n <= max && !s[n];
}

static void decide(
        struct web_request *r, const struct sts_session *caller, const char *region, const char *verb)
{
        _cleanup_(policy_context_freep) struct policy_context *c = NULL;
        const char *instance = web_param(r, "InstanceId.1");
        cleanup_json json_t *matched = json_array();
        char action[80], resource[200];
        struct access a = {.caller = caller, .action = action, .resource = resource, .matched = matched};
        struct policy_outcome o = {.decision = POLICY_IMPLICIT_DENY};
        int k = access_context_new(&c, r, caller, region);

        snprintf(action, sizeof action, "ec2:%s", verb);
        snprintf(resource, sizeof resource, "*");
        if (instance && is_word(instance, 40))
                snprintf(resource, sizeof resource, "arn:aws:ec2:%s:%s:instance/%s", region, caller->account,
                        instance);
        a.context = c;
        if (k == 0)
                k = matched ? access_decide(r, &a, &o) : -ENOMEM;
        if (k < 0)
                web_reply_out_of_memory(r);
        else if (o.decision != POLICY_ALLOW)
                refuse(r, &a, &o);
        else if (!web_param(r, "DryRun") || strcmp(web_param(r, "DryRun"), "true") != 0)
                answer(r, 400, "UnsupportedOperation",
                        "It would be allowed. The sandbox does nothing but dry runs.");
        else
                answer(r, 412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
}

void ec2_handle(struct web_request *r)
{
        const char *verb = web_param(r, "Action");
        char region[65];
        const struct sts_session *caller;

        if (!verb || !is_word(verb, 64)) {
                answer(r, 400, "InvalidAction", "The action is not valid for this web service.");
                return;
        }
        caller = sts_authenticate(r, "ec2", region);
        if (caller)
                decide(r, caller, region, verb);
}
