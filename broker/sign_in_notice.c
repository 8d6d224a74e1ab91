// SPDX-License-Identifier: Apache-2.0
//
// Each identity has what is needed and what was answered: a notification is due while more is needed than was answered. Whatever the
// person does with it is an answer, which holds until somebody signs in; that nobody could show it is none, and is tried again
// when it is needed again, but not at once.
#include "sign_in_notice.h"

#include "desktop.h"
#include "desktop_open.h"
#include "log.h"
#include "sign_in.h"

#include <stdio.h>

#define PERSON_MS INT64_C(120000) // who asked at a terminal has read there what to do
#define NOBODY_MS INT64_C(60000)

struct notice {
        struct keeper *keeper;
        unsigned need, answered; // enum sign_in_need; 0: nothing
        struct err why;
};

struct sign_in_notices {
        struct loop *loop;
        struct desktop *desktop;
        struct notice *all;
        size_t n;
        int64_t person_boot_ms, nobody_boot_ms; // when last; INT64_MIN: never
        // What is on the screen, or was pressed: one at a time.
        struct notice *current;
        struct desktop_question *question;
        struct sign_in_watch *watch;
        struct desktop_open *open;
        bool began; // there was something to open
};

static int64_t boot_now(const struct sign_in_notices *x)
{
        const struct clock *c = loop_clock(x->loop);

        return c->boot_ms(c);
}

static bool within(const struct sign_in_notices *x, int64_t since, int64_t ms)
{
        return since != INT64_MIN && boot_now(x) - since < ms;
}

static struct notice *find(struct sign_in_notices *x, const struct keeper *k)
{
        for (size_t i = 0; x && i < x->n; i++)
                if (x->all[i].keeper == k)
                        return &x->all[i];
        return NULL;
}

static const char *name(const struct notice *n)
{
        return keeper_get_config(n->keeper)->name;
}

static void show_next(struct sign_in_notices *x);

// Takes from the screen what is there.
static void put_away(struct sign_in_notices *x)
{
        x->current = NULL;
        x->question = desktop_question_free(x->question);
        x->open = desktop_open_free(x->open);
        x->watch = sign_in_leave(x->watch);
}

// Whoever needs it says so again.
static void forget_need(struct sign_in_notices *x, struct notice *n)
{
        n->need = 0;
        put_away(x);
        show_next(x);
}

// Nobody is shown anything now, also of those who wait for their turn.
static void forget_needs(struct sign_in_notices *x)
{
        for (size_t i = 0; i < x->n; i++)
                x->all[i].need = 0;
        put_away(x);
}

// ---- the button was pressed

static void tell_failure(struct sign_in_notices *x, const struct notice *n, const char *why)
{
        char summary[128];

        snprintf(summary, sizeof summary, "Not signed in to %.64s", name(n));
        desktop_tell(x->desktop, &(struct desktop_text){.summary = summary, .body = why});
}

static void on_opened(void *arg, bool taken)
{
        struct sign_in_notices *x = arg;

        x->open = desktop_open_free(x->open);
        log_event(
                LOG_E_NOTICE, "signin.page", "identity=%s opened=%s", name(x->current), taken ? "yes" : "no");
        if (taken)
                return;
        tell_failure(
                x, x->current, "No browser could be opened from here. In a terminal, run: valetkey login");
        forget_need(x, x->current);
}

// A sign-in that somebody else began has its page open already, or its code on a terminal.
static void on_prompt(void *arg, const struct sign_in_prompt *p)
{
        struct sign_in_notices *x = arg;

        if (p->flow == SIGN_IN_BROWSER && p->first &&
                desktop_open_start(&x->open, x->desktop, x->loop, p->uri, on_opened, x) < 0) {
                tell_failure(x, x->current, "Out of memory");
                forget_need(x, x->current);
        }
}

static void on_done(void *arg, enum outcome outcome, const struct err *err)
{
        struct sign_in_notices *x = arg;
        struct notice *n = x->current;

        if (outcome != OUTCOME_OK)
                tell_failure(x, n, err->text);
        forget_need(x, n);
}

static void begin(struct sign_in_notices *x)
{
        static const struct sign_in_events events = {.prompt = on_prompt, .done = on_done};
        const struct sign_in_wish wish = {.flow = SIGN_IN_BROWSER};
        struct notice *n = x->current;
        int r = sign_in_join(&x->watch, n->keeper, &wish, &events, x);
        struct err why = ERR_INIT;

        log_event(LOG_E_NOTICE, "signin.asked", "identity=%s answer=%s", name(n), "yes");
        if (r == 0)
                return;
        sign_in_port_error(&why, n->keeper, &wish, r);
        tell_failure(x, n, why.text);
        forget_need(x, n);
}

