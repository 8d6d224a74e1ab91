// SPDX-License-Identifier: Apache-2.0
//
// A matter is a role and a program. It is open while somebody is asked, and remembers for a while what was said. The question goes
// to the terminal of a caller that has one, else to the desktop; when that caller leaves, it moves on to the next.
#include "confirm.h"

#include "desktop.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>

#define MATTERS_MAX   128u
#define QUESTIONS_MAX 16u
#define QUESTIONS_APP 4u // of one sandboxed app: others want to ask, too
#define QUESTION_MS   INT64_C(60000)
#define ONCE_MS       INT64_C(60000) // "once", said after the caller had given up, is good for its next try
#define NO_MS         INT64_C(60000) // a program that tries again does not nag
#define NOBODY_MS     INT64_C(5000)
#define TOLD_MS       INT64_C(300000)
#define KEY_MAX       (64u + 16u + 256u)

struct matter {
        struct confirm *confirm;
        struct matter *next;
        char role[65], *role_arn; // copied: a role of a claim may go
        int64_t a_while_s;
        struct caller who; // the first who asked
        uint64_t used;
        bool open, once;
        enum confirm_result said; // holds until:
        int64_t until_boot_ms, told_boot_ms;
        struct timer *end; // of the question
        struct desktop_question *desktop;
        struct confirm_waiter *waiters, *at_terminal;
        char key[KEY_MAX];
};

struct confirm_waiter {
        struct matter *matter; // NULL once it is answered
        struct confirm_waiter *next, **link;
        const struct confirm_events *events;
        void *arg;
};

struct confirm {
        struct loop *loop;
        struct desktop *desktop;
        struct matter *first;
        unsigned n, n_open;
        uint64_t uses;
};

static int64_t boot_now(const struct confirm *c)
{
        const struct clock *clock = loop_clock(c->loop);

        return clock->boot_ms(clock);
}

// ---- matters

// What a program is told apart by: a sandboxed app by its id, others by their executable, or by the door where that is not known.
static void make_key(char dst[KEY_MAX], const struct config_role *r, const struct caller *who)
{
        if (caller_is_sandboxed(who))
                snprintf(dst, KEY_MAX, "%.64s %d %.255s", r->name, who->kind, who->app);
        else if (who->exe[0])
                snprintf(dst, KEY_MAX, "%.64s exe %.255s", r->name, who->exe);
        else
                snprintf(dst, KEY_MAX, "%.64s door %s %.200s", r->name, who->door, who->app);
}

static struct matter *find(struct confirm *c, const struct config_role *r, const struct caller *who)
{
        struct matter *m = c->first;
        char key[KEY_MAX];

        make_key(key, r, who);
        // A claim may give a name to another role: a yes was for what the person was shown.
        while (m && (strcmp(m->key, key) != 0 || strcmp(m->role_arn, r->role_arn) != 0))
                m = m->next;
        if (m)
                m->used = ++c->uses;
        return m;
}

static void forget(struct matter **at)
{
        struct matter *m = *at;

        *at = m->next;
        m->confirm->n--;
        timer_free(m->end);
        free(m->role_arn);
        free(m);
}

static bool make_room(struct confirm *c)
{
        struct matter **oldest = NULL;

        if (c->n < MATTERS_MAX)
                return true;
        for (struct matter **p = &c->first; *p; p = &(*p)->next)
                if (!(*p)->open && (!oldest || (*p)->used < (*oldest)->used))
                        oldest = p;
        if (oldest)
                forget(oldest);
        return oldest != NULL;
}

static void on_end(void *arg);

static int find_or_make(
        struct matter **ret, struct confirm *c, const struct config_role *r, const struct caller *who)
{
        struct matter *m = find(c, r, who);
        int e;

        *ret = m;
        if (m)
                return 0;
        if (!make_room(c))
                return -EBUSY;
        m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        *m = (struct matter){
                .confirm = c, .next = c->first, .used = ++c->uses, .a_while_s = r->confirm_for_s};
        snprintf(m->role, sizeof m->role, "%s", r->name);
        m->role_arn = strdup(r->role_arn);
        make_key(m->key, r, who);
        e = m->role_arn ? timer_new(&m->end, c->loop, on_end, m) : -ENOMEM;
        if (e < 0) {
                free(m->role_arn);
                free(m);
                return err_trace(e);
        }
        c->first = *ret = m;
        c->n++;
        return 0;
}

// ---- who waits

static void link_waiter(struct matter *m, struct confirm_waiter *w)
{
        w->next = m->waiters;
        w->link = &m->waiters;
        if (w->next)
                w->next->link = &w->next;
        m->waiters = w;
}

static void unlink_waiter(struct confirm_waiter *w)
{
        if (!w->link)
                return;
        *w->link = w->next;
        if (w->next)
                w->next->link = w->link;
        w->link = NULL;
}

// ---- what was said

