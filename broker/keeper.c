// SPDX-License-Identifier: Apache-2.0
//
// The grant of one identity from its beginning to its end: taken, replaced, wiped. Refreshing is in keeper_refresh.c,
// whoever waits for a token in keeper_token.c.
#include "keeper_internal.h"

#include "client_secret.h"
#include "log.h"

const char *keeper_state_name(enum keeper_state s)
{
        static const char *const names[] = {
                [KEEPER_SIGNED_OUT] = "signed-out",
                [KEEPER_SIGNED_IN] = "signed-in",
                [KEEPER_NEEDS_LOGIN] = "needs-login",
        };

        return names[s];
}

int64_t keeper_boot_now(const struct keeper *k)
{
        const struct clock *c = loop_clock(k->loop);

        return c->boot_ms(c);
}

void keeper_kick(struct keeper *k)
{
        timer_arm_in(k->kick, 0);
}

void keeper_changed(struct keeper *k)
{
        if (k->events->changed)
                k->events->changed(k, k->arg);
}

void keeper_store(struct keeper *k)
{
        if (k->events->store)
                k->events->store(k, k->arg);
}

static void wipe(struct keeper *k)
{
        if (k->refresh)
                k->refresh = provider_op_free(k->refresh);
        if (k->has)
                grant_deinit(&k->grant);
        k->grant = (struct grant){0};
        k->has = k->refresh_is_useless = false;
        if (k->alive)
                timer_disarm(k->alive);
        if (k->expiry)
                timer_disarm(k->expiry);
        k->failures = 0;
        k->retry_boot_ms = 0;
        k->last_outcome = OUTCOME_OK;
        err_clear(&k->last_err);
}

// The grant is over: what is left of it goes, and the sentence stays for whoever asks.
void keeper_end(struct keeper *k, const char *why, bool sessions_too)
{
        log_event(LOG_E_NOTICE, "grant.ended", "identity=%s reason=%s", k->conf->name, why);
        wipe(k);
        err_clear(&k->reason);
        err_set(&k->reason, "%s", why);
        k->events->ended(k, sessions_too, k->arg);
        keeper_store(k);
        keeper_changed(k);
}

void keeper_refuse(struct keeper *k, const char *why)
{
        struct err text = ERR_INIT;

        if (!k->has)
                return;
        err_set(&text, "the sign-in to identity %s has ended: %s", k->conf->name, why);
        keeper_end(k, text.text, true);
        keeper_kick(k);
}

void keeper_drop(struct keeper *k)
{
        bool had = k->has;

        wipe(k);
        err_clear(&k->reason);
        if (had)
                log_event(LOG_E_NOTICE, "grant.ended", "identity=%s reason=%s", k->conf->name, "signed out");
        k->events->ended(k, true, k->arg);
        keeper_store(k);
        keeper_changed(k);
        keeper_kick(k);
}

struct provider_op *keeper_take_refresh(struct keeper *k)
{
        return TAKE_PTR(k->refresh);
}

void keeper_close(struct keeper *k)
{
        k->closed = true;
}

static char *person_of(const struct grant *g)
{
        struct buf b = BUF_INIT(4096);
        char *s = NULL;

        buf_printf(&b, "%s %s", g->issuer, g->subject);
        if (buf_take_str(&b, &s) < 0)
                s = NULL;
        buf_deinit(&b);
        return s;
}

static bool take(struct keeper *k, struct grant *g)
{
        cleanup_free char *person = person_of(g);
        // When memory does not even reach for a name, nobody is taken for the same person.
        bool first = k->serial == 0 && !k->after_another;
        bool same = person && (first || (k->last_person && strcmp(person, k->last_person) == 0));

        wipe(k);
        k->grant = *g;
        *g = (struct grant){0};
        k->has = true;
        k->serial++;
        keeper_token_begins(k);
        keeper_refresh_token_begins(k);
        keeper_begin_expiry(k);
        free_and_replace(k->last_person, person);
        err_clear(&k->reason);
        return same;
}

struct keeper_memory keeper_get_memory(const struct keeper *k)
{
        return (struct keeper_memory){
                .token_since_s = k->token_since_s,
                .no_id_token_on_refresh = k->refresh_is_useless,
                .began_boot_ms = k->began_boot_ms,
                .warned_end_boot_ms = k->warned_end_boot_ms,
                .token_ends_boot_ms = k->has ? keeper_token_ends_boot_ms(k) : 0,
                .refresh_ends_boot_ms = k->refresh_ends_boot_ms,
        };
}

