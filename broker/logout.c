// SPDX-License-Identifier: Apache-2.0
//
// Only the step from "some" to "none" is a logout. Who never had a session (su, cron, a container, a user who lingers and
// is not logged in) signs in and stays so: nothing ended.
#include "logout.h"

#include "log.h"
#include "sessions.h"
#include "sign_out.h"

struct logout {
        struct logout_parts p;
        struct sessions *sessions;
        struct sign_out *sign_out;
};

static bool somebody_is_signed_in(const struct logout *x)
{
        struct keeper *const *all;
        size_t n = broker_identities(x->p.broker, &all);

        for (size_t i = 0; i < n; i++)
                if (keeper_get_grant(all[i]))
                        return true;
        return false;
}

static void on_out(void *arg)
{
        struct logout *x = arg;

        x->sign_out = sign_out_free(x->sign_out);
        if (x->p.over && !somebody_is_signed_in(x))
                x->p.over(x->p.arg); // may free x
}

static void on_changed(void *arg, enum sessions_presence p, bool lingers)
{
        struct logout *x = arg;
        enum sign_out_cause cause = lingers ? SIGN_OUT_LINGERS : SIGN_OUT_SESSIONS;
        bool had = broker_get_in_session(x->p.broker);

        broker_set_in_session(x->p.broker, p == SESSIONS_SOME);
        if (p == SESSIONS_SOME || !had)
                return;
        log_event(LOG_E_NOTICE, "session.ended", "lingers=%s", lingers ? "yes" : "no");
        x->sign_out = sign_out_free(x->sign_out);
        if (sign_out_start(&x->sign_out, x->p.broker, cause, NULL, on_out, x) < 0)
                log_event(LOG_E_ERROR, "session.ended", "reason=%s",
                        "wiped; no memory to wait for the provider");
}

int logout_new(struct logout **ret, const struct logout_parts *p)
{
        struct logout *x = calloc(1, sizeof *x);
        int r;

        if (!x)
                return -ENOMEM;
        *x = (struct logout){.p = *p};
        r = sessions_new(&x->sessions, &(struct sessions_parts){.loop = p->loop,
                                               .login1 = p->login1,
                                               .uid = p->uid,
                                               .users_dir = p->users_dir,
                                               .changed = on_changed,
                                               .arg = x});
        if (r < 0) {
                free(x);
                return err_trace(r);
        }
        *ret = x;
        return 0;
}

struct logout *logout_free(struct logout *x)
{
        if (!x)
                return NULL;
        sign_out_free(x->sign_out);
        sessions_free(x->sessions);
        free(x);
        return NULL;
}
