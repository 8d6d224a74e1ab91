// SPDX-License-Identifier: Apache-2.0
//
// A role on a clock that is turned by hand, with a source that answers when it is told to.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "role.h"
#include "fault.h"

#include <stdio.h>

#define NOW INT64_C(1800000000)

struct source_op {
        source_done_fn done;
        void *arg;
};

struct fake_source {
        struct source source;
        struct source_op *op; // the one under way
        unsigned calls, cancelled, hurried;
        int start_result;
        int64_t duration_s; // asked for last
};

static struct fake_source src;
static struct clock_fake clk;
static struct loop *l;
static struct role *role;
static unsigned n_obtained, n_refused, n_shortened;
static char dev[] = "dev", arn[] = "arn:aws:iam::123456789012:role/dev";
static struct config_role conf = {.name = dev, .role_arn = arn, .duration_s = 3600};

static int obtain(struct source_op **ret, struct source *s, const struct config_role *c, int64_t duration_s,
        source_done_fn done, void *arg)
{
        struct source_op *op;

        assert_ptr_equal(s, &src.source);
        assert_ptr_equal(c, &conf);
        assert_null(src.op); // single flight
        if (src.start_result < 0)
                return src.start_result;
        op = calloc(1, sizeof *op);
        if (!op)
                return -ENOMEM;
        *op = (struct source_op){.done = done, .arg = arg};
        src.duration_s = duration_s;
        src.op = *ret = op;
        src.calls++;
        return 0;
}

static struct source_op *op_free(struct source_op *op)
{
        if (op && op == src.op) {
                src.op = NULL;
                src.cancelled++;
        }
        free(op);
        return NULL;
}

static bool op_hurry(struct source_op *op)
{
        assert_ptr_equal(op, src.op);
        src.hurried++;
        return true;
}

static const struct source_ops ops = {.obtain = obtain, .op_hurry = op_hurry, .op_free = op_free};

static void on_obtained(struct role *r, const struct sts_credentials *c, void *arg)
{
        (void)r, (void)arg;
        assert_non_null(c->access_key_id);
        n_obtained++;
}

static void on_refused(struct role *r, void *arg)
{
        (void)r, (void)arg;
        n_refused++;
}

static void on_shortened(struct role *r, void *arg)
{
        (void)r, (void)arg;
        n_shortened++;
}

static const struct role_events events = {
        .obtained = on_obtained, .refused = on_refused, .shortened = on_shortened};

_unused_ static void finish(struct source_result *result)
{
        struct source_op op = *src.op;
        struct source_op *mine = src.op;

        src.op = NULL; // no longer under way: op_free from inside done is no cancellation
        (void)mine;
        op.done(op.arg, result);
        sts_credentials_deinit(&result->credentials);
}

_unused_ static void succeed_with_skew(int64_t life_s, int64_t skew_s)
{
        struct source_result r = {.outcome = OUTCOME_OK, .server_skew_s = skew_s};
        char id[32];

        assert_non_null(src.op);
        snprintf(id, sizeof id, "ASIA%u", src.calls);
        r.credentials.access_key_id = strdup(id);
        assert_int_equal(secret_new_str(&r.credentials.secret_access_key, "secret"), 0);
        assert_int_equal(secret_new_str(&r.credentials.session_token, "token"), 0);
        r.credentials.expiration_s = clock_wall_s(&clk.clock) + skew_s + life_s;
        finish(&r);
}

_unused_ static void succeed(int64_t life_s)
{
        succeed_with_skew(life_s, 0);
}

_unused_ static void fail_with(enum outcome o, const char *text)
{
        struct source_result r = {.outcome = o, .request_id = "req-1"};

        assert_non_null(src.op);
        err_set(&r.err, "%s", text);
        finish(&r);
}

struct caller {
        struct role_waiter *w;
        unsigned answers;
        struct role_answer a;
        char key[32], message[ERR_MAX];
};

_unused_ static void on_answer(void *arg, const struct role_answer *a)
{
        struct caller *c = arg;

        c->answers++;
        c->a = *a;
        snprintf(c->message, sizeof c->message, "%s", a->message);
        if (a->credentials)
                snprintf(c->key, sizeof c->key, "%s", a->credentials->access_key_id);
        assert_true((a->outcome == OUTCOME_OK) == (a->credentials != NULL));
        c->w = role_waiter_free(c->w);
}

_unused_ static void ask(struct caller *c, int64_t min_ttl)
{
        *c = (struct caller){0};
        assert_int_equal(role_wait_start(&c->w, role, min_ttl, 3500, on_answer, c), 0);
}

_unused_ static int setup(void **state)
{
        (void)state;
        src = (struct fake_source){.source = {.ops = &ops, .type = SOURCE_OIDC}};
        n_obtained = n_refused = n_shortened = 0;
        conf.duration_s = 3600;
        clock_fake_init(&clk, NOW);
        assert_int_equal(loop_new(&l, &clk.clock), 0);
        assert_int_equal(role_new(&role, l, &conf, &src.source, &events, NULL), 0);
        return 0;
}

_unused_ static int teardown(void **state)
{
        (void)state;
        role = role_free(role);
        assert_null(src.op);
        l = loop_free(l);
        return 0;
}