void keeper_restore(struct keeper *k, struct grant *g, const struct keeper_memory *m)
{
        take(k, g);
        k->token_since_s = m->token_since_s;
        if (m->token_ends_boot_ms)
                k->token_ends_boot_ms = m->token_ends_boot_ms;
        if (m->refresh_ends_boot_ms)
                k->refresh_ends_boot_ms = m->refresh_ends_boot_ms;
        k->refresh_is_useless = m->no_id_token_on_refresh;
        if (m->began_boot_ms > 0 && m->began_boot_ms <= keeper_boot_now(k))
                k->began_boot_ms = m->began_boot_ms;
        k->warned_end_boot_ms = m->warned_end_boot_ms;
        keeper_plan_alive(k);
        keeper_plan_expiry(k);
}

void keeper_after_another(struct keeper *k)
{
        k->after_another = true;
}

void keeper_put(struct keeper *k, struct grant *g)
{
        bool same;

        if (k->closed)
                return;
        same = take(k, g);
        if (k->claims)
                claims_forget_refusal(k->claims);
        keeper_plan_alive(k);
        keeper_plan_expiry(k);
        k->events->granted(k, same, k->arg);
        keeper_store(k); // after the role sessions of another person are gone
        keeper_changed(k);
        keeper_kick(k);
}

int keeper_new(struct keeper **ret, struct loop *l, struct http *h, struct claims *claims,
        const struct config_identity *conf, const struct keeper_events *events, void *arg)
{
        struct provider_options o = {
                .issuer = conf->issuer,
                .client_id = conf->client_id,
                .scopes = conf->scopes,
                .ca_file = conf->ca_file,
        };
        cleanup_secret struct secret *client_secret = NULL;
        struct err err = ERR_INIT;
        struct keeper *k = NULL;
        int r = 0;

        if (conf->client_secret_file)
                r = client_secret_read(&client_secret, conf->client_secret_file, &err);
        if (r < 0) {
                log_event(LOG_E_ERROR, "identity.unusable", "identity=%s reason=%s", conf->name, err.text);
                return r;
        }
        o.client_secret = client_secret;
        k = calloc(1, sizeof *k);
        if (!k)
                return -ENOMEM;
        *k = (struct keeper){.loop = l, .conf = conf, .events = events, .arg = arg, .claims = claims};
        r = provider_new(&k->provider, h, &o);
        if (r == 0)
                r = timer_new(&k->kick, l, keeper_advance, k);
        if (r == 0)
                r = timer_new(&k->alive, l, keeper_on_alive, k);
        if (r == 0)
                r = timer_new(&k->expiry, l, keeper_on_expiry, k);
        if (r < 0) {
                keeper_free(k);
                return err_trace(r);
        }
        *ret = k;
        return 0;
}

struct keeper *keeper_free(struct keeper *k)
{
        if (!k)
                return NULL;
        wipe(k);
        claims_waiter_free(k->look);
        timer_free(k->kick);
        timer_free(k->alive);
        timer_free(k->expiry);
        provider_free(k->provider);
        free(k->last_person);
        free(k);
        return NULL;
}

enum keeper_state keeper_get_state(const struct keeper *k)
{
        if (k->has)
                return KEEPER_SIGNED_IN;
        return k->reason.text[0] ? KEEPER_NEEDS_LOGIN : KEEPER_SIGNED_OUT;
}

const struct config_identity *keeper_get_config(const struct keeper *k)
{
        return k->conf;
}

const struct grant *keeper_get_grant(const struct keeper *k)
{
        return k->has ? &k->grant : NULL;
}

bool keeper_is_refreshing(const struct keeper *k)
{
        return k->refresh;
}

const char *keeper_get_reason(const struct keeper *k)
{
        return k->reason.text;
}

struct provider *keeper_get_provider(struct keeper *k)
{
        return k->provider;
}

struct loop *keeper_get_loop(struct keeper *k)
{
        return k->loop;
}

void keeper_set_matching(struct keeper *k, const struct matching_where *where)
{
        k->matching = where;
}

const struct matching_where *keeper_get_matching(const struct keeper *k)
{
        return k->matching;
}

struct sign_in **keeper_sign_in_slot(struct keeper *k)
{
        return &k->sign_in;
}
