// SPDX-License-Identifier: Apache-2.0
#include "role_credentials.h"

#include "json.h"
#include "protocol.h"
#include "timefmt.h"

static int take_text(const json_t *j, const char *name, const char **ret)
{
        return json_get_string(j, name, FRAME_FIELD_MAX, ret) < 0 || !**ret ? -EBADMSG : 0;
}

static int read_document(struct role_credentials *ret, const void *p, size_t n)
{
        cleanup_json json_t *j = NULL;
        struct role_credentials c = {0};
        const char *id, *key, *token, *expiration;
        int r = json_parse(&j, p, n, NULL);

        if (r < 0 || take_text(j, "AccessKeyId", &id) < 0 || take_text(j, "SecretAccessKey", &key) < 0 ||
                take_text(j, "SessionToken", &token) < 0 || take_text(j, "Expiration", &expiration) < 0 ||
                time_parse_iso(expiration, &c.expiration_s) < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        c.access_key_id = strdup(id);
        r = c.access_key_id ? secret_new_str(&c.secret_access_key, key) : -ENOMEM;
        if (r == 0)
                r = secret_new_str(&c.session_token, token);
        if (r < 0) {
                role_credentials_deinit(&c);
                return r;
        }
        *ret = c;
        return 0;
}

enum outcome role_credentials_get(struct role_credentials *ret, const struct cli *cli, const char *role,
        uint32_t min_ttl, struct err *err)
{
        struct client *c = calloc(1, sizeof *c);
        const struct frame_field *json;
        enum outcome o = OUTCOME_INTERNAL;

        if (!c)
                return o;
        o = client_ask_credentials(c, cli, role, min_ttl, &json, err);
        if (o == OUTCOME_OK && read_document(ret, json->p, json->n) < 0) {
                err_set(err, "the credential broker's answer makes no sense");
                o = OUTCOME_BAD_ANSWER;
        }
        client_close(c);
        free(c);
        return o;
}

enum outcome role_credentials_from_env(struct role_credentials *ret, struct err *err)
{
        const char *id = getenv("AWS_ACCESS_KEY_ID"), *key = getenv("AWS_SECRET_ACCESS_KEY"),
                   *token = getenv("AWS_SESSION_TOKEN"), *ends = getenv("AWS_CREDENTIAL_EXPIRATION");
        struct role_credentials c = {0};

        if (!id || !*id || !key || !*key) {
                err_set(err, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment");
                return OUTCOME_INVALID_REQUEST;
        }
        if (ends && time_parse_iso(ends, &c.expiration_s) < 0)
                c.expiration_s = 0;
        c.access_key_id = strdup(id);
        if (!c.access_key_id || secret_new_str(&c.secret_access_key, key) < 0 ||
                (token && *token && secret_new_str(&c.session_token, token) < 0)) {
                role_credentials_deinit(&c);
                return OUTCOME_INTERNAL;
        }
        *ret = c;
        return OUTCOME_OK;
}

void role_credentials_deinit(struct role_credentials *c)
{
        free(c->access_key_id);
        secret_free(c->secret_access_key);
        secret_free(c->session_token);
        *c = (struct role_credentials){0};
}
