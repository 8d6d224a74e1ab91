// SPDX-License-Identifier: Apache-2.0
//
// Each answer is copied out of the callback, for it is borrowed there; the loop ends with the last of them.
#include "fetches.h"

int fetches_init(struct fetches *f)
{
        int r;

        *f = (struct fetches){0};
        r = net_global_init();
        if (r == 0)
                r = loop_new(&f->loop, &clock_system);
        return r == 0 ? http_new(&f->http, f->loop) : r;
}

static void drop(struct fetch *t)
{
        t->op = http_op_free(t->op);
        free(t->url);
        buf_deinit(&t->body);
}

void fetches_clear(struct fetches *f)
{
        for (size_t i = 0; i < f->n; i++)
                drop(&f->list[i]);
        f->n = 0;
}

void fetches_deinit(struct fetches *f)
{
        fetches_clear(f);
        f->http = http_free(f->http);
        f->loop = loop_free(f->loop);
}

struct fetch *fetches_add(struct fetches *f, const char *url, const char *ca_file)
{
        struct fetch *t = &f->list[f->n];

        if (f->n == FETCHES_MAX)
                return NULL;
        *t = (struct fetch){.url = strdup(url), .ca_file = ca_file, .body = BUF_INIT(1u << 20), .all = f};
        if (!t->url)
                return NULL;
        f->n++;
        return t;
}

static void on_done(void *arg, enum outcome outcome, struct http_response *r, const struct err *err)
{
        struct fetch *t = arg;

        t->outcome = outcome;
        if (outcome == OUTCOME_OK) {
                t->status = r->status;
                t->date_s = r->date_s;
                if (buf_append(&t->body, buf_str(&r->body), r->body.n) < 0)
                        t->outcome = OUTCOME_INTERNAL;
        } else if (err) {
                t->err = *err;
        }
        if (--t->all->pending == 0)
                loop_quit(t->all->loop);
}

int fetches_run(struct fetches *f, int64_t timeout_ms)
{
        for (size_t i = 0; i < f->n; i++) {
                struct fetch *t = &f->list[i];
                struct http_request q = {
                        .url = t->url, .ca_file = t->ca_file, .form = t->form, .timeout_ms = timeout_ms};
                int r = http_start(&t->op, f->http, &q, on_done, t);

                if (r < 0)
                        return r;
                f->pending++;
        }
        return f->pending ? loop_run(f->loop) : 0;
}
