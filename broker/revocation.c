// SPDX-License-Identifier: Apache-2.0
//
// First the refresh under way, if there is one, then the revocation; one timer bounds both. Whatever the refresh brings,
// the token that came last is the one that counts.
#include "revocation.h"

struct revocation {
        struct provider *provider;
        struct secret *token; // the newest
        struct provider_op *op;
        struct timer *bound;
        revocation_done_fn done;
        void *arg;
};

static void finish(struct revocation *r, enum outcome outcome, const struct err *err)
{
        struct err said = *err; // it may lie in what is freed here

        timer_disarm(r->bound);
        r->op = provider_op_free(r->op);
        r->done(r->arg, outcome, &said); // may free r
}

static void on_revoked(void *arg, struct provider_result *result)
{
        finish(arg, result->outcome, &result->err);
}

static void tell(struct revocation *r)
{
        struct err err = ERR_INIT;
        int e;

        r->op = provider_op_free(r->op);
        e = provider_revoke_start(&r->op, r->provider, r->token, on_revoked, r);
        if (e == 0)
                return;
        err_set(&err, "%s", strerror(-e));
        finish(r, OUTCOME_INTERNAL, &err);
}

static void on_refreshed(void *arg, struct provider_result *result)
{
        struct revocation *r = arg;
        struct err none = ERR_INIT;

        // A successor may have come though what came with it was refused.
        if (result->tokens.refresh_token)
                secret_move(&r->token, &result->tokens.refresh_token);
        else if (result->outcome == OUTCOME_NEEDS_LOGIN) {
                finish(r, OUTCOME_OK, &none); // over at the provider, too
                return;
        }
        tell(r);
}

static void on_bound(void *arg)
{
        struct err err = ERR_INIT;

        err_set(&err, "the provider did not answer within %d seconds", (int)(REVOCATION_MS / 1000));
        finish(arg, OUTCOME_TIMEOUT, &err);
}

int revocation_start(struct revocation **ret, struct loop *l, struct provider *p, const struct secret *token,
        struct provider_op *refresh, revocation_done_fn done, void *arg)
{
        struct revocation *r = calloc(1, sizeof *r);
        int e;

        if (!r) {
                provider_op_free(refresh);
                return -ENOMEM;
        }
        *r = (struct revocation){.provider = p, .op = refresh, .done = done, .arg = arg};
        e = timer_new(&r->bound, l, on_bound, r);
        if (e == 0)
                e = secret_dup(&r->token, token);
        if (e == 0 && refresh)
                provider_op_redirect(refresh, on_refreshed, r);
        else if (e == 0)
                e = provider_revoke_start(&r->op, p, token, on_revoked, r);
        if (e < 0) {
                revocation_free(r);
                return err_trace(e);
        }
        timer_arm_in(r->bound, REVOCATION_MS);
        *ret = r;
        return 0;
}

struct revocation *revocation_free(struct revocation *r)
{
        if (!r)
                return NULL;
        provider_op_free(r->op);
        timer_free(r->bound);
        secret_free(r->token);
        free(r);
        return NULL;
}
