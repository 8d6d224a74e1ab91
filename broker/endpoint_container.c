// SPDX-License-Identifier: Apache-2.0
//
// The container credentials endpoint, as ECS and EKS have it: one GET with the token that only this user can read.
#include "endpoint_internal.h"

#include "credproc.h"

// SDKs send what the file or the variable says, as it is: no scheme in front.
bool endpoint_container_allows(struct endpoint_conn *c, const struct http_head *h)
{
        struct http_text t;

        if (!c->endpoint->config->container) {
                endpoint_answer_error(c, 403, "AccessDenied",
                        "this service is off: container = no in [endpoint] of valetkey.conf");
                return false;
        }
        if (http_head_find(h, "Authorization", &t) == 1 && secret_eq_bytes(c->endpoint->token, t.p, t.n))
                return true;
        endpoint_answer_error(c, 401, "Unauthorized",
                "the header Authorization must be what the file endpoint-token says, see: valetkey status "
                "--json");
        return false;
}

static void on_default(struct endpoint_conn *c, const struct endpoint_route *route,
        const struct endpoint_request *q _unused_)
{
        endpoint_hand_out(c, route, NULL, false);
}

static void on_name(
        struct endpoint_conn *c, const struct endpoint_route *route, const struct endpoint_request *q)
{
        endpoint_hand_out(c, route, q->name, true);
}

// Several roles may have one ARN: the first that this caller may have, as the configuration has them.
static void on_arn(
        struct endpoint_conn *c, const struct endpoint_route *route, const struct endpoint_request *q)
{
        struct role *const *roles;
        size_t n = broker_roles(c->endpoint->broker, &roles);
        const char *first = NULL;

        for (size_t i = 0; i < n; i++) {
                const struct config_role *conf = role_get_config(roles[i]);

                if (strcmp(conf->role_arn, q->name) != 0)
                        continue;
                if (!first)
                        first = conf->name;
                if (handout_may_see(c->endpoint->broker, &c->caller, roles[i], true)) {
                        first = conf->name;
                        break;
                }
        }
        if (first)
                endpoint_hand_out(c, route, first, true);
        else
                endpoint_answer_outcome(
                        c, OUTCOME_UNKNOWN_ROLE, "no role with that ARN is configured. See: valetkey roles");
}

static int write_document(struct buf *out, const struct role_answer *a)
{
        return credproc_write_container(out, a->credentials, a->expiration_s, a->role_arn);
}

const struct endpoint_route endpoint_container_routes[] = {
        {.method = "GET",
                .path = "/credentials",
                .door = "container",
                .extra = "",
                .handle = on_default,
                .document = write_document},
        {.method = "GET",
                .path = "/credentials/role/",
                .prefix = true,
                .door = "container",
                .extra = "",
                .handle = on_name,
                .document = write_document},
        {.method = "GET",
                .path = "/credentials/role-arn/",
                .prefix = true,
                .door = "container",
                .extra = "",
                .handle = on_arn,
                .document = write_document},
        {0},
};
