// SPDX-License-Identifier: Apache-2.0
//
// The status document: what the broker holds, without a secret in it. Its members are listed in valetkey(1)
// and only ever added to. Times are seconds since the epoch by this machine's clock, null where there is
// none.
#include "broker.h"
#include "json.h"
#include "sts_call.h"

static json_t *time_or_null(int64_t s)
{
        return s ? json_integer(s) : json_null();
}

static json_t *text_or_null(const char *s)
{
        return s && s[0] ? json_string(s) : json_null();
}

static json_t *identity_json(const struct broker *b, const struct keeper *k)
{
        const struct config_identity *conf = keeper_get_config(k);
        const struct grant *g = keeper_get_grant(k);

        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "name",
                conf->name, "type", source_type_name(conf->type), "issuer", conf->issuer, "state",
                keeper_state_name(keeper_get_state(k)), "subject", text_or_null(g ? g->subject : NULL),
                "display", text_or_null(g ? g->display : NULL), "signed_in_at",
                time_or_null(g ? g->signed_in_at_s : 0), "id_token_expires_at",
                time_or_null(g ? g->id_token_exp_s : 0), "grant_expires_at",
                time_or_null(keeper_get_ends_s(k)), "refreshable", g && g->refresh_token, "reason",
                text_or_null(keeper_get_reason(k)), "roles_claim", text_or_null(conf->roles_claim),
                "roles_refused", text_or_null(broker_get_complaint(b, k)));
}

static json_t *error_json(const struct role *r)
{
        const char *text, *request_id;
        enum outcome o = role_get_last_error(r, &text, &request_id);

        if (o == OUTCOME_OK)
                return json_null();
        return json_pack("{s:s, s:s, s:o}", "outcome", outcome_info(o)->id, "message", text, "request_id",
                text_or_null(request_id));
}

// What is configured, what STS is asked for (less where it refused that), and what the session that lives was given.
static json_t *duration_json(const struct role *r)
{
        return json_pack("{s:I, s:I, s:o}", "configured", (json_int_t)role_get_config(r)->duration_s, "asked",
                (json_int_t)role_get_duration_s(r), "given", time_or_null(role_get_lifetime_s(r)));
}

// Where STS is asked for it, for programs that ask it something themselves.
static json_t *sts_json(const struct config_role *conf)
{
        cleanup_buf struct buf room = BUF_INIT(512);
        const char *endpoint = NULL;
        int r = sts_call_endpoint(&endpoint, &room, conf);

        if (r < 0 && r != -EINVAL)
                return NULL;
        return json_pack("{s:o, s:s, s:o}", "endpoint", text_or_null(endpoint), "region",
                conf->sts_region ? conf->sts_region : STS_CALL_REGION, "ca_file",
                text_or_null(conf->ca_file));
}

static json_t *role_json(const struct role *r)
{
        const struct config_role *conf = role_get_config(r);
        const struct sts_credentials *c = role_get_credentials(r);

        return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                "name", conf->name, "role_arn", conf->role_arn, "source_role",
                text_or_null(conf->source_role), "source", source_type_name(role_get_source(r)->type),
                "identity", conf->identity, "region", text_or_null(conf->region), "state",
                role_state_name(role_get_state(r)), "expires_at", time_or_null(role_get_expiration_s(r)),
                "next_rotation_at", time_or_null(role_get_next_rotation_s(r)), "access_key_id",
                text_or_null(c ? c->access_key_id : NULL), "assumed_role_arn",
                text_or_null(c ? c->assumed_role_arn : NULL), "packed_policy_percent",
                c && c->packed_policy_size >= 0 ? json_integer(c->packed_policy_size) : json_null(),
                "last_error", error_json(r), "duration", duration_json(r), "sts", sts_json(conf));
}

static json_t *registries_json(const struct config *c)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < c->n_registries; i++)
                if (json_array_append_new(list, json_pack("{s:s, s:s}", "host", c->registries[i].host, "role",
                                                        c->registries[i].role)) < 0) {
                        json_decref(list);
                        list = NULL;
                }
        return list;
}

static json_t *endpoint_json(const struct broker *b)
{
        const struct broker_endpoint *e = broker_get_endpoint(b);

        if (!e->url || !e->url[0])
                return json_null();
        return json_pack("{s:s, s:s, s:b}", "url", e->url, "token_file", e->token_file, "kept", e->kept);
}

static int append(const char *p, size_t n, void *arg)
{
        return buf_append(arg, p, n) < 0 ? -1 : 0;
}

// Takes j; NULL: there was no memory for it.
static int put(struct buf *out, json_t *j)
{
        int r = !j                                                                       ? -ENOMEM
                : json_dump_callback(j, append, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0 ? buf_error(out)
                                                                                         : 0;

        json_decref(j);
        return r;
}

// One after the other, so that ten thousand roles are never a tree of JSON all at once.
int broker_status(const struct broker *b, struct buf *out)
{
        struct keeper *const *k;
        struct role *const *roles;
        size_t n_identities = broker_identities(b, &k), n_roles = broker_roles(b, &roles);
        int r = 0;

        buf_append_str(out, "{\"version\":1,\"identities\":[");
        for (size_t i = 0; r == 0 && i < n_identities; i++) {
                buf_append_str(out, i ? "," : "");
                r = put(out, identity_json(b, k[i]));
        }
        buf_append_str(out, "],\"roles\":[");
        for (size_t i = 0; r == 0 && i < n_roles; i++) {
                buf_append_str(out, i ? "," : "");
                r = put(out, role_json(roles[i]));
        }
        buf_append_str(out, "],\"default_role\":");
        if (r == 0)
                r = put(out, text_or_null(broker_config(b)->default_role));
        buf_append_str(out, ",\"registries\":");
        if (r == 0)
                r = put(out, registries_json(broker_config(b)));
        buf_append_str(out, ",\"endpoint\":");
        if (r == 0)
                r = put(out, endpoint_json(b));
        buf_append_str(out, "}\n");
        return r < 0 ? r : buf_error(out);
}
