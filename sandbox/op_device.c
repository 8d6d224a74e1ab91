// SPDX-License-Identifier: Apache-2.0
//
// The device flow (RFC 8628): a code for the device, a code for the person, polling in between.
#include "op_internal.h"

#include <ctype.h>
#include <stdio.h>

#include "log.h"
#include "loop.h"
#include "random.h"

static void device_free(struct device *d)
{
        explicit_bzero(d, sizeof *d);
}

static struct device *device_room(struct op *op, int64_t now_s)
{
        for (size_t i = 0; i < OP_DEVICES_MAX; i++) {
                struct device *d = &op->devices[i];

                // A code that is over stays for a while, so that a late poll learns that it expired.
                if (d->state != DEVICE_FREE && now_s > d->expires_at_s + 60)
                        device_free(d);
                if (d->state == DEVICE_FREE)
                        return d;
        }
        return NULL;
}

// Eight consonants (RFC 8628 §6.1): no words, no digits to confuse with letters.
static int make_user_code(char ret[10])
{
        static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";
        unsigned char raw[8];
        int r = random_bytes(raw, sizeof raw);

        if (r < 0)
                return r;
        for (int i = 0; i < 8; i++)
                ret[i + (i >= 4)] = letters[raw[i] % (sizeof letters - 1)];
        ret[4] = '-';
        ret[9] = 0;
        return 0;
}

// Compares as people type: any case, with or without the dash.
static bool user_code_is(const char *want, const char *typed)
{
        for (;;) {
                while (*want == '-')
                        want++;
                while (*typed == '-' || *typed == ' ')
                        typed++;
                if (!*want || !*typed)
                        return *want == *typed;
                if (*want++ != toupper((unsigned char)*typed++))
                        return false;
        }
}

struct device *op_device_by_user_code(struct op *op, const char *user_code, int64_t now_s)
{
        for (size_t i = 0; user_code && i < OP_DEVICES_MAX; i++) {
                struct device *d = &op->devices[i];

                if (d->state == DEVICE_PENDING && now_s < d->expires_at_s &&
                        user_code_is(d->user_code, user_code))
                        return d;
        }
        return NULL;
}

void op_device_authorization(struct web_request *r)
{
        const struct dir_client *client = op_client_auth(r);
        const struct cloud *c = r->cloud;
        const char *scope = web_param(r, "scope"), *wrong;
        struct device *d, made = {.state = DEVICE_PENDING};
        int64_t ttl, interval;
        char uri[80], complete[112];
        json_t *o;

        if (!client)
                return;
        wrong = op_scope_check(scope);
        if (wrong || !op_copy(made.scope, scope)) {
                op_log_refused(r, client->id, "invalid_scope");
                web_reply_oauth_error(r, 400, "invalid_scope", wrong ? wrong : "the scope is too long");
                return;
        }
        d = device_room(c->op, op_now_s(r));
        if (!d) {
                web_reply_oauth_error(r, 503, "temporarily_unavailable", "too many sign-ins are waiting");
                return;
        }
        if (random_hex(made.code, 32) < 0 || make_user_code(made.user_code) < 0 ||
                !op_copy(made.client_id, client->id)) {
                web_reply_out_of_memory(r);
                return;
        }
        ttl = faults_value(c->faults, FAULTS_DEVICE_TTL, SERVICE_OIDC, r->op, c->dir->device_ttl_s);
        interval = faults_value(c->faults, FAULTS_INTERVAL, SERVICE_OIDC, r->op, c->dir->interval_s);
        made.expires_at_s = op_now_s(r) + ttl;
        made.interval_s = interval;
        *d = made;
        snprintf(uri, sizeof uri, "%s/device", c->issuer);
        snprintf(complete, sizeof complete, "%s?user_code=%s", uri, d->user_code);
        o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "device_code", d->code, "user_code", d->user_code,
                "verification_uri", uri, "verification_uri_complete", complete, "expires_in",
                (json_int_t)ttl);
        // Without interval a client polls every five seconds (RFC 8628 §3.2).
        if (o && interval > 0 && json_object_set_new(o, "interval", json_integer(interval)) < 0) {
                json_decref(o);
                o = NULL;
        }
        log_event(LOG_E_INFO, "oidc.device.started", "client=%s user_code=%s", client->id, d->user_code);
        web_reply_json(r, 200, o);
        explicit_bzero(&made, sizeof made);
}

int op_device_decide(struct cloud *c, const char *user_code, const char *user, bool allow)
{
        struct device *d = op_device_by_user_code(c->op, user_code, cloud_now_s(c, SERVICE_OIDC));

        if (!d || (allow && !dir_find_user(c->dir, user)) || !op_copy(d->user, user))
                return -ENOENT;
        d->state = allow ? DEVICE_ALLOWED : DEVICE_DENIED;
        log_event(LOG_E_INFO, "oidc.device.decided", "client=%s user_code=%s user=%s decision=%s",
                d->client_id, d->user_code, allow ? user : "", allow ? "allow" : "deny");
        return 0;
}

json_t *op_devices_to_json(struct cloud *c)
{
        json_t *list = json_array();

        for (size_t i = 0; list && i < OP_DEVICES_MAX; i++) {
                const struct device *d = &c->op->devices[i];

                if (d->state == DEVICE_PENDING && cloud_now_s(c, SERVICE_OIDC) < d->expires_at_s &&
                        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "user_code", d->user_code,
                                                            "client_id", d->client_id, "scope", d->scope)) <
                                0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

static struct device *find_by_code(struct op *op, const char *code)
{
        for (size_t i = 0; code && i < OP_DEVICES_MAX; i++)
                if (op->devices[i].state != DEVICE_FREE && strcmp(op->devices[i].code, code) == 0)
                        return &op->devices[i];
        return NULL;
}

// NULL when the device may have its tokens; otherwise the OAuth error.
static const char *poll_error(struct web_request *r, struct device *d)
{
        int64_t now_ms = loop_clock(r->cloud->loop)->boot_ms(loop_clock(r->cloud->loop)),
                last_ms = d->polled_at_ms;
        int64_t interval_ms = (d->interval_s ? d->interval_s : 5) * 1000;

        d->polled_at_ms = now_ms;
        if (op_now_s(r) >= d->expires_at_s)
                return "expired_token";
        if (faults_take(r->cloud->faults, FAULTS_SLOW_DOWN, SERVICE_OIDC, r->op) ||
                (last_ms && now_ms - last_ms < interval_ms - 100)) {
                d->interval_s = interval_ms / 1000 + 5;
                return "slow_down";
        }
        if (d->state == DEVICE_PENDING)
                return "authorization_pending";
        return d->state == DEVICE_DENIED ? "access_denied" : NULL;
}

void op_device_grant(struct web_request *r, const struct dir_client *client)
{
        struct device *d = find_by_code(r->cloud->op, web_param(r, "device_code"));
        const char *error = "invalid_grant";
        struct grant *g;

        if (d && strcmp(d->client_id, client->id) == 0)
                error = poll_error(r, d);
        if (error) {
                if (strcmp(error, "authorization_pending") != 0)
                        op_log_refused(r, client->id, error);
                if (d && strcmp(error, "access_denied") == 0)
                        device_free(d);
                web_reply_oauth_error(r, 400, error, NULL);
                return;
        }
        g = op_grant_new(r->cloud->op, client->id, d->scope, d->user, "", op_now_s(r));
        device_free(d);
        if (!g)
                web_reply_out_of_memory(r);
        else
                op_issue(r, g, 0);
}
