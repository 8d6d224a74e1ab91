// SPDX-License-Identifier: Apache-2.0
//
// Limits are kept by program, role and door: pids are new for every run of an SDK. What is written is no secret: CloudTrail shows
// the access key's id and the request id, too.
#include "handout_log.h"

#include "log.h"

#define PROGRAMS_MAX 64u
#define LINES_MAX    600u // of all programs in SPAN_MS
#define SPAN_MS      INT64_C(60000)

struct program {
        uint64_t key, used;
        struct log_limit limit;
};

struct handout_log {
        const struct clock *clock;
        struct program programs[PROGRAMS_MAX];
        uint64_t uses;
        int64_t since_ms;
        unsigned lines, kept_back;
};

// FNV-1a. Who makes two programs collide has one limit for both.
static uint64_t mix(uint64_t h, const char *s)
{
        do
                h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        while (*s++);
        return h;
}

static struct log_limit *limit_of(struct handout_log *l, uint64_t key)
{
        struct program *oldest = &l->programs[0];

        for (size_t i = 0; i < PROGRAMS_MAX; i++) {
                struct program *p = &l->programs[i];

                if (p->used && p->key == key) {
                        p->used = ++l->uses;
                        return &p->limit;
                }
                if (p->used < oldest->used)
                        oldest = p;
        }
        *oldest = (struct program){.key = key, .used = ++l->uses};
        return &oldest->limit;
}

// A program can have a new name each time: such ones share this.
static bool all_together_may(struct handout_log *l)
{
        int64_t now = l->clock->boot_ms(l->clock);

        if (l->lines == 0 || now - l->since_ms >= SPAN_MS) {
                if (l->kept_back)
                        log_event(LOG_E_WARNING, "log.suppressed", "event=%s lines=%u", "credentials.*",
                                l->kept_back);
                l->since_ms = now;
                l->lines = l->kept_back = 0;
        }
        if (l->lines == LINES_MAX)
                l->kept_back++;
        else
                l->lines++;
        return l->kept_back == 0;
}

static bool may(struct handout_log *l, const char *event, const struct caller *who, const char *role)
{
        uint64_t key = mix(UINT64_C(0xcbf29ce484222325), event);

        key = mix(mix(mix(key, who->door), role), caller_is_sandboxed(who) ? who->app : who->exe);
        return log_limit_allows(limit_of(l, key), event, l->clock) && all_together_may(l);
}

static const char *or_dash(const char *s)
{
        return s && s[0] ? s : "-";
}

static const char *app_of(const struct caller *who, const char *app)
{
        return caller_is_sandboxed(who) ? who->app : or_dash(app);
}

void handout_log_given(struct handout_log *l, const struct caller *who, const char *app, const char *role,
        const struct sts_credentials *c)
{
        static const char event[] = "credentials.handed_out";

        if (may(l, event, who, role))
                log_event(LOG_E_NOTICE, event,
                        "role=%s app=%s door=%s pid=%d exe=%s access_key_id=%s request_id=%s session=%s",
                        role, app_of(who, app), who->door, (int)who->pid, or_dash(who->exe), c->access_key_id,
                        or_dash(c->request_id), or_dash(c->assumed_role_arn));
}

void handout_log_refused(struct handout_log *l, const struct caller *who, const char *app, const char *role,
        enum outcome o, const char *why)
{
        static const char event[] = "credentials.refused";

        role = or_dash(role);
        if (may(l, event, who, role))
                log_event(LOG_E_WARNING, event, "role=%s app=%s door=%s pid=%d exe=%s outcome=%s reason=%s",
                        role, app_of(who, app), who->door, (int)who->pid, or_dash(who->exe),
                        outcome_info(o)->id, why);
}

int handout_log_new(struct handout_log **ret, const struct clock *clock)
{
        struct handout_log *l = calloc(1, sizeof *l);

        if (!l)
                return -ENOMEM;
        l->clock = clock;
        *ret = l;
        return 0;
}

struct handout_log *handout_log_free(struct handout_log *l)
{
        free(l);
        return NULL;
}
