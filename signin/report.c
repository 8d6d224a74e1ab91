// SPDX-License-Identifier: Apache-2.0
//
// Whose report it is follows from the uid that the kernel names; what it says must be about the person that account is bound
// to. A token that is verified costs as much as a signature, and a table that is written costs a file: both are limited for
// each uid. A replayed token is worth nothing, because what it proves is older than what is known; a token of another
// person, another client or another provider is no token here.
#include "report.h"

#include "admit.h"
#include "admit_uid.h"
#include "bucket.h"
#include "log.h"
#include "protocol.h"

#include <sys/queue.h>

#define AT_ONCE  6u
#define EVERY_MS INT64_C(20000)

struct report {
        struct signin *signin;
        struct provider_op *op;
        struct ours_user who;
        report_done_fn done;
        void *arg;
};

// ---- the limit

struct quota {
        LIST_ENTRY(quota) link;
        uid_t uid;
        struct bucket bucket;
};
struct report_quota {
        LIST_HEAD(, quota) list;
};

struct report_quota *report_quota_free(struct report_quota *q)
{
        struct quota *x;

        while (q && (x = LIST_FIRST(&q->list))) {
                LIST_REMOVE(x, link);
                free(x);
        }
        free(q);
        return NULL;
}

// Only uids that are ours have one, and only while it is not full: it cannot grow beyond the table.
static bool quota_take(struct signin *s, uid_t uid)
{
        const struct clock *c = loop_clock(s->loop);
        int64_t now = c->boot_ms(c);
        struct quota *x, *next, *own = NULL;

        if (!s->reports)
                s->reports = calloc(1, sizeof *s->reports);
        if (!s->reports)
                return false;
        for (x = LIST_FIRST(&s->reports->list); x; x = next) {
                next = LIST_NEXT(x, link);
                if (x->uid == uid) {
                        own = x;
                } else if (x->bucket.full_at_ms <= now) {
                        LIST_REMOVE(x, link);
                        free(x);
                }
        }
        if (!own) {
                own = calloc(1, sizeof *own);
                if (!own)
                        return false;
                own->uid = uid;
                LIST_INSERT_HEAD(&s->reports->list, own, link);
        }
        return bucket_take(&own->bucket, now, AT_ONCE, EVERY_MS);
}

// ---- what can be said at once

static int64_t now_s(const struct signin *s)
{
        return clock_wall_s(loop_clock(s->loop));
}

static enum outcome other_person(struct err *err)
{
        err_set(err, "This account is bound to somebody else.");
        return OUTCOME_WRONG_SUBJECT;
}

static enum outcome refused(
        struct signin *s, const struct ours_user *u, const struct frame *f, struct err *err)
{
        struct admit a = {.paths = &s->paths, .user = u->entry.name, .now_s = now_s(s)};
        char issuer[sizeof u->entry.issuer], subject[sizeof u->entry.subject];
        uint32_t said = OUTCOME_OK;
        enum outcome o;

        (void)frame_get_u32(f, TAG_OUTCOME, &said);
        if (said != OUTCOME_NEEDS_LOGIN && said != OUTCOME_ACCESS_DENIED)
                return OUTCOME_INVALID_REQUEST;
        if (!frame_get_str(f, TAG_ISSUER, issuer, sizeof issuer) ||
                !frame_get_str(f, TAG_SUBJECT, subject, sizeof subject) || !subject[0] ||
                strcmp(issuer, u->entry.issuer) != 0 || strcmp(subject, u->entry.subject) != 0)
                return other_person(err);
        if (u->kind != OURS_FEDERATED || u->entry.refused_at_s ||
                (s->identity && s->identity->on_refused == REFUSED_IGNORE))
                return OUTCOME_OK;
        o = admit_refuse(&a, err);
        if (o == OUTCOME_OK)
                log_event(LOG_E_WARNING, "account.refused", "user=%s uid=%u reason=%s", u->entry.name,
                        (unsigned)u->uid, "the provider did not renew the sign-in");
        return o;
}

// ---- a token

