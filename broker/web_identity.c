// SPDX-License-Identifier: Apache-2.0
//
// Keeper, then STS; and once more from the start when STS says that the token has expired, since then our
// clock, or the provider's, is not what we thought. The sentences are made here, where role, identity and
// STS's answer meet. They say what STS said and no more: it does not tell which condition refused.
#include "web_identity.h"

#include "policy_file.h"
#include "sts_op.h"

#include <inttypes.h>
#include <stdio.h>

struct source_op {
        struct web_identity *source;
        const struct config_role *role;
        source_done_fn done;
        void *arg;
        struct keeper_waiter *waiter;
        struct sts_op *sts;
        uint64_t serial; // of the token sent
        bool again;
        char person[64]; // display name, cut: for sentences
};

static struct source_op *op_free(struct source_op *op)
{
        if (!op)
                return NULL;
        keeper_waiter_free(op->waiter);
        sts_op_free(op->sts);
        free(op);
        return NULL;
}

static void end_with(struct source_op *op, enum outcome o, const char *text)
{
        struct source_result r = {.outcome = o};

        err_set(&r.err, "role %s: %s", op->role->name, text);
        op->done(op->arg, &r);
}

static void on_token(void *arg, const struct keeper_token *t);

static int ask_keeper(struct source_op *op, uint64_t rejected)
{
        return keeper_token_start(&op->waiter, op->source->keeper, rejected, on_token, op);
}

// What STS refused, in one sentence.
static void say_refused(const struct source_op *op, const struct sts_result *s, struct err *err)
{
        const char *identity = keeper_get_config(op->source->keeper)->name;
        const struct sts_error_answer *e = &s->error;

        switch (e->code) {
        case STS_E_ACCESS_DENIED:
                err_set(err,
                        "role %s: STS refused %s (identity %s) with %s and does not say why; see the role's "
                        "trust "
                        "policy (request id %s)",
                        op->role->name, op->person, identity, e->name, e->request_id);
                break;
        case STS_E_EXPIRED_TOKEN:
                err_set(err,
                        "role %s: STS says the token of identity %s has expired, though it is fresh; is a "
                        "clock "
                        "wrong? (%s, request id %s)",
                        op->role->name, identity, e->name, e->request_id);
                break;
        default:
                err_set(err, "role %s: STS refused %s (identity %s, request id %s): %s: %s", op->role->name,
                        op->person, identity, e->request_id, e->name, e->message);
                break;
        }
}

static void on_sts(void *arg, struct sts_result *s)
{
        struct source_op *op = arg;
        struct source_result r = {.outcome = s->outcome, .server_skew_s = s->server_skew_s};

        if (s->outcome != OUTCOME_OK && s->error.code == STS_E_EXPIRED_TOKEN && !op->again) {
                op->again = true;
                op->sts = sts_op_free(op->sts);
                if (ask_keeper(op, op->serial) < 0)
                        end_with(op, OUTCOME_INTERNAL, "out of memory");
                return;
        }
        if (s->outcome == OUTCOME_OK) {
                r.credentials = s->credentials;
                s->credentials = (struct sts_credentials){0};
        } else if (s->error.code != 0) {
                snprintf(r.request_id, sizeof r.request_id, "%s", s->error.request_id);
                say_refused(op, s, &r.err);
        } else {
                err_set(&r.err, "role %s: %s", op->role->name,
                        s->err.text[0] ? s->err.text : outcome_info(s->outcome)->text);
        }
        op->done(op->arg, &r); // may free op
        sts_credentials_deinit(&r.credentials);
}

static int call_sts(struct source_op *op, const struct grant *g, struct err *err)
{
        cleanup_buf struct buf endpoint = BUF_INIT(512);
        char session[STS_SESSION_NAME_MAX + 1];
        struct sts_target target = {.endpoint = op->role->sts_endpoint, .ca_file = op->role->ca_file};
        struct sts_web_identity q = {
                .role_arn = op->role->role_arn,
                .session_name = session,
                .token = g->id_token,
                .duration_s = op->role->duration_s,
                .policy_arns = (const char *const *)op->role->policy_arns,
        };
        cleanup_free char *policy = NULL;
        const char *region = op->role->sts_region ? op->role->sts_region : op->role->region;
        int r = policy_file_read(&policy, op->role->session_policy, err);

        if (r < 0)
                return err_trace(r);
        q.policy = policy;
        if (!target.endpoint) {
                r = region ? sts_endpoint(&endpoint, region) : -EINVAL;
                if (r < 0)
                        return r;
                target.endpoint = buf_str(&endpoint);
        }
        sts_session_name(session, op->role->session_name ? op->role->session_name : g->display);
        return sts_web_identity_start(&op->sts, op->source->http, &target, &q, on_sts, op);
}

static void on_token(void *arg, const struct keeper_token *t)
{
        struct source_op *op = arg;
        struct err err = ERR_INIT;
        int r;

        op->waiter = keeper_waiter_free(op->waiter);
        if (t->outcome != OUTCOME_OK) {
                end_with(op, t->outcome, t->err.text);
                return;
        }
        op->serial = t->serial;
        err_sanitise(op->person, sizeof op->person, t->grant->display, strlen(t->grant->display));
        r = call_sts(op, t->grant, &err);
        if (r == -EINVAL)
                end_with(op, OUTCOME_MISCONFIGURED,
                        err.text[0] ? err.text
                                    : "its configuration makes no STS call: it needs sts_region (or "
                                      "sts_endpoint) and a "
                                      "valid role_arn");
        else if (r < 0)
                end_with(op, OUTCOME_INTERNAL, strerror(-r));
}

static int obtain(struct source_op **ret, struct source *s, const struct config_role *role,
        source_done_fn done, void *arg)
{
        struct source_op *op = calloc(1, sizeof *op);
        int r;

        if (!op)
                return -ENOMEM;
        *op = (struct source_op){.source = container_of(s, struct web_identity, source),
                .role = role,
                .done = done,
                .arg = arg};
        r = ask_keeper(op, 0);
        if (r < 0) {
                op_free(op);
                return err_trace(r);
        }
        *ret = op;
        return 0;
}

void web_identity_init(struct web_identity *w, struct keeper *k, struct http *h)
{
        static const struct source_ops ops = {.obtain = obtain, .op_free = op_free};

        *w = (struct web_identity){.source = {.ops = &ops, .type = SOURCE_OIDC}, .keeper = k, .http = h};
}
