// SPDX-License-Identifier: Apache-2.0
//
// The flow belongs to the keeper's slot while anybody watches. Watchers are told from a timer of zero, so
// that joining late is no special case: what has not been said to a watcher yet is said then.
#include "sign_in.h"

#include "callback.h"
#include "json.h"
#include "log.h"
#include "matching.h"
#include "revocation.h"

#define BROWSER_PATIENCE_MS (10 * 60 * INT64_C(1000)) // as the provider's operation has it

struct sign_in_watch {
        struct sign_in *flow;
        struct sign_in_watch *next, **link; // link: NULL once done
        const struct sign_in_events *events;
        void *arg;
        bool prompted;
};

struct sign_in {
        struct keeper *keeper;
        enum sign_in_flow flow;
        struct provider_op *op;
        struct grant grant;            // what came, while it is asked whose it is
        struct matching *matching;     // who is asked
        struct revocation *revocation; // of a grant that was not kept
        struct callback *callback;     // SIGN_IN_BROWSER: what the browser comes back to, until it was told
        struct timer *tell;
        struct sign_in_watch *watches;
        bool has_prompt, shown, ended;
        char *uri, *uri_complete, *user_code;
        int64_t expires_boot_ms;
        enum outcome outcome;
        struct err err;
};

const char *sign_in_flow_name(enum sign_in_flow f)
{
        return f == SIGN_IN_BROWSER ? "browser" : "device";
}

static int64_t boot_now(const struct sign_in *f)
{
        const struct clock *c = loop_clock(keeper_get_loop(f->keeper));

        return c->boot_ms(c);
}

static struct sign_in *flow_free(struct sign_in *f)
{
        struct sign_in **slot;

        if (!f)
                return NULL;
        slot = keeper_sign_in_slot(f->keeper);
        if (*slot == f)
                *slot = NULL;
        revocation_free(f->revocation);
        matching_free(f->matching);
        provider_op_free(f->op);
        grant_deinit(&f->grant);
        callback_end(f->callback, false, keeper_get_config(f->keeper)->name, "The sign-in was cancelled.");
        if (f->tell)
                timer_free(f->tell);
        free(f->uri);
        free(f->uri_complete);
        free(f->user_code);
        free(f);
        return NULL;
}

