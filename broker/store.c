// SPDX-License-Identifier: Apache-2.0
//
// A stored refresh token that was spent since is worse than none: sent a second time it ends the whole family at a
// provider that rotates. So the store is either as new as memory or empty.
#include "store.h"

#include "log.h"
#include "state_form.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

// Role sessions come in bursts: many are stored at once. A crash before costs a call to STS. As each time all are
// written, those of who has thousands wait longer: storing takes a twentieth of the time at most.
#define SOON_MS 200
#define SHARE   20

struct store {
        struct store_parts p;
        struct timer *soon;
        int64_t took_ms; // to store all, the last time
};

// ---- what a role session was obtained under

static void add(struct buf *b, const char *name, const char *value)
{
        buf_printf(b, "%s=%s", name, value ? value : "");
        buf_append_char(b, 0);
}

static void add_role(struct buf *b, const struct config *c, const struct config_role *r)
{
        const struct config_identity *id = config_find_identity(c, r->identity);
        const struct config_role *from = r->source_role ? config_find_role(c, r->source_role) : NULL;

        add(b, "name", r->name);
        add(b, "role_arn", r->role_arn);
        add(b, "identity", r->identity);
        add(b, "issuer", id ? id->issuer : NULL);
        add(b, "client_id", id ? id->client_id : NULL);
        add(b, "external_id", r->external_id);
        add(b, "source_identity", r->source_identity);
        add(b, "session_policy", r->session_policy);
        for (char **arn = r->policy_arns; arn && *arn; arn++)
                add(b, "policy_arn", *arn);
        for (char **tag = r->tags; tag && *tag; tag++)
                add(b, config_find_tag(r->transitive_tags, *tag) ? "transitive_tag" : "tag", *tag);
        add(b, "session_name", r->session_name);
        add(b, "sts_region", r->sts_region);
        add(b, "sts_endpoint", r->sts_endpoint);
        add(b, "use_fips_endpoint", r->use_fips == CONFIG_YES ? "yes" : "no");
        add(b, "use_dualstack_endpoint", r->use_dual_stack == CONFIG_YES ? "yes" : "no");
        buf_printf(b, "duration=%" PRId64, r->duration_s);
        add(b, "source_role", r->source_role);
        if (from)
                add_role(b, c, from); // the reader refuses circles
}

static int print_of(char ret[STATE_PRINT_MAX], const struct config *c, const struct config_role *r)
{
        cleanup_buf struct buf b = BUF_INIT(1u << 20);
        uint8_t sum[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        add_role(&b, c, r);
        if (buf_error(&b) < 0)
                return buf_error(&b);
        if (EVP_Digest(b.p, b.n, sum, &n, EVP_sha256(), NULL) != 1 || n != 32)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++)
                snprintf(ret + 2 * i, 3, "%02x", sum[i]);
        return 0;
}

// Kept with the role, whose configuration does not change. NULL: no memory.
static const char *print_for(const struct store *s, struct role *r)
{
        cleanup_free char *print = NULL;

        if (role_get_print(r))
                return role_get_print(r);
        print = malloc(STATE_PRINT_MAX);
        if (!print || print_of(print, s->p.config, role_get_config(r)) < 0)
                return NULL;
        role_take_print(r, TAKE_PTR(print));
        return role_get_print(r);
}

// ---- writing

static int put_grants(struct store *s, struct buf *out)
{
        struct state_grant pending = {.pending = true};
        const struct grant *g;
        int r = 0;

        // The copies below borrow what they point to.
        for (size_t i = 0; r == 0 && i < s->p.config->n_identities; i++) {
                const struct keeper *k = s->p.keepers[i];
                const struct keeper_memory m = keeper_get_memory(k);
                struct state_grant x = {
                        .token_since_s = m.token_since_s,
                        .no_id_token_on_refresh = m.no_id_token_on_refresh,
                        .began_boot_ms = m.began_boot_ms > 0 ? m.began_boot_ms : 0,
                        .warned_end_boot_ms = m.warned_end_boot_ms,
                        .token_ends_boot_ms = m.token_ends_boot_ms,
                        .refresh_ends_boot_ms = m.refresh_ends_boot_ms,
                };

                g = keeper_get_grant(k);
                if (!g)
                        continue;
                x.grant = *g;
                r = state_put_grant(out, &x);
        }
        g = claims_get_pending(s->p.claims, &pending.pending_id);
        if (r < 0 || !g)
                return r;
        pending.grant = *g;
        pending.token_since_s = clock_wall_s(loop_clock(s->p.loop));
        return state_put_grant(out, &pending);
}