// m may be gone afterwards: who is told may ask for something else.
static void settle(struct matter *m, enum confirm_result said, bool a_while)
{
        static const int64_t holds_ms[] = {[CONFIRM_GRANTED] = ONCE_MS,
                [CONFIRM_REFUSED] = NO_MS,
                [CONFIRM_UNANSWERED] = NO_MS,
                [CONFIRM_NOBODY] = NOBODY_MS};
        static const char *const words[] = {[CONFIRM_GRANTED] = "yes",
                [CONFIRM_REFUSED] = "no",
                [CONFIRM_UNANSWERED] = "unanswered",
                [CONFIRM_NOBODY] = "nobody-to-ask"};
        struct confirm_waiter *all = m->waiters, *w;

        a_while = a_while && said == CONFIRM_GRANTED && m->a_while_s > 0;
        log_event(LOG_E_NOTICE, "confirm.answered", "role=%s app=%s exe=%s answer=%s for=%" PRId64, m->role,
                caller_is_sandboxed(&m->who) ? m->who.app : "-", m->who.exe[0] ? m->who.exe : "-",
                words[said], a_while ? m->a_while_s : 0);
        m->open = false;
        m->confirm->n_open--;
        m->waiters = m->at_terminal = NULL;
        m->desktop = desktop_question_free(m->desktop);
        timer_disarm(m->end);
        m->said = said;
        // Those who wait share this answer; only where nobody waits any more it is kept for the next try.
        m->once = said == CONFIRM_GRANTED && !a_while;
        if (m->once && all)
                m->said = CONFIRM_UNKNOWN;
        m->until_boot_ms = boot_now(m->confirm) + (a_while ? m->a_while_s * 1000 : holds_ms[said]);
        if (all)
                all->link = &all;
        for (w = all; w; w = w->next)
                w->matter = NULL;
        while ((w = all)) {
                unlink_waiter(w);
                w->events->done(w->arg, said); // may free w, or any other
        }
}

static void on_end(void *arg)
{
        settle(arg, CONFIRM_UNANSWERED, false);
}

static void on_desktop(void *arg, enum desktop_answer a)
{
        struct matter *m = arg;

        switch (a) {
        case DESKTOP_ONCE:
        case DESKTOP_A_WHILE:
                settle(m, CONFIRM_GRANTED, a == DESKTOP_A_WHILE);
                break;
        case DESKTOP_NO:
        case DESKTOP_CLOSED:
                settle(m, CONFIRM_REFUSED, false);
                break;
        case DESKTOP_NOBODY:
                settle(m, CONFIRM_NOBODY, false);
                break;
        }
}

void confirm_say(struct confirm_waiter *w, enum confirm_result said, bool a_while)
{
        if (w->matter && w->matter->at_terminal == w)
                settle(w->matter, said, a_while);
}

enum confirm_result confirm_recall(
        struct confirm *c, const struct config_role *r, const struct caller *who, bool at_terminal)
{
        const struct matter *m = find(c, r, who);

        if (!m || m->open || boot_now(c) >= m->until_boot_ms)
                return CONFIRM_UNKNOWN;
        return m->said == CONFIRM_GRANTED || !at_terminal ? m->said : CONFIRM_UNKNOWN;
}

void confirm_use(struct confirm *c, const struct config_role *r, const struct caller *who)
{
        struct matter *m = find(c, r, who);

        if (m && m->once)
                m->said = CONFIRM_UNKNOWN;
}

// ---- asking

static void describe_time(char *dst, size_t n, int64_t s)
{
        bool hours = s % 3600 == 0, minutes = s % 60 == 0;
        int64_t v = hours ? s / 3600 : minutes ? s / 60 : s;

        snprintf(dst, n, "Allow for %" PRId64 " %s%s", v,
                hours     ? "hour"
                : minutes ? "minute"
                          : "second",
                v == 1 ? "" : "s");
}

static void describe_program(char *dst, size_t n, const struct caller *who)
{
        char app[APP_ID_MAX + 16];

        if (caller_is_sandboxed(who))
                snprintf(dst, n, "%s", caller_describe(who, app, sizeof app));
        else if (who->exe[0])
                snprintf(dst, n, "%s (process %d)", who->exe, (int)who->pid);
        else
                snprintf(dst, n, "A program behind the door \"%s\"", who->door);
}

static int ask_desktop(struct matter *m)
{
        char program[320], summary[128], body[512], a_while[64];
        const struct desktop_text t = {.summary = summary,
                .body = body,
                .yes = "Allow once",
                .no = "Deny",
                .a_while = m->a_while_s ? a_while : NULL,
                .urgent = true};

        describe_program(program, sizeof program, &m->who);
        describe_time(a_while, sizeof a_while, m->a_while_s);
        snprintf(summary, sizeof summary, "Hand out the role %.64s?", m->role);
        snprintf(body, sizeof body, "%s asks for credentials of %.128s.", program, m->role_arn);
        return desktop_ask(&m->desktop, m->confirm->desktop, &t, on_desktop, m);
}

