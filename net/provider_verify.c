// SPDX-License-Identifier: Apache-2.0
//
// An ID token that came from somewhere else than the provider: believed for its signature and its claims, like every other.
// The keys are the provider's, fetched where they are not known yet.
#include "provider_internal.h"

#define VERIFY_MS 8000

static void verify(struct provider_op *op)
{
        op->ready = op_verify;
        op_when_ready(op);
}

int provider_verify_start(struct provider_op **ret, struct provider *p, const struct secret *id_token,
        const char *expect_subject, provider_done_fn done, void *arg)
{
        struct provider_op *op = NULL;
        int r = op_new(&op, p, verify, VERIFY_MS, done, arg);

        if (r == 0)
                r = secret_dup(&op->result.tokens.id_token, id_token);
        if (r == 0) {
                op->subject = strdup(expect_subject);
                r = op->subject ? 0 : -ENOMEM;
        }
        if (r < 0) {
                provider_op_free(op);
                return err_trace(r);
        }
        *ret = op;
        return 0;
}
