// SPDX-License-Identifier: Apache-2.0
//
// EC2's instance metadata service, version 2, as far as SDKs ask it for credentials and a region. It pretends to be a machine
// of EC2 in form only: what is there to be read by people says what it is.
#include "endpoint_internal.h"

#include "credproc.h"
#include "imds_token.h"
#include "json_text.h"

#include <stdio.h>

#define INSTANCE_ID "valetkey"

static int64_t boot_now(const struct endpoint *e)
{
        const struct clock *c = loop_clock(broker_loop(e->broker));

        return c->boot_ms(c);
}

// A session token on everything but the request for one.
bool endpoint_imds_allows(struct endpoint_conn *c, const struct http_head *h)
{
        struct http_text t;

        if (!c->endpoint->config->imds) {
                endpoint_answer_error(c, 403, "AccessDenied",
                        "this service is off: imds = no in [endpoint] of valetkey.conf");
                return false;
        }
        if (http_text_is(&h->method, "PUT"))
                return true; // there is one such route, and what else is put is not found
        if (http_head_find(h, "X-aws-ec2-metadata-token", &t) == 1 &&
                imds_token_is_good(t.p, t.n, c->endpoint->token, boot_now(c->endpoint)))
                return true;
        endpoint_answer_error(c, 401, "Unauthorized",
                "the header X-aws-ec2-metadata-token is missing or has expired; PUT /latest/api/token gives "
                "one");
        return false;
}

static void on_token(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q)
{
        char token[IMDS_TOKEN_LEN + 1], extra[80];
        struct http_text ttl;
        uint32_t s;

        if (http_head_find(q->head, "X-aws-ec2-metadata-token-ttl-seconds", &ttl) != 1 ||
                !imds_token_ttl(ttl.p, ttl.n, &s)) {
                endpoint_answer_error(c, 400, "InvalidRequest",
                        "the header X-aws-ec2-metadata-token-ttl-seconds must be there, from 1 to 21600");
                return;
        }
        if (imds_token_make(token, c->endpoint->token, boot_now(c->endpoint) + (int64_t)s * 1000) < 0) {
                endpoint_answer_outcome(c, OUTCOME_INTERNAL, NULL);
                return;
        }
        snprintf(extra, sizeof extra, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: %u\r\n", s);
        endpoint_answer(c, 200, "text/plain", extra, token, IMDS_TOKEN_LEN);
        explicit_bzero(token, sizeof token);
}

static void answer_text(struct endpoint_conn *c, const char *text)
{
        endpoint_answer(c, 200, "text/plain", "", text, strlen(text));
}

// The role an SDK gets that asks for none; NULL: answered that there is none.
static const struct config_role *default_role(struct endpoint_conn *c)
{
        struct endpoint *e = c->endpoint;
        struct err err = ERR_INIT;
        struct role *r = NULL;
        enum outcome o = broker_find_role(e->broker, NULL, &r, &err);

        if (o == OUTCOME_OK && handout_may_see(e->broker, &c->caller, r, false))
                return role_get_config(r);
        endpoint_answer_error(c, 404, "NotFound",
                o == OUTCOME_OK ? "the default role is not handed out to programs that do not name it"
                                : err.text);
        return NULL;
}

// SDKs put what they get here behind this path, byte for byte: no newline.
static void on_list(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        const struct config_role *r = default_role(c);

        if (r)
                answer_text(c, r->name);
}

static void on_role(
        struct endpoint_conn *c, const struct endpoint_route *route, const struct endpoint_request *q)
{
        endpoint_hand_out(c, route, q->name, true);
}

static int write_role(struct buf *out, const struct role_answer *a)
{
        return credproc_write_imds(out, a->credentials, a->expiration_s, a->expiration_s - a->lifetime_s);
}

static void on_region(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        const struct config_role *r = default_role(c);

        if (r && r->region)
                answer_text(c, r->region);
        else if (r)
                endpoint_answer_error(c, 404, "NotFound", "no region is configured for the default role");
}

// The AWS CLI and botocore have no other question for the region, and cut off the last letter of the answer.
static void on_zone(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        char zone[128];
        const struct config_role *r = default_role(c);

        if (!r)
                return;
        if (r->region && (size_t)snprintf(zone, sizeof zone, "%sa", r->region) < sizeof zone)
                answer_text(c, zone);
        else
                endpoint_answer_error(c, 404, "NotFound", "no region is configured for the default role");
}

static void on_instance_id(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        answer_text(c, INSTANCE_ID);
}

static void on_info(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        if (default_role(c))
                endpoint_answer(c, 200, "application/json", "", "{\"Code\":\"Success\"}", 18);
}

static void on_identity_document(struct endpoint_conn *c, const struct endpoint_route *route _unused_,
        const struct endpoint_request *q _unused_)
{
        cleanup_buf struct buf body = BUF_INIT(4096);
        const struct config_role *r = default_role(c);
        char account[13] = "";
        int k;

        if (!r)
                return;
        buf_append_char(&body, '{');
        k = json_text_member_str(&body, "comment",
                "This is no EC2 instance: valetkey answers here. See valetkey-endpoint(7).");
        if (k == 0)
                k = json_text_member_str(&body, "instanceId", INSTANCE_ID);
        if (k == 0)
                k = json_text_member_str(&body, "region", r->region);
        if (k == 0 && sts_role_arn_parse(r->role_arn, NULL, account, NULL) == 0 && account[0])
                k = json_text_member_str(&body, "accountId", account);
        if (k == 0)
                k = buf_append_char(&body, '}');
        if (k < 0)
                endpoint_answer_outcome(c, OUTCOME_INTERNAL, NULL);
        else
                endpoint_answer(c, 200, "application/json", "", body.p, body.n);
}

#define ROLES "/latest/meta-data/iam/security-credentials"

const struct endpoint_route endpoint_imds_routes[] = {
        {.method = "PUT", .path = "/latest/api/token", .handle = on_token},
        {.method = "GET", .path = ROLES, .handle = on_list},
        {.method = "GET",
                .path = ROLES "/",
                .prefix = true,
                .door = "imds",
                .extra = "",
                .handle = on_role,
                .document = write_role},
        {.method = "GET", .path = "/latest/meta-data/iam/info", .handle = on_info},
        {.method = "GET", .path = "/latest/meta-data/instance-id", .handle = on_instance_id},
        {.method = "GET", .path = "/latest/meta-data/placement/region", .handle = on_region},
        {.method = "GET", .path = "/latest/meta-data/placement/availability-zone", .handle = on_zone},
        {.method = "GET",
                .path = "/latest/dynamic/instance-identity/document",
                .handle = on_identity_document},
        {0},
};