static void on_verified(void *arg, struct provider_result *result)
{
        struct report *r = arg;
        struct signin *s = r->signin;
        struct admit a = {.paths = &s->paths,
                .user = r->who.entry.name,
                .config = s->config,
                .identity = s->identity,
                .claims = &result->claims,
                .now_s = now_s(s),
                .renewal = true};
        struct err err = result->err;
        enum outcome o = result->outcome;
        uid_t uid = (uid_t)-1;

        if (o == OUTCOME_OK)
                o = admit_decide(&a, &uid, &err);
        if (o == OUTCOME_OK && uid != r->who.uid)
                o = OUTCOME_NOT_OURS;
        if (o == OUTCOME_OK)
                log_event(LOG_E_INFO, "account.renewed", "user=%s uid=%u", r->who.entry.name, (unsigned)uid);
        else if (o != OUTCOME_NOTHING)
                log_event(LOG_E_WARNING, "account.not_renewed", "user=%s uid=%u outcome=%s reason=%s",
                        r->who.entry.name, (unsigned)r->who.uid, outcome_info(o)->id, err.text);
        r->done(r->arg, o, err.text);
}

static int verify(struct report *r, const struct frame *f)
{
        const struct frame_field *token = frame_find(f, TAG_TOKEN);
        cleanup_secret struct secret *copy = NULL;
        int n = secret_new(&copy, token->p, token->n);

        if (n == 0)
                n = provider_verify_start(
                        &r->op, r->signin->provider, copy, r->who.entry.subject, on_verified, r);
        return n;
}

static enum outcome check_renewal(const struct signin *s, const struct ours_user *u, struct err *err)
{
        if (!u->entry.subject[0]) {
                err_set(err, "This account is not bound to anybody yet.");
                return OUTCOME_WRONG_SUBJECT;
        }
        if (!s->provider || strcmp(u->entry.issuer, s->identity->issuer) != 0) {
                err_set(err, "This account belongs to another identity provider than the one configured.");
                return OUTCOME_MISCONFIGURED;
        }
        return OUTCOME_OK;
}

bool report_is_one(const struct frame *f)
{
        static const uint16_t refused_tags[] = {TAG_ISSUER, TAG_SUBJECT, TAG_OUTCOME},
                              token_tags[] = {TAG_TOKEN};
        uint32_t o;

        if (frame_find(f, TAG_TOKEN))
                return frame_only_has(f, token_tags, ARRAY_SIZE(token_tags));
        return frame_only_has(f, refused_tags, ARRAY_SIZE(refused_tags)) && frame_find(f, TAG_ISSUER) &&
               frame_find(f, TAG_SUBJECT) && frame_get_u32(f, TAG_OUTCOME, &o);
}

struct report *report_start(struct signin *s, uid_t uid, const struct frame *f, report_done_fn done,
        void *arg, enum outcome *ret_outcome, struct err *err)
{
        bool has_token = frame_find(f, TAG_TOKEN) != NULL;
        struct report *r;
        struct ours_user u;

        *ret_outcome = admit_uid(&s->paths, uid, now_s(s), &u, err);
        if (*ret_outcome == OUTCOME_OK && !quota_take(s, uid)) {
                err_set(err, "That was reported too often; it will do later.");
                *ret_outcome = OUTCOME_BUSY;
        }
        if (*ret_outcome == OUTCOME_OK)
                *ret_outcome = has_token ? check_renewal(s, &u, err) : refused(s, &u, f, err);
        // Nothing of a local user's is ours to renew.
        if (*ret_outcome != OUTCOME_OK || !has_token || u.kind != OURS_FEDERATED)
                return NULL;
        *ret_outcome = OUTCOME_INTERNAL;
        r = calloc(1, sizeof *r);
        if (!r)
                return NULL;
        *r = (struct report){.signin = s, .who = u, .done = done, .arg = arg};
        return verify(r, f) == 0 ? r : report_free(r);
}

struct report *report_free(struct report *r)
{
        if (!r)
                return NULL;
        provider_op_free(r->op);
        free(r);
        return NULL;
}
