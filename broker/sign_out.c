// SPDX-License-Identifier: Apache-2.0
//
// One table of causes and policies, and a list of those who are waited for.
#include "sign_out.h"

#include "json.h"
#include "log.h"
#include "parting.h"

struct part {
        struct sign_out *whole;
        struct keeper *keeper;
        struct parting_waiter *waiter; // NULL: over
};

struct sign_out {
        struct broker *broker;
        struct timer *tell;
        void (*done)(void *arg);
        void *arg;
        size_t n, left;
        struct part parts[];
};

static bool keeps(enum sign_out_cause cause, const struct config_identity *conf)
{
        return cause == SIGN_OUT_LINGERS && conf->logout == LOGOUT_KEEP;
}

static struct parting_ways ways_of(enum sign_out_cause cause, const struct config_identity *conf)
{
        bool person = cause == SIGN_OUT_PERSON;

        return (struct parting_ways){
                .revoke = person ? conf->revocation_per_grant : conf->logout == LOGOUT_REVOKE,
                .why = conf->revocation_per_grant ? "logout is not revoke" : "revocation is not per-grant",
                // What waits at valetkeyd when the last session ends may be a new session's.
                .fetch = person,
        };
}

static void begin_one(struct broker *b, enum sign_out_cause cause, struct keeper *k)
{
        const struct config_identity *conf = keeper_get_config(k);
        struct parting_ways ways = ways_of(cause, conf);
        struct parting *p = broker_parting(b, k);

        if (keeps(cause, conf)) {
                if (keeper_get_grant(k))
                        log_event(LOG_E_NOTICE, "grant.kept", "identity=%s reason=%s", conf->name,
                                "logout = keep, and the user lingers");
                return;
        }
        if (cause == SIGN_OUT_SESSIONS && conf->logout == LOGOUT_KEEP && keeper_get_grant(k))
                log_event(LOG_E_WARNING, "grant.not_kept", "identity=%s hint=%s", conf->name,
                        "logout = keep needs a user who lingers: loginctl enable-linger");
        if (cause == SIGN_OUT_PERSON)
                broker_person_signs_out(b, k);
        if (cause == SIGN_OUT_STOP)
                parting_close(p);
        parting_begin(p, &ways);
}

void sign_out_begin(struct broker *b, enum sign_out_cause cause, struct keeper *only)
{
        struct keeper *const *all;
        size_t n = broker_identities(b, &all);

        for (size_t i = 0; i < n; i++)
                if (!only || only == all[i])
                        begin_one(b, cause, all[i]);
}

// ---- for one who waits

static void on_tell(void *arg)
{
        struct sign_out *s = arg;

        if (s->left == 0)
                s->done(s->arg); // may free s
}

static void on_part(void *arg)
{
        struct part *p = arg;

        p->waiter = parting_waiter_free(p->waiter);
        if (--p->whole->left == 0)
                timer_arm_in(p->whole->tell, 0);
}

static int wait_for(struct sign_out *s, struct keeper *k)
{
        struct part *p = &s->parts[s->n++];

        *p = (struct part){.whole = s, .keeper = k};
        return parting_wait_start(&p->waiter, broker_parting(s->broker, k), on_part, p);
}

int sign_out_start(struct sign_out **ret, struct broker *b, enum sign_out_cause cause, struct keeper *only,
        void (*done)(void *arg), void *arg)
{
        struct keeper *const *all;
        size_t n = broker_identities(b, &all);
        struct sign_out *s;
        int r;

        // First: whoever wants out is out, with memory or without.
        sign_out_begin(b, cause, only);
        s = calloc(1, sizeof *s + n * sizeof s->parts[0]);
        if (!s)
                return -ENOMEM;
        *s = (struct sign_out){.broker = b, .done = done, .arg = arg};
        r = timer_new(&s->tell, broker_loop(b), on_tell, s);
        for (size_t i = 0; r == 0 && i < n; i++)
                if (!only || only == all[i])
                        r = wait_for(s, all[i]);
        if (r < 0) {
                sign_out_free(s);
                return err_trace(r);
        }
        s->left = s->n;
        timer_arm_in(s->tell, 0); // there may be no identity at all
        *ret = s;
        return 0;
}

struct sign_out *sign_out_free(struct sign_out *s)
{
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                parting_waiter_free(s->parts[i].waiter);
        timer_free(s->tell);
        free(s);
        return NULL;
}

static json_t *part_json(const struct part *p)
{
        const struct parting_report *r = parting_get_report(broker_parting(p->whole->broker, p->keeper));
        bool revoked = r->had && r->revoked;

        return json_pack("{s:s, s:b, s:b, s:o}", "name", keeper_get_config(p->keeper)->name, "signed_out",
                r->had, "revoked", revoked, "reason",
                r->had && !revoked ? json_string(r->why.text) : json_null());
}

static int append(const char *p, size_t n, void *arg)
{
        return buf_append(arg, p, n) < 0 ? -1 : 0;
}

int sign_out_report(const struct sign_out *s, struct buf *out)
{
        cleanup_json json_t *top = json_object();
        json_t *list = json_array();
        int r = list ? 0 : -ENOMEM;

        // json_array_append_new takes its value, also on failure and where it is NULL.
        for (size_t i = 0; r == 0 && i < s->n; i++)
                if (json_array_append_new(list, part_json(&s->parts[i])) < 0)
                        r = -ENOMEM;
        if (json_object_set_new(top, "identities", list) < 0)
                r = -ENOMEM;
        if (r == 0 && json_dump_callback(top, append, out, JSON_COMPACT) < 0)
                r = out->error ? out->error : -ENOMEM;
        return r;
}
