// SPDX-License-Identifier: Apache-2.0
//
// A day of many hosts whose users all signed in within the same second, on a clock that is turned by hand: the broker's own
// keepers, sources and roles, with a provider and an STS that answer after a tenth of a second and count. What is printed is
// what a fleet asks of them: each user in an hour, and all together in the worst second.
#include "keeper.h"
#include "role.h"
#include "sts_op.h"
#include "web_identity.h"
#include "log.h"
#include "loop.h"

#include <getopt.h>
#include <stdio.h>

#define NOW    INT64_C(1800000000)
#define DAY_S  86400
#define RTT_MS 100

static struct options {
        long hosts, roles, session_s, id_token_s, refresh_s;
} o = {.hosts = 1000, .roles = 1, .session_s = 3600, .id_token_s = 300};

static struct clock_fake clk;
static struct loop *l;

struct count {
        unsigned per_second[DAY_S + 1];
        unsigned long all;
};
static struct count provider_calls, sts_calls;

static void count(struct count *c)
{
        int64_t s = (clk.wall_now_ms - NOW * 1000) / 1000;

        if (s <= DAY_S)
                c->per_second[s]++;
        c->all++;
}

// ---- a provider and an STS

struct provider_op {
        provider_done_fn done;
        void *arg;
        struct timer *timer;
};
struct sts_op {
        sts_done_fn done;
        void *arg;
        struct timer *timer;
};
static char somebody;

static void must(int r)
{
        if (r < 0)
                abort();
}

int provider_new(struct provider **ret, struct http *h _unused_, const struct provider_options *p _unused_)
{
        *ret = (struct provider *)(void *)&somebody;
        return 0;
}

struct provider *provider_free(struct provider *p _unused_)
{
        return NULL;
}

int64_t provider_skew_s(const struct provider *p _unused_)
{
        return 0;
}

bool provider_tells_time(const struct provider *p _unused_)
{
        return false;
}

struct provider_op *provider_op_free(struct provider_op *op)
{
        if (op)
                timer_free(op->timer);
        free(op);
        return NULL;
}

void provider_op_on_rotated(struct provider_op *op _unused_, provider_rotated_fn rotated _unused_)
{
}

static void on_refreshed(void *arg)
{
        struct provider_op *op = arg;
        struct provider_result r = {.outcome = OUTCOME_OK, .tokens.refresh_expires_in_s = o.refresh_s};

        must(secret_new_str(&r.tokens.id_token, "id"));
        must(secret_new_str(&r.tokens.refresh_token, "refresh"));
        r.claims.exp = clock_wall_s(&clk.clock) + o.id_token_s;
        op->done(op->arg, &r);
        oidc_tokens_deinit(&r.tokens);
}

int provider_refresh_start(struct provider_op **ret, struct provider *p _unused_,
        const struct secret *token _unused_, const char *subject _unused_, provider_done_fn done, void *arg)
{
        struct provider_op *op = calloc(1, sizeof *op);

        if (!op)
                return -ENOMEM;
        *op = (struct provider_op){.done = done, .arg = arg};
        must(timer_new(&op->timer, l, on_refreshed, op));
        timer_arm_in(op->timer, RTT_MS);
        count(&provider_calls);
        *ret = op;
        return 0;
}

struct sts_op *sts_op_free(struct sts_op *op)
{
        if (op)
                timer_free(op->timer);
        free(op);
        return NULL;
}

bool sts_op_hurry(struct sts_op *op _unused_)
{
        return false;
}

static void on_assumed(void *arg)
{
        struct sts_op *op = arg;
        struct sts_result r = {.outcome = OUTCOME_OK};

        r.credentials.access_key_id = strdup("ASIA");
        must(secret_new_str(&r.credentials.secret_access_key, "secret"));
        must(secret_new_str(&r.credentials.session_token, "token"));
        r.credentials.expiration_s = clock_wall_s(&clk.clock) + o.session_s;
        op->done(op->arg, &r);
        sts_credentials_deinit(&r.credentials);
}

int sts_web_identity_start(struct sts_op **ret, struct http *h _unused_, const struct sts_target *t _unused_,
        const struct sts_web_identity *q _unused_, sts_done_fn done, void *arg)
{
        struct sts_op *op = calloc(1, sizeof *op);

        if (!op)
                return -ENOMEM;
        *op = (struct sts_op){.done = done, .arg = arg};
        must(timer_new(&op->timer, l, on_assumed, op));
        timer_arm_in(op->timer, RTT_MS);
        count(&sts_calls);
        *ret = op;
        return 0;
}

// ---- the hosts

static void on_keeper(struct keeper *k _unused_, void *arg _unused_)
{
}
static void on_granted(struct keeper *k _unused_, bool same _unused_, void *arg _unused_)
{
}
static void on_role(struct role *r _unused_, void *arg _unused_)
{
}
static void on_obtained(struct role *r _unused_, const struct sts_credentials *c _unused_, void *arg _unused_)
{
}

static void on_ended(struct keeper *k, bool sessions _unused_, void *arg _unused_)
{
        fprintf(stderr, "a sign-in ended: %s\n", keeper_get_reason(k));
        abort();
}