// To a terminal where there is one among those who wait, else to the desktop.
static int ask(struct matter *m)
{
        char text[256];
        const struct confirm_question q = {
                .text = text, .expires_in_s = QUESTION_MS / 1000, .a_while_s = m->a_while_s};
        struct confirm_waiter *w = m->waiters;

        while (w && !w->events->ask)
                w = w->next;
        m->at_terminal = w;
        if (!w)
                return ask_desktop(m);
        snprintf(text, sizeof text, "Hand out the role %.64s (%.128s)?", m->role, m->role_arn);
        w->events->ask(w->arg, &q);
        return 0;
}

static bool may_open(const struct confirm *c, const struct caller *who)
{
        unsigned n = 0;

        for (const struct matter *m = c->first; m && caller_is_sandboxed(who); m = m->next)
                n += m->open && m->who.kind == who->kind && strcmp(m->who.app, who->app) == 0;
        return n < QUESTIONS_APP && c->n_open < QUESTIONS_MAX;
}

static int open_matter(struct matter *m, const struct caller *who)
{
        int r;

        if (!may_open(m->confirm, who))
                return -EBUSY;
        m->who = *who;
        m->open = true;
        m->confirm->n_open++;
        m->said = CONFIRM_UNKNOWN;
        r = ask(m);
        if (r < 0) {
                m->open = false;
                m->confirm->n_open--;
                return r;
        }
        log_event(LOG_E_NOTICE, "confirm.asked", "role=%s app=%s exe=%s pid=%d where=%s", m->role,
                caller_is_sandboxed(who) ? who->app : "-", who->exe[0] ? who->exe : "-", (int)who->pid,
                m->at_terminal ? "terminal" : "desktop");
        timer_arm_in(m->end, QUESTION_MS);
        return 0;
}

int confirm_start(struct confirm_waiter **ret, struct confirm *c, const struct config_role *r,
        const struct caller *who, const struct confirm_events *events, void *arg)
{
        struct confirm_waiter *w = calloc(1, sizeof *w);
        struct matter *m = NULL;
        int e = w ? find_or_make(&m, c, r, who) : -ENOMEM;

        if (e == 0) {
                *w = (struct confirm_waiter){.matter = m, .events = events, .arg = arg};
                link_waiter(m, w);
                e = m->open ? 0 : open_matter(m, who);
                if (e < 0)
                        unlink_waiter(w);
        }
        if (e < 0) {
                free(w);
                return err_trace(e);
        }
        *ret = w;
        return 0;
}

// The question at a terminal that is gone is put to somebody else.
static void leave(struct matter *m, struct confirm_waiter *w)
{
        if (m->at_terminal != w)
                return;
        m->at_terminal = NULL;
        if (!m->waiters) {
                settle(m, CONFIRM_UNANSWERED, false); // which tells nobody
                m->said = CONFIRM_UNKNOWN;            // nobody has had the time to say anything
        } else if (ask(m) < 0) {
                settle(m, CONFIRM_UNANSWERED, false);
        }
}

struct confirm_waiter *confirm_waiter_free(struct confirm_waiter *w)
{
        if (!w)
                return NULL;
        unlink_waiter(w);
        if (w->matter)
                leave(w->matter, w);
        free(w);
        return NULL;
}

// ---- telling

void confirm_explain(struct err *err, const char *role, enum confirm_result why)
{
        if (why == CONFIRM_REFUSED)
                err_set(err, "role %s is handed out only when a person allows it, and the answer was no",
                        role);
        else if (why == CONFIRM_NOBODY)
                err_set(err,
                        "role %s is handed out only when a person allows it, and no desktop is there to ask "
                        "on; from a "
                        "terminal: valetkey exec %s -- COMMAND",
                        role, role);
        else
                err_set(err,
                        "role %s is handed out only when a person allows it: answer the question on the "
                        "desktop, then "
                        "try again",
                        role);
}

void confirm_tell(struct confirm *c, const struct config_role *r, const struct caller *who)
{
        char program[320], summary[128], body[512];
        const struct desktop_text t = {.summary = summary, .body = body};
        struct matter *m;
        int64_t now = boot_now(c);

        if (find_or_make(&m, c, r, who) < 0 || (m->told_boot_ms && now - m->told_boot_ms < TOLD_MS))
                return;
        m->told_boot_ms = now;
        describe_program(program, sizeof program, who);
        snprintf(summary, sizeof summary, "The role %.64s was handed out", r->name);
        snprintf(body, sizeof body, "%s has credentials of %.128s.", program, r->role_arn);
        desktop_tell(c->desktop, &t);
}

// ---- life

void confirm_forget(struct confirm *c)
{
        for (struct matter *m = c->first; m; m = m->next)
                if (!m->open)
                        m->said = CONFIRM_UNKNOWN;
}

int confirm_new(struct confirm **ret, struct loop *l)
{
        struct confirm *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        c->loop = l;
        r = desktop_new(&c->desktop, l);
        if (r < 0) {
                free(c);
                return err_trace(r);
        }
        *ret = c;
        return 0;
}

struct confirm *confirm_free(struct confirm *c)
{
        if (!c)
                return NULL;
        while (c->first) {
                desktop_question_free(c->first->desktop);
                forget(&c->first);
        }
        desktop_free(c->desktop);
        free(c);
        return NULL;
}