static void watch_unlink(struct sign_in_watch *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

static bool tell_one(struct sign_in *f)
{
        struct sign_in_watch *w;

        for (w = f->watches; w; w = w->next) {
                if (f->has_prompt && !f->ended && !w->prompted) {
                        int64_t left = (f->expires_boot_ms - boot_now(f)) / 1000;
                        struct sign_in_prompt p = {
                                .flow = f->flow,
                                .first = !f->shown,
                                .uri = f->uri,
                                .uri_complete = f->uri_complete,
                                .user_code = f->user_code,
                                .expires_in_s = left > 0 ? left : 0,
                        };

                        w->prompted = f->shown = true;
                        w->events->prompt(w->arg, &p); // may leave, and with it end the flow
                        return true;
                }
        }
        return false;
}

static void on_tell(void *arg)
{
        struct sign_in *f = arg;
        struct sign_in **slot = keeper_sign_in_slot(f->keeper);
        struct sign_in_watch *w;

        if (!f->ended) {
                // One at a time: a watcher that leaves may have taken the flow with it.
                if (tell_one(f) && *slot == f)
                        timer_arm_in(f->tell, 0);
                return;
        }
        *slot = NULL; // whoever asks from now on gets a new flow
        while ((w = f->watches)) {
                struct err err = f->err;

                watch_unlink(w);
                w->flow = NULL;
                w->events->done(w->arg, f->outcome, &err);
        }
        flow_free(f);
}

static int dup_or_null(char **dst, const char *s)
{
        *dst = s ? strdup(s) : NULL;
        return s && !*dst ? -ENOMEM : 0;
}

// What is shown to the person stands for itself: a sentence of its own, and what to do.
static void tell_browser(struct sign_in *f, const char *why)
{
        const struct grant *g = keeper_get_grant(f->keeper);
        char text[ERR_MAX + 100];
        size_t n = strlen(why);

        while (n > 1 && why[n - 1] == '.')
                n--;
        if (f->outcome == OUTCOME_OK)
                snprintf(text, sizeof text,
                        "You are signed in as %s. Your programs have AWS credentials now; you can close this "
                        "tab.",
                        g ? g->display : "yourself");
        else
                snprintf(text, sizeof text,
                        "%c%.*s. You can close this tab; to try again, run: valetkey login",
                        *why >= 'a' && *why <= 'z' ? *why - 'a' + 'A' : *why, (int)n - 1, why + 1);
        f->callback =
                callback_end(f->callback, f->outcome == OUTCOME_OK, keeper_get_config(f->keeper)->name, text);
}

static void end(struct sign_in *f, enum outcome o, const struct err *err)
{
        const char *why = err && err->text[0] ? err->text : outcome_info(o)->text;

        f->ended = true;
        f->outcome = o;
        if (o != OUTCOME_OK)
                err_set(&f->err, "sign-in to identity %s: %s", keeper_get_config(f->keeper)->name, why);
        tell_browser(f, why);
        timer_arm_in(f->tell, 0);
}

static void on_prompt(void *arg, const struct oidc_device *d)
{
        struct sign_in *f = arg;

        if (dup_or_null(&f->uri, d->verification_uri) < 0 ||
                dup_or_null(&f->uri_complete, d->verification_uri_complete) < 0 ||
                dup_or_null(&f->user_code, d->user_code) < 0) {
                end(f, OUTCOME_INTERNAL, NULL);
                return;
        }
        f->expires_boot_ms = boot_now(f) + d->expires_in_s * 1000;
        f->has_prompt = true;
        timer_arm_in(f->tell, 0);
}

// Who this is, for session names and status: what people recognise, else what is certain.
static const char *display_of(const struct jwt_claims *claims)
{
        static const char *const names[] = {"preferred_username", "email"};
        const char *s;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (json_get_string(claims->all, names[i], 255, &s) == 0 && s[0])
                        return s;
        return claims->sub;
}

int grant_from_result(struct grant *ret, const struct config_identity *conf, struct provider_result *result,
        struct err *err)
{
        struct oidc_tokens *t = &result->tokens;
        struct grant g = {.type = conf->type, .signed_in_at_s = result->obtained_at_s};
        int r;

        if (!t->id_token || !result->claims.sub) {
                err_set(err, "the provider sent no ID token");
                return -EBADMSG;
        }
        r = dup_or_null(&g.identity, conf->name);
        r = r ? r : dup_or_null(&g.issuer, conf->issuer);
        r = r ? r : dup_or_null(&g.client_id, conf->client_id);
        r = r ? r : dup_or_null(&g.subject, result->claims.sub);
        r = r ? r : dup_or_null(&g.display, display_of(&result->claims));
        r = r ? r : dup_or_null(&g.scope, t->scope);
        if (r < 0) {
                grant_deinit(&g);
                return r;
        }
        g.id_token = TAKE_PTR(t->id_token);
        g.access_token = TAKE_PTR(t->access_token);
        g.refresh_token = TAKE_PTR(t->refresh_token);
        g.id_token_exp_s = result->claims.exp;
        if (t->refresh_expires_in_s > 0)
                g.refresh_exp_s = result->obtained_at_s + t->refresh_expires_in_s;
        *ret = g;
        return 0;
}

static void accept(struct sign_in *f)
{
        struct grant g = f->grant;

        f->grant = (struct grant){0};
        log_event(LOG_E_NOTICE, "signin.done", "identity=%s issuer=%s flow=%s", g.identity, g.issuer,
                sign_in_flow_name(f->flow));
        keeper_put(f->keeper, &g);
        grant_deinit(&g);
        end(f, OUTCOME_OK, NULL);
}

// Wiped here, whatever the provider said.
static void end_refused(struct sign_in *f)
{
        struct err why = f->err;

        grant_deinit(&f->grant);
        f->grant = (struct grant){0};
        end(f, f->outcome, &why);
}

static void on_revoked(void *arg, enum outcome o, const struct err *err)
{
        struct sign_in *f = arg;

        if (o != OUTCOME_OK)
                log_event(LOG_E_WARNING, "grant.revoke_failed", "identity=%s reason=%s", f->grant.identity,
                        err->text);
        end_refused(f);
        f->revocation = revocation_free(f->revocation);
}

// A grant that nobody keeps is over at the provider, too, where that ends nothing else.
static bool begin_revocation(struct sign_in *f)
{
        return keeper_get_config(f->keeper)->revocation_per_grant && f->grant.refresh_token &&
               revocation_start(&f->revocation, keeper_get_loop(f->keeper), keeper_get_provider(f->keeper),
                       f->grant.refresh_token, NULL, on_revoked, f) == 0;
}

static void on_matched(void *arg, enum outcome o, const struct err *err)
{
        struct sign_in *f = arg;

        if (o == OUTCOME_OK) {
                accept(f);
        } else {
                log_event(LOG_E_WARNING, "signin.refused", "identity=%s issuer=%s subject=%s reason=%s",
                        f->grant.identity, f->grant.issuer, f->grant.subject, err->text);
                f->outcome = o;
                f->err = *err;
                if (!begin_revocation(f))
                        end_refused(f);
        }
        f->op = provider_op_free(f->op);
        f->matching = matching_free(f->matching);
}

// Whose sign-in it was is asked before anybody has it.
static void match(struct sign_in *f)
{
        const struct matching_where *where = keeper_get_matching(f->keeper);

        if (!where || keeper_get_config(f->keeper)->any_person)
                accept(f);
        else if (matching_start(&f->matching, keeper_get_loop(f->keeper), where, f->grant.issuer,
                         f->grant.subject, on_matched, f) < 0)
                end(f, OUTCOME_INTERNAL, NULL);
}

static void take_result(struct sign_in *f, struct provider_result *result)
{
        struct err err = ERR_INIT;
        int r;

        if (result->outcome != OUTCOME_OK) {
                end(f, result->outcome, &result->err);
                return;
        }
        r = grant_from_result(&f->grant, keeper_get_config(f->keeper), result, &err);
        if (r < 0)
                end(f, r == -EBADMSG ? OUTCOME_BAD_ANSWER : OUTCOME_INTERNAL, &err);
        else
                match(f);
}

static void on_done(void *arg, struct provider_result *result)
{
        struct sign_in *f = arg;

        if (!f->ended)
                take_result(f, result);
        if (f->ended) // else a browser may still ask for its page anew, and is known by it
                f->op = provider_op_free(f->op); // and with it the result
}

static void on_open(void *arg, const char *url)
{
        struct sign_in *f = arg;

        if (dup_or_null(&f->uri, url) < 0) {
                end(f, OUTCOME_INTERNAL, NULL);
                return;
        }
        f->expires_boot_ms = boot_now(f) + BROWSER_PATIENCE_MS;
        f->has_prompt = true;
        timer_arm_in(f->tell, 0);
}

static int on_query(void *arg, const char *query, size_t n)
{
        struct sign_in *f = arg;

        return f->op && !f->ended ? provider_code_answer(f->op, query, n) : -EPERM;
}

static uint16_t port_of(const struct keeper *k, const struct sign_in_wish *wish)
{
        return wish && wish->port ? wish->port : (uint16_t)keeper_get_config(k)->callback_port;
}

void sign_in_port_error(struct err *err, const struct keeper *k, const struct sign_in_wish *wish, int r)
{
        if (port_of(k, wish))
                err_set(err, "cannot wait for the browser on port %u: %s", port_of(k, wish), strerror(-r));
        else
                err_set(err, "cannot wait for the browser: %s", strerror(-r));
}

static int start_browser(struct sign_in *f, uint16_t port)
{
        static const struct callback_events events = {.query = on_query};
        const struct config_identity *conf = keeper_get_config(f->keeper);
        int r = callback_new(&f->callback, keeper_get_loop(f->keeper), conf->callback_host, port, &events, f);

        if (r < 0)
                return r;
        return provider_code_start(&f->op, keeper_get_provider(f->keeper), callback_redirect_uri(f->callback),
                on_open, on_done, f);
}

static int flow_new(struct sign_in **ret, struct keeper *k, const struct sign_in_wish *wish)
{
        struct sign_in *f = calloc(1, sizeof *f);
        int r;

        if (!f)
                return -ENOMEM;
        f->keeper = k;
        f->flow = wish ? wish->flow : SIGN_IN_DEVICE;
        r = timer_new(&f->tell, keeper_get_loop(k), on_tell, f);
        if (r == 0)
                r = f->flow == SIGN_IN_BROWSER
                            ? start_browser(f, port_of(k, wish))
                            : provider_device_start(&f->op, keeper_get_provider(k), on_prompt, on_done, f);
        if (r < 0) {
                flow_free(f);
                return err_trace(r);
        }
        *keeper_sign_in_slot(k) = f;
        *ret = f;
        return 0;
}

int sign_in_join(struct sign_in_watch **ret, struct keeper *k, const struct sign_in_wish *wish,
        const struct sign_in_events *events, void *arg)
{
        struct sign_in *f = *keeper_sign_in_slot(k);
        struct sign_in_watch *w = calloc(1, sizeof *w);
        int r;

        if (!w)
                return -ENOMEM;
        if (!f) {
                r = flow_new(&f, k, wish);
                if (r < 0) {
                        free(w);
                        return err_trace(r);
                }
        }
        *w = (struct sign_in_watch){.flow = f, .events = events, .arg = arg, .next = f->watches};
        w->link = &f->watches;
        if (w->next)
                w->next->link = &w->next;
        f->watches = w;
        if (f->has_prompt)
                timer_arm_in(f->tell, 0);
        *ret = w;
        return 0;
}

struct sign_in_watch *sign_in_leave(struct sign_in_watch *w)
{
        struct sign_in *f;

        if (!w)
                return NULL;
        f = w->flow;
        watch_unlink(w);
        free(w);
        // Nobody is left to show the code to: the flow ends. One that has ended is freed by its timer.
        if (f && !f->watches && !f->ended)
                flow_free(f);
        return NULL;
}

void sign_in_abort(struct keeper *k)
{
        flow_free(*keeper_sign_in_slot(k));
}