// ---- the notification

static void on_answer(void *arg, enum desktop_answer a)
{
        struct sign_in_notices *x = arg;
        struct notice *n = x->current;

        x->question = desktop_question_free(x->question);
        if (a == DESKTOP_NOBODY) {
                x->nobody_boot_ms = boot_now(x);
                forget_needs(x);
                return;
        }
        n->answered = n->need;
        if (a == DESKTOP_ONCE) {
                n->answered = 0; // should it fail, it may be needed again
                begin(x);
                return;
        }
        log_event(LOG_E_NOTICE, "signin.asked", "identity=%s answer=%s", name(n), "no");
        put_away(x);
        show_next(x);
}

static void show(struct sign_in_notices *x, struct notice *n)
{
        char summary[128];
        const struct desktop_text t = {
                .summary = summary, .body = n->why.text, .yes = "Sign in", .no = "Not now"};

        snprintf(summary, sizeof summary,
                n->need == SIGN_IN_WILL_END ? "The sign-in to %.64s ends soon" : "Sign in to %.64s", name(n));
        x->current = n;
        if (desktop_ask(&x->question, x->desktop, &t, on_answer, x) < 0)
                forget_needs(x); // no memory
        else
                log_event(LOG_E_INFO, "signin.notice", "identity=%s", name(n));
}

static void show_next(struct sign_in_notices *x)
{
        for (size_t i = 0; i < x->n && !x->current; i++)
                if (x->all[i].need > x->all[i].answered && !*keeper_sign_in_slot(x->all[i].keeper))
                        show(x, &x->all[i]);
}

// ---- what happens

void sign_in_notices_need(
        struct sign_in_notices *x, const struct keeper *k, enum sign_in_need need, const char *text)
{
        struct notice *n = find(x, k);

        if (!n || need <= n->need || need <= n->answered || *keeper_sign_in_slot(n->keeper) ||
                within(x, x->person_boot_ms, PERSON_MS) || within(x, x->nobody_boot_ms, NOBODY_MS))
                return;
        n->need = need;
        err_clear(&n->why);
        err_set(&n->why, "%s", text);
        if (x->current == n && x->question)
                put_away(x); // what it says is not enough any more
        show_next(x);
}

static void settle(struct sign_in_notices *x, const struct keeper *k, unsigned answered)
{
        struct notice *n = find(x, k);

        if (!x || !n)
                return;
        n->need = 0;
        n->answered = answered;
        // A sign-in that was begun here tells its end by itself.
        if (x->current == n && !x->watch)
                put_away(x);
        show_next(x);
}

void sign_in_notices_signed_in(struct sign_in_notices *x, const struct keeper *k)
{
        if (x)
                x->person_boot_ms = INT64_MIN; // what is needed from now on nobody was told yet
        settle(x, k, 0);
}

void sign_in_notices_signed_out(struct sign_in_notices *x, const struct keeper *k)
{
        settle(x, k, SIGN_IN_NEEDED);
}

void sign_in_notices_anew(struct sign_in_notices *x)
{
        for (size_t i = 0; x && i < x->n; i++)
                x->all[i].answered = 0;
}

void sign_in_notices_person(struct sign_in_notices *x)
{
        if (!x)
                return;
        x->person_boot_ms = boot_now(x);
        if (x->question)
                forget_needs(x);
}

// ---- life

int sign_in_notices_new(struct sign_in_notices **ret, struct loop *l, struct keeper *const *keepers, size_t n)
{
        struct sign_in_notices *x = calloc(1, sizeof *x);
        int r;

        if (!x)
                return -ENOMEM;
        *x = (struct sign_in_notices){
                .loop = l, .n = n, .person_boot_ms = INT64_MIN, .nobody_boot_ms = INT64_MIN};
        x->all = calloc(n + 1, sizeof *x->all);
        r = x->all ? desktop_new(&x->desktop, l) : -ENOMEM;
        if (r < 0) {
                sign_in_notices_free(x);
                return err_trace(r);
        }
        for (size_t i = 0; i < n; i++)
                x->all[i].keeper = keepers[i];
        *ret = x;
        return 0;
}

struct sign_in_notices *sign_in_notices_free(struct sign_in_notices *x)
{
        if (!x)
                return NULL;
        put_away(x);
        desktop_free(x->desktop);
        free(x->all);
        free(x);
        return NULL;
}
