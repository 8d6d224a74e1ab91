// SPDX-License-Identifier: Apache-2.0
//
// Whoever asks for somebody else than himself is root, and is believed about user, service and remote host: root could
// become the user anyway. A program of the user's own is believed in nothing but its uid.
#include "gate.h"

#include "admit.h"
#include "log.h"
#include "newcomer.h"

#include <stdio.h>

// A locker finds out whether it is its user who sits there. It never makes the first binding: that is a login's.
static enum outcome check_self(
        const struct signin *s, const struct asked *a, const struct gate *g, struct err *err)
{
        if (g->u.uid != a->peer || a->rhost || a->prior || a->ruser) {
                err_set(err, "Only root may ask for sign-ins of others, or from afar.");
                return OUTCOME_ACCESS_DENIED;
        }
        if (!s->config->signin.lockers) {
                err_set(err, "Users' own programs may not ask for sign-ins on %s.", s->host);
                return OUTCOME_ACCESS_DENIED;
        }
        if (!g->u.entry.subject[0]) {
                err_set(err, "%s is not bound to anybody at the identity provider yet; a login does that.",
                        a->user);
                return OUTCOME_ACCESS_DENIED;
        }
        return OUTCOME_OK;
}

static enum outcome check_provider(
        const struct signin *s, const struct asked *a, const struct gate *g, struct err *err)
{
        if (!s->provider) {
                err_set(err, "No identity provider is configured for sign-ins.");
                return OUTCOME_MISCONFIGURED;
        }
        if (strcmp(g->u.entry.issuer, s->identity->issuer) != 0) {
                err_set(err, "%s belongs to another identity provider than the one configured.", a->user);
                return OUTCOME_MISCONFIGURED;
        }
        return OUTCOME_OK;
}

// Who runs su or sudo: of this machine's files, or ours. Whom neither knows cannot be seen to leave.
static uid_t uid_of(const struct signin *s, const char *name)
{
        struct ours_user u;

        if (!name)
                return (uid_t)-1;
        ours_find(&u, &s->paths, name);
        return u.uid;
}

static enum outcome check_policy(
        const struct signin *s, const struct asked *a, struct gate *g, struct err *err)
{
        int r = prior_parse(&g->prior, a->prior);

        if (r == -ENOMEM)
                return OUTCOME_INTERNAL;
        if (r < 0) // as if nothing had come before
                log_event(LOG_E_WARNING, "signin.prior_unreadable", "user=%s service=%s rhost=%s", a->user,
                        a->service, a->rhost ? a->rhost : "");
        g->remote = a->rhost || strcmp(a->service, "sshd") == 0;
        g->by = uid_of(s, a->ruser);
        g->policy = config_service_policy(s->config, a->service);
        if (g->policy.flow != FLOW_DEVICE) {
                err_set(err, "The administrator of %s offers no sign-in for %s.", s->host, a->service);
                return OUTCOME_ACCESS_DENIED;
        }
        if (g->remote && g->policy.require_prior == PRIOR_PUBLICKEY && !g->prior.fingerprint[0]) {
                err_set(err,
                        "The administrator of %s allows sign-ins from afar only behind a public key of SSH.",
                        s->host);
                return OUTCOME_ACCESS_DENIED;
        }
        return OUTCOME_OK;
}

enum outcome gate_check(const struct signin *s, const struct asked *a, struct gate *ret, struct err *err)
{
        enum outcome o;

        *ret = (struct gate){.by = (uid_t)-1};
        o = admit_user(&s->paths, a->user, clock_wall_s(loop_clock(s->loop)), &ret->u, err);
        if (ret->u.kind == OURS_NEWCOMER && !a->self) {
                err_clear(err);
                o = newcomer_may_begin(s, a->user, err);
                if (o == OUTCOME_OK) // it fits: it was read by the same reader
                        snprintf(ret->u.entry.issuer, sizeof ret->u.entry.issuer, "%s", s->identity->issuer);
        }
        // What root is told about others is not for everybody.
        if (a->self && ret->u.uid != a->peer) {
                err_clear(err);
                return check_self(s, a, ret, err);
        }
        if (o == OUTCOME_OK && a->self)
                o = check_self(s, a, ret, err);
        if (o == OUTCOME_OK)
                o = check_provider(s, a, ret, err);
        return o == OUTCOME_OK ? check_policy(s, a, ret, err) : o;
}

enum gate_rank gate_rank(const struct asked *a, const struct gate *g)
{
        return a->self ? GATE_SELF : g->prior.fingerprint[0] ? GATE_KEY : GATE_STRANGER;
}

struct reauth_request gate_reauth(const struct asked *a, const struct gate *g)
{
        return (struct reauth_request){
                .user = a->user,
                .service = a->service,
                .rhost = a->rhost,
                .tty = a->tty,
                .ruser = a->ruser,
                .key = g->prior.fingerprint[0] ? g->prior.fingerprint : NULL,
                .remote = g->remote,
                .by = g->by,
        };
}
