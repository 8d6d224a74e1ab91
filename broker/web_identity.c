// SPDX-License-Identifier: Apache-2.0
//
// Keeper, then STS; and once more from the start when STS says that the token has expired, since then our
// clock, or the provider's, is not what we thought. The sentences are made here, where role, identity and
// STS's answer meet. They say what STS said and no more: it does not tell which condition refused.
#include "web_identity.h"

#include "sts_call.h"

#include <inttypes.h>
#include <stdio.h>

struct source_op {
        struct web_identity *source;
        const struct config_role *role;
        int64_t duration_s;
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

static bool op_hurry(struct source_op *op)
{
        return op->sts && sts_op_hurry(op->sts);
}

static void end_with(struct source_op *op, enum outcome o, bool unanswered, const char *text)
{
        struct source_result r = {.outcome = o, .unanswered = unanswered};

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

        if (sts_call_say_too_large(op->role, e, err))
                return;
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
        case STS_E_UNREADABLE:
                err_set(err, "role %s: %s", op->role->name, s->err.text);
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
        struct source_result r = {.outcome = s->outcome,
                .server_skew_s = s->server_skew_s,
                .duration_refused = s->error.code == STS_E_DURATION,
                .unanswered = s->unanswered};

        if (s->outcome != OUTCOME_OK && s->error.code == STS_E_EXPIRED_TOKEN && !op->again) {
                op->again = true;
                op->sts = sts_op_free(op->sts);
                if (ask_keeper(op, op->serial) < 0)
                        end_with(op, OUTCOME_INTERNAL, false, "out of memory");
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
        struct sts_call call;
        int r = sts_call_make(&call, op->role, g, NULL, err);
        const struct sts_web_identity q = {
                .role_arn = op->role->role_arn,
                .session_name = call.session_name,
                .token = g->id_token,
                .duration_s = op->duration_s,
                .policy = call.policy,
                .policy_arns = (const char *const *)op->role->policy_arns,
        };

        if (r < 0)
                return err_trace(r);
        r = sts_web_identity_start(&op->sts, op->source->http, &call.target, &q, on_sts, op);
        sts_call_deinit(&call);
        return r;
}

static void on_token(void *arg, const struct keeper_token *t)
{
        struct source_op *op = arg;
        struct err err = ERR_INIT;
        int r;

        op->waiter = keeper_waiter_free(op->waiter);
        if (t->outcome != OUTCOME_OK) {
                end_with(op, t->outcome, t->unanswered, t->err.text);
                return;
        }
        op->serial = t->serial;
        err_sanitise(op->person, sizeof op->person, t->grant->display, strlen(t->grant->display));
        r = call_sts(op, t->grant, &err);
        if (r < 0)
                end_with(op, sts_call_outcome(r), false, err.text[0] ? err.text : strerror(-r));
}

static int obtain(struct source_op **ret, struct source *s, const struct config_role *role,
        int64_t duration_s, source_done_fn done, void *arg)
{
        struct source_op *op = calloc(1, sizeof *op);
        int r;

        if (!op)
                return -ENOMEM;
        *op = (struct source_op){.source = container_of(s, struct web_identity, source),
                .role = role,
                .duration_s = duration_s,
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
        static const struct source_ops ops = {.obtain = obtain, .op_hurry = op_hurry, .op_free = op_free};

        *w = (struct web_identity){.source = {.ops = &ops, .type = SOURCE_OIDC}, .keeper = k, .http = h};
}
