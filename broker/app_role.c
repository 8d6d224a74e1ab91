// SPDX-License-Identifier: Apache-2.0
//
// An app's role is a role like another, with two lines of its configuration changed, and the source of the one it comes from.
// When there are too many, the one that was not asked for for the longest time goes; but none that somebody waits for, and not
// so often that an app that goes round through many roles has STS asked in a loop.
#include "app_role.h"

#include "bucket.h"
#include "role_log.h"

#define ROOM_AT_ONCE  64u
#define ROOM_EVERY_MS INT64_C(5000)

struct app_role {
        struct app_roles *all;
        struct app_role *next;
        const struct config_app *app;
        const struct role *base;
        struct config_role conf; // borrows everything
        struct role *role;
        uint64_t used;
};

struct app_roles {
        struct loop *loop;
        struct app_role *first;
        unsigned n;
        uint64_t uses;
        struct bucket room;
};

static void on_obtained(struct role *r, const struct sts_credentials *c, void *arg)
{
        struct app_role *x = arg;

        role_log_assumed(r, c, loop_clock(x->all->loop), x->app->name);
}

static void on_refused(struct role *r, void *arg)
{
        const struct app_role *x = arg;

        role_log_refused(r, x->app->name);
}

static void on_shortened(struct role *r, void *arg)
{
        const struct app_role *x = arg;

        role_log_shortened(r, x->app->name);
}

static void end(struct app_role **at)
{
        struct app_role *x = *at;

        *at = x->next;
        x->all->n--;
        role_free(x->role);
        free(x);
}

static enum outcome make_room(struct app_roles *a, struct err *err)
{
        const struct clock *c = loop_clock(a->loop);
        struct app_role **oldest = NULL;

        if (a->n < APP_ROLES_MAX)
                return OUTCOME_OK;
        for (struct app_role **p = &a->first; *p; p = &(*p)->next)
                if (!role_is_awaited((*p)->role) && (!oldest || (*p)->used < (*oldest)->used))
                        oldest = p;
        if (oldest && bucket_take(&a->room, c->boot_ms(c), ROOM_AT_ONCE, ROOM_EVERY_MS)) {
                end(oldest); // nobody waits for it, so nobody is told
                return OUTCOME_OK;
        }
        err_set(err, "apps use more than %u role sessions of their own; try again in a while", APP_ROLES_MAX);
        return oldest ? OUTCOME_THROTTLED : OUTCOME_BUSY;
}

static struct app_role *make(struct app_roles *a, struct role *base, const struct config_app *app)
{
        static const struct role_events events = {
                .obtained = on_obtained, .refused = on_refused, .shortened = on_shortened};
        struct app_role *x = calloc(1, sizeof *x);

        if (!x)
                return NULL;
        *x = (struct app_role){.all = a, .app = app, .base = base, .conf = *role_get_config(base)};
        if (app->session_policy)
                x->conf.session_policy = app->session_policy;
        if (app->session_name)
                x->conf.session_name = app->session_name;
        if (role_new(&x->role, a->loop, &x->conf, role_get_source(base), &events, x) < 0) {
                free(x);
                return NULL;
        }
        x->next = a->first;
        a->first = x;
        a->n++;
        return x;
}

enum outcome app_roles_get(struct role **ret, struct app_roles *a, struct role *base,
        const struct config_app *app, struct err *err)
{
        struct app_role *x = a->first;
        enum outcome o = OUTCOME_OK;

        *ret = base;
        if (!app->session_policy && !app->session_name)
                return OUTCOME_OK;
        while (x && (x->base != base || x->app != app))
                x = x->next;
        if (!x)
                o = make_room(a, err);
        if (!x && o == OUTCOME_OK)
                x = make(a, base, app);
        if (!x)
                return o == OUTCOME_OK ? OUTCOME_INTERNAL : o;
        x->used = ++a->uses;
        *ret = x->role;
        return OUTCOME_OK;
}

static bool is_of(const struct app_role *x, const char *identity)
{
        return identity && strcmp(x->conf.identity, identity) == 0;
}

void app_roles_grant_new(struct app_roles *a, const char *identity, bool same_person)
{
        for (struct app_role *x = a->first; x; x = x->next)
                if (is_of(x, identity))
                        role_grant_new(x->role, same_person);
}

// Takes those of a role, or of an identity, out of the list.
static struct app_role *take_aside(struct app_roles *a, const struct role *base, const char *identity)
{
        struct app_role *taken = NULL;

        for (struct app_role **p = &a->first; *p;) {
                struct app_role *x = *p;

                if (base ? x->base != base : !is_of(x, identity)) {
                        p = &x->next;
                        continue;
                }
                *p = x->next;
                x->next = taken;
                taken = x;
                a->n--;
        }
        return taken;
}

// They are aside by then: whoever waits is told, and may ask again at once.
static void end_all(struct app_role *x, bool signed_out)
{
        while (x) {
                struct app_role *next = x->next;

                role_end(x->role, signed_out);
                role_free(x->role);
                free(x);
                x = next;
        }
}

void app_roles_end(struct app_roles *a, const char *identity)
{
        end_all(take_aside(a, NULL, identity), true);
}

void app_roles_refresh(struct app_roles *a, const struct role *base)
{
        for (struct app_role *x = a->first; x; x = x->next)
                if ((!base || x->base == base) && role_get_state(x->role) != ROLE_EMPTY)
                        (void)role_refresh(x->role, NULL); // it says so in its state where it must not
}

void app_roles_drop(struct app_roles *a, const struct role *base)
{
        for (struct app_role *x = a->first; x; x = x->next)
                if (x->base == base)
                        (void)role_drop(x->role, false, NULL);
}

void app_roles_forget(struct app_roles *a, const struct role *base, bool signed_out)
{
        end_all(take_aside(a, base, NULL), signed_out);
}

int app_roles_new(struct app_roles **ret, struct loop *l)
{
        struct app_roles *a = calloc(1, sizeof *a);

        if (!a)
                return -ENOMEM;
        a->loop = l;
        *ret = a;
        return 0;
}

struct app_roles *app_roles_free(struct app_roles *a)
{
        if (!a)
                return NULL;
        while (a->first)
                end(&a->first);
        free(a);
        return NULL;
}