static int put_sessions(struct store *s, struct buf *out)
{
        struct role *const *list;
        size_t n = roles_list(s->p.roles, &list);
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                const struct config_role *conf = role_get_config(list[i]);
                const struct sts_credentials *c = role_get_credentials(list[i]);
                struct role_times t = role_get_times(list[i]);
                const char *print = c ? print_for(s, list[i]) : NULL;
                struct state_session x = {
                        .role = conf->name,
                        .lifetime_ms = t.lifetime_ms,
                        .expires_boot_ms = t.expires_boot_ms,
                        .next_try_boot_ms = t.next_try_boot_ms,
                };

                if (!c)
                        continue;
                if (!print)
                        return -ENOMEM;
                x.credentials = *c;
                snprintf(x.print, sizeof x.print, "%s", print);
                r = state_put_session(out, &x);
                // One that is too odd or one too many is fetched anew after a restart; the others need not be.
                if (r == -EINVAL)
                        r = 0;
        }
        return r == -EMSGSIZE ? 0 : r;
}

static int save(struct store *s)
{
        cleanup_buf struct buf out = BUF_INIT(STATE_MAX);
        struct state_head head = {.in_session = *s->p.in_session};
        const char *print;
        size_t whole;
        int r;

        head.used_id = claims_get_used(s->p.claims, &print);
        snprintf(head.used_print, sizeof head.used_print, "%s", print);
        r = state_put_head(&out, &head);
        if (r == 0)
                r = put_grants(s, &out);
        if (r < 0)
                return r;
        whole = out.n;
        r = put_sessions(s, &out);
        // Without memory for the sessions the grants are stored all the same.
        return state_write(s->p.state, out.p, r < 0 ? whole : out.n);
}

int store_save(struct store *s)
{
        const struct clock *c = loop_clock(s->p.loop);
        int64_t since = c->boot_ms(c);
        int r, e;

        timer_disarm(s->soon);
        r = save(s);
        s->took_ms = c->boot_ms(c) - since;
        if (r == 0)
                return 0;
        e = state_wipe(s->p.state);
        log_event(LOG_E_ERROR, "state.unsaved", "reason=%s cleared=%s", strerror(-r),
                e < 0 ? strerror(-e) : "yes");
        return r;
}

static void on_soon(void *arg)
{
        store_save(arg);
}

void store_save_soon(struct store *s)
{
        if (s && !timer_is_armed(s->soon))
                timer_arm_in(s->soon, s->took_ms * SHARE > SOON_MS ? s->took_ms * SHARE : SOON_MS);
}

// ---- reading

static struct keeper *keeper_of(const struct store *s, const struct grant *g)
{
        const struct config_identity *conf = config_find_identity(s->p.config, g->identity);

        if (!conf || conf->type != g->type || strcmp(conf->issuer, g->issuer) != 0 ||
                strcmp(conf->client_id, g->client_id) != 0)
                return NULL;
        return s->p.keepers[conf - s->p.config->identities];
}

