// SPDX-License-Identifier: Apache-2.0
//
// The source role first, then STS; and once more where that can help: when STS says that the source's credentials have
// expired, the source role is fetched anew; when it does not like the time of the signature, its own clock, learnt from
// that very answer, is used. AWS ends every chained session after an hour (configuration caps it and says so).
#include "chain.h"

#include "sts_call.h"

#include <stdio.h>

#define SOURCE_PATIENCE_MS 20000
#define SKEW_WORTH_S       60 // a smaller difference is not why a signature was refused

struct source_op {
        struct chain *chain;
        const struct config_role *role;
        int64_t duration_s;
        source_done_fn done;
        void *arg;
        struct timer *begin;
        struct role_waiter *waiter;
        struct sts_op *sts;
        bool again;
};

static struct source_op *op_free(struct source_op *op)
{
        if (!op)
                return NULL;
        timer_free(op->begin);
        role_waiter_free(op->waiter);
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

static void on_source(void *arg, const struct role_answer *a);

static void fetch_source_anew(struct source_op *op)
{
        op->waiter = role_waiter_free(op->waiter);
        if (role_wait_start(&op->waiter, *op->chain->from, 0, SOURCE_PATIENCE_MS, on_source, op) < 0)
                end_with(op, OUTCOME_INTERNAL, false, "out of memory");
}

static void ask_source(void *arg)
{
        struct source_op *op = arg;
        struct role_answer a;

        if (role_peek(*op->chain->from, 0, &a))
                on_source(op, &a);
        else
                fetch_source_anew(op);
}

// True when the call is worth a second try, which is then under way.
static bool tried_again(struct source_op *op, const struct sts_result *s)
{
        const struct clock *c = loop_clock(keeper_get_loop(op->chain->keeper));
        int64_t off = s->server_skew_s - clock_remote_skew_s(&op->chain->date, c);

        if (op->again || s->outcome == OUTCOME_OK)
                return false;
        if (s->error.code == STS_E_SIGNATURE && (off > SKEW_WORTH_S || off < -SKEW_WORTH_S)) {
                clock_remote_learn(&op->chain->date, c, clock_wall_s(c) + s->server_skew_s);
                op->again = true;
                timer_arm_in(op->begin, 0);
                return true;
        }
        if (s->error.code == STS_E_EXPIRED_TOKEN) {
                op->again = true;
                fetch_source_anew(op); // may end op
                return true;
        }
        return false;
}

static void on_sts(void *arg, struct sts_result *s)
{
        struct source_op *op = arg;
        struct source_result r = {.outcome = s->outcome,
                .server_skew_s = s->server_skew_s,
                .duration_refused = s->error.code == STS_E_DURATION,
                .unanswered = s->unanswered};

        if (tried_again(op, s))
                return;
        if (s->outcome == OUTCOME_OK) {
                r.credentials = s->credentials;
                s->credentials = (struct sts_credentials){0};
        } else if (s->error.code == STS_E_ACCESS_DENIED) {
                err_set(&r.err,
                        "role %s: STS refused role %s with %s and does not say why; see the trust policy of "
                        "%s and the "
                        "permissions of %s (request id %s)",
                        op->role->name, op->role->source_role, s->error.name, op->role->name,
                        op->role->source_role, s->error.request_id);
        } else if (!sts_call_say_too_large(op->role, &s->error, &r.err)) {
                err_set(&r.err, "role %s (from %s): %s", op->role->name, op->role->source_role,
                        s->err.text[0] ? s->err.text : outcome_info(s->outcome)->text);
        }
        if (s->outcome != OUTCOME_OK)
                snprintf(r.request_id, sizeof r.request_id, "%s", s->error.request_id);
        op->done(op->arg, &r); // may free op
        sts_credentials_deinit(&r.credentials);
}

static int call_sts(struct source_op *op, const struct sts_credentials *with, struct err *err)
{
        const struct config_role *conf = op->role;
        // Without a grant any more it is still the same person, whose name the source's session has.
        const char *name = with->assumed_role_arn ? strrchr(with->assumed_role_arn, '/') : NULL;
        struct sts_call call;
        int r = sts_call_make(
                &call, conf, keeper_get_grant(op->chain->keeper), name ? name + 1 : "valetkey", err);
        const struct sts_signer by = {.access_key_id = with->access_key_id,
                .secret_access_key = with->secret_access_key,
                .session_token = with->session_token,
                .region = conf->sts_region ? conf->sts_region : STS_CALL_REGION,
                .skew_s = clock_remote_skew_s(
                        &op->chain->date, loop_clock(keeper_get_loop(op->chain->keeper)))};
        const struct sts_assume_role q = {.role_arn = conf->role_arn,
                .session_name = call.session_name,
                .duration_s = op->duration_s,
                .external_id = conf->external_id,
                .source_identity = conf->source_identity,
                .policy = call.policy,
                .policy_arns = (const char *const *)conf->policy_arns,
                .tags = call.tags,
                .n_tags = call.n_tags};

        if (r < 0)
                return err_trace(r);
        op->sts = sts_op_free(op->sts);
        r = sts_assume_role_start(&op->sts, op->chain->http, &call.target, &by, &q, on_sts, op);
        sts_call_deinit(&call);
        return r;
}

static void on_source(void *arg, const struct role_answer *a)
{
        struct source_op *op = arg;
        struct err err = ERR_INIT;
        int r;

        if (a->outcome != OUTCOME_OK) {
                end_with(op, a->outcome, a->unanswered, a->message);
                return;
        }
        r = call_sts(op, a->credentials, &err);
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
        *op = (struct source_op){.chain = container_of(s, struct chain, source),
                .role = role,
                .duration_s = duration_s,
                .done = done,
                .arg = arg};
        r = timer_new(&op->begin, keeper_get_loop(op->chain->keeper), ask_source, op);
        if (r < 0) {
                op_free(op);
                return err_trace(r);
        }
        timer_arm_in(op->begin,
                0); // the source role may answer at once, and done() never comes from inside obtain()
        *ret = op;
        return 0;
}

void chain_init(struct chain *c, struct role *const *from, struct keeper *k, struct http *h)
{
        static const struct source_ops ops = {.obtain = obtain, .op_hurry = op_hurry, .op_free = op_free};

        *c = (struct chain){
                .source = {.ops = &ops, .type = SOURCE_ROLE}, .from = from, .keeper = k, .http = h};
}