static void on_first(void *arg, const struct role_answer *a)
{
        struct role_waiter **w = arg;

        if (a->outcome != OUTCOME_OK)
                abort();
        *w = role_waiter_free(*w);
}

static char corp[] = "corp", issuer[] = "https://idp.example", client[] = "valetkey", dev[] = "dev",
            arn[] = "arn:aws:iam::123456789012:role/dev", endpoint[] = "https://sts.example/";
static struct config_identity identity = {
        .name = corp, .type = SOURCE_OIDC, .issuer = issuer, .client_id = client};
static struct config_role role_conf = {.name = dev, .role_arn = arn, .sts_endpoint = endpoint};

static void sign_in(struct keeper *k)
{
        struct grant g = {.type = SOURCE_OIDC, .signed_in_at_s = NOW, .id_token_exp_s = NOW + o.id_token_s};

        if (o.refresh_s)
                g.refresh_exp_s = NOW + o.refresh_s;
        g.identity = strdup(corp);
        g.issuer = strdup(issuer);
        g.client_id = strdup(client);
        g.subject = strdup("sub");
        g.display = strdup("alice");
        must(secret_new_str(&g.id_token, "id"));
        must(secret_new_str(&g.refresh_token, "refresh"));
        keeper_put(k, &g);
        grant_deinit(&g);
}

struct host {
        struct keeper *keeper;
        struct web_identity source;
        struct role **roles;
        struct role_waiter **waiters;
};

static void host_begin(struct host *h)
{
        static const struct keeper_events keeper_events = {
                .granted = on_granted, .ended = on_ended, .changed = on_keeper};
        static const struct role_events role_events = {
                .obtained = on_obtained, .refused = on_role, .changed = on_role};

        h->roles = calloc((size_t)o.roles, sizeof(struct role *));
        h->waiters = calloc((size_t)o.roles, sizeof(struct role_waiter *));
        must(h->roles && h->waiters ? 0 : -1);
        must(keeper_new(&h->keeper, l, NULL, NULL, &identity, &keeper_events, NULL));
        sign_in(h->keeper);
        web_identity_init(&h->source, h->keeper, NULL);
        for (long i = 0; i < o.roles; i++) {
                must(role_new(&h->roles[i], l, &role_conf, &h->source.source, &role_events, NULL));
                must(role_wait_start(&h->waiters[i], h->roles[i], 0, 10000, on_first, &h->waiters[i]));
        }
}

static void host_end(struct host *h)
{
        if (!h->roles)
                return;
        for (long i = 0; i < o.roles; i++)
                role_stop(h->roles[i]);
        for (long i = 0; i < o.roles; i++)
                role_free(h->roles[i]);
        keeper_free(h->keeper);
        free(h->roles);
        free(h->waiters);
}

// ---- what came of it

// The most in a second from the first rotation on: that all sign in at once is how this begins.
static unsigned most(const struct count *c, unsigned from_s, unsigned to_s)
{
        unsigned m = 0;

        for (unsigned s = from_s; s < to_s; s++)
                m = c->per_second[s] > m ? c->per_second[s] : m;
        return m;
}

static void say(const char *name, const struct count *c)
{
        printf("%s: %lu in all, %.2f for each user and hour, most in a second: %u in the first two hours, %u "
               "in the rest\n",
                name, c->all, (double)c->all / (double)o.hosts / 24, most(c, 60, 7200), most(c, 7200, DAY_S));
}

static long number(const char *s)
{
        char *end;
        long v = strtol(s, &end, 10);

        if (*end || v < 0 || v > 1000000)
                exit(2);
        return v;
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {{"hosts", 1, NULL, 'h'}, {"roles", 1, NULL, 'r'},
                {"session", 1, NULL, 's'}, {"id-token", 1, NULL, 'i'}, {"refresh", 1, NULL, 'f'}, {0}};
        struct host *hosts;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                long *to = c == 'h'   ? &o.hosts
                           : c == 'r' ? &o.roles
                           : c == 's' ? &o.session_s
                           : c == 'i' ? &o.id_token_s
                           : c == 'f' ? &o.refresh_s
                                      : NULL;

                if (!to)
                        return 2;
                *to = number(optarg);
        }
        log_init("fleet", LOG_E_ERROR);
        role_conf.duration_s = o.session_s;
        clock_fake_init(&clk, NOW);
        must(loop_new(&l, &clk.clock));
        hosts = calloc((size_t)o.hosts, sizeof *hosts);
        must(hosts ? 0 : -1);
        for (long i = 0; i < o.hosts; i++)
                host_begin(&hosts[i]);
        loop_turn(l, &clk, INT64_C(1000) * DAY_S);
        printf("%ld hosts, %ld roles each; role sessions of %ld s, ID tokens of %ld s", o.hosts, o.roles,
                o.session_s, o.id_token_s);
        printf(o.refresh_s ? ", refresh tokens of %ld s\n" : ", refresh tokens of unknown life\n",
                o.refresh_s);
        say("STS", &sts_calls);
        say("provider, token endpoint", &provider_calls);
        for (long i = 0; i < o.hosts; i++)
                host_end(&hosts[i]);
        free(hosts);
        loop_free(l);
        return 0;
}