static unsigned take_grants(struct store *s, struct state_data *d, bool pending)
{
        unsigned n = 0;

        for (size_t i = 0; i < d->n_grants; i++) {
                struct state_grant *g = &d->grants[i];
                struct keeper *k = g->pending == pending ? keeper_of(s, &g->grant) : NULL;

                if (g->pending != pending)
                        continue;
                if (!k) {
                        log_event(LOG_E_WARNING, "state.dropped", "identity=%s reason=%s", g->grant.identity,
                                "the configuration no longer has it as it was");
                        continue;
                }
                if (pending) {
                        char print[9];

                        log_fingerprint(print, secret_str(g->grant.id_token), secret_len(g->grant.id_token));
                        claims_set_used(s->p.claims, g->pending_id, print);
                        keeper_put(k, &g->grant);
                } else {
                        keeper_restore(k, &g->grant,
                                &(struct keeper_memory){.token_since_s = g->token_since_s,
                                        .no_id_token_on_refresh = g->no_id_token_on_refresh,
                                        .began_boot_ms = g->began_boot_ms,
                                        .warned_end_boot_ms = g->warned_end_boot_ms,
                                        .token_ends_boot_ms = g->token_ends_boot_ms,
                                        .refresh_ends_boot_ms = g->refresh_ends_boot_ms});
                }
                n++;
        }
        return n;
}

static bool restore_session(
        struct store *s, struct role *role, struct sts_credentials *c, const struct role_times *t)
{
        const struct config_identity *id = config_find_identity(s->p.config, role_get_config(role)->identity);
        struct keeper *k = s->p.keepers[id - s->p.config->identities];

        if (!role_restore(role, c, t))
                return false;
        // Its grant ended before: the session lives to its end, but not into somebody else's sign-in.
        if (!keeper_get_grant(k))
                keeper_after_another(k);
        return true;
}

static int take_sessions(struct store *s, struct state_data *d, unsigned *ret_n)
{
        for (size_t i = 0; i < d->n_sessions; i++) {
                struct state_session *x = &d->sessions[i];
                struct role *role = roles_find(s->p.roles, x->role);
                const struct role_times t = {.lifetime_ms = x->lifetime_ms,
                        .expires_boot_ms = x->expires_boot_ms,
                        .next_try_boot_ms = x->next_try_boot_ms};
                const char *print = role ? print_for(s, role) : NULL;

                if (role && !print)
                        return -ENOMEM;
                if (!print || strcmp(print, x->print) != 0)
                        log_event(LOG_E_NOTICE, "state.dropped", "role=%s reason=%s", x->role,
                                "the configuration no longer has it as it was");
                else
                        *ret_n += restore_session(s, role, &x->credentials, &t);
        }
        return 0;
}

int store_restore(struct store *s)
{
        cleanup_secret struct secret *bytes = NULL;
        struct state_data d = {0};
        struct err err = ERR_INIT;
        unsigned n_grants, n_sessions = 0;
        int r = state_read(s->p.state, &bytes);

        if (r == -ENODATA)
                return 0;
        if (r == 0)
                r = state_parse(&d, secret_str(bytes), secret_len(bytes), &err);
        if (r == -EBADMSG) {
                log_event(LOG_E_ERROR, "state.unreadable", "reason=%s", err.text);
                return state_wipe(s->p.state);
        }
        if (r < 0)
                return r;
        claims_set_used(s->p.claims, d.head.used_id, d.head.used_print);
        *s->p.in_session = d.head.in_session;
        n_grants = take_grants(s, &d, false);
        for (size_t i = 0; i < s->p.config->n_identities; i++)
                roles_follow(s->p.roles, s->p.keepers[i]); // some have sessions among those that follow
        r = take_sessions(s, &d, &n_sessions);
        // Last, for it may be another person's: then the sessions of the one before go at once.
        n_grants += take_grants(s, &d, true);
        state_data_deinit(&d);
        if (r < 0)
                return r;
        log_event(LOG_E_NOTICE, "state.restored", "grants=%u role_sessions=%u", n_grants, n_sessions);
        store_save(s); // now by this configuration
        return 0;
}

int store_new(struct store **ret, const struct store_parts *p)
{
        struct store *s = malloc(sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (struct store){.p = *p};
        r = timer_new(&s->soon, p->loop, on_soon, s);
        if (r < 0) {
                free(s);
                return err_trace(r);
        }
        *ret = s;
        return 0;
}

struct store *store_free(struct store *s)
{
        if (s)
                timer_free(s->soon);
        free(s);
        return NULL;
}
