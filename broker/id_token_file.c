// SPDX-License-Identifier: Apache-2.0
//
// The keeper refreshes an ID token when somebody needs one and the last is about to expire. Here is somebody who needs one a
// little before that, for as long as there is a grant. A provider that gives no new one leaves the file empty-handed: it goes
// when the token in it expires, for a program is better told that there is none.
#include "id_token_file.h"

#include "log.h"
#include "secret_file.h"

#include <stdio.h>

#define MARGIN_S INT64_C(60)
#define AGAIN_MS INT64_C(15000)

struct id_token_file {
        struct keeper *keeper;
        char *path;
        struct timer *timer;
        struct keeper_waiter *waiter;
        struct secret *written; // NULL: there is no file
        bool failed;            // said so
};

// By the boot clock and the provider's own: whoever sets this machine's clock neither takes the file away nor keeps it.
static int64_t left_ms(const struct id_token_file *f)
{
        const struct clock *c = loop_clock(keeper_get_loop(f->keeper));

        return keeper_get_memory(f->keeper).token_ends_boot_ms - c->boot_ms(c);
}

static void drop(struct id_token_file *f)
{
        if (f->written)
                secret_file_remove(f->path);
        f->written = secret_free(f->written);
        timer_disarm(f->timer);
}

// False where the file could not be written; there is none then.
static bool write_token(struct id_token_file *f, const struct secret *token)
{
        struct secret *copy = NULL;
        int r;

        if (secret_eq(f->written, token))
                return true;
        r = secret_dup(&copy, token);
        if (r == 0)
                r = secret_file_write(f->path, token);
        if (r < 0) {
                secret_free(copy);
                drop(f);
                if (!f->failed)
                        log_event(LOG_E_ERROR, "id_token.unwritten", "file=%s reason=%s", f->path,
                                strerror(-r));
                f->failed = true;
                return false;
        }
        f->failed = false;
        secret_move(&f->written, &copy);
        return true;
}

// When a new one is to be asked for: early, but not so early that the keeper gives the same one.
static void arm(struct id_token_file *f, const struct grant *g)
{
        int64_t quarter = (g->id_token_exp_s - keeper_get_memory(f->keeper).token_since_s) / 4;
        int64_t margin = quarter < MARGIN_S ? quarter : MARGIN_S;

        int64_t left = left_ms(f), wait = left - (margin > 1 ? margin - 1 : 0) * 1000;

        if (wait <= 0) // asked for already, and there is none yet
                wait = left < AGAIN_MS ? left : AGAIN_MS;
        timer_arm_in(f->timer, wait);
}

void id_token_file_look(struct id_token_file *f, const struct keeper *k)
{
        const struct grant *g;

        if (!f || f->keeper != k)
                return;
        g = keeper_get_grant(k);
        if (!g || !g->id_token || left_ms(f) <= 0)
                drop(f);
        else if (write_token(f, g->id_token))
                arm(f, g);
        else
                timer_arm_in(f->timer, AGAIN_MS);
}

static void on_token(void *arg, const struct keeper_token *t)
{
        struct id_token_file *f = arg;

        f->waiter = keeper_waiter_free(f->waiter);
        id_token_file_look(f, f->keeper);
        if (t->outcome != OUTCOME_OK && keeper_get_grant(f->keeper))
                timer_arm_in(f->timer, AGAIN_MS);
}

static void on_timer(void *arg)
{
        struct id_token_file *f = arg;

        id_token_file_look(f, f->keeper); // an expired one goes at once
        if (keeper_get_grant(f->keeper) && !f->waiter &&
                keeper_token_start(&f->waiter, f->keeper, 0, on_token, f) < 0)
                timer_arm_in(f->timer, AGAIN_MS);
}

int id_token_file_new(struct id_token_file **ret, struct keeper *k, const char *dir)
{
        struct id_token_file *f = calloc(1, sizeof *f);
        int r;

        if (!f)
                return -ENOMEM;
        f->keeper = k;
        r = timer_new(&f->timer, keeper_get_loop(k), on_timer, f);
        if (r == 0 && asprintf(&f->path, "%s/id-token", dir) < 0) {
                f->path = NULL;
                r = -ENOMEM;
        }
        if (r < 0) {
                id_token_file_free(f);
                return err_trace(r);
        }
        secret_file_remove(f->path); // what a broker that crashed left; it is written again right away
        id_token_file_look(f, k);
        *ret = f;
        return 0;
}

struct id_token_file *id_token_file_free(struct id_token_file *f)
{
        if (!f)
                return NULL;
        keeper_waiter_free(f->waiter);
        if (f->timer)
                drop(f);
        if (f->timer)
                timer_free(f->timer);
        free(f->path);
        free(f);
        return NULL;
}
