// SPDX-License-Identifier: Apache-2.0
//
// Each answer is taken out of the callback, where it is borrowed; the loop ends with the last of them.
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
        buf_deinit(&t->response.body);
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

static struct fetch *add(struct fetches *f, const struct http_request *q)
{
        struct fetch *t = &f->list[f->n];

        if (f->n == FETCHES_MAX)
                return NULL;
        *t = (struct fetch){.q = *q, .all = f};
        f->n++;
        return t;
}

struct fetch *fetches_add(struct fetches *f, const char *url, const char *ca_file)
{
        struct fetch *t = add(f, &(struct http_request){.ca_file = ca_file});

        if (!t)
                return NULL;
        t->q.url = t->url = strdup(url);
        if (t->url)
                return t;
        f->n--;
        return NULL;
}

static void on_done(void *arg, enum outcome outcome, struct http_response *r, const struct err *err)
{
        struct fetch *t = arg;

        t->outcome = outcome;
        if (outcome == OUTCOME_OK) {
                t->response = *r;
                r->body = BUF_INIT(0); // it is ours now
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
                int r;

                t->q.timeout_ms = timeout_ms;
                r = http_start(&t->op, f->http, &t->q, on_done, t);
                if (r < 0)
                        return r;
                f->pending++;
        }
        return f->pending ? loop_run(f->loop) : 0;
}

enum outcome fetch_once(struct http_response *ret, const struct http_request *q, struct err *err)
{
        struct fetches *f = calloc(1, sizeof *f);
        enum outcome o = OUTCOME_INTERNAL;
        struct fetch *t;

        if (!f)
                return OUTCOME_INTERNAL;
        if (fetches_init(f) == 0 && (t = add(f, q)) && fetches_run(f, q->timeout_ms) == 0) {
                o = t->outcome;
                if (o == OUTCOME_OK) {
                        *ret = t->response;
                        t->response.body = BUF_INIT(0);
                } else {
                        err_set(err, "%s", t->err.text);
                }
        }
        fetches_deinit(f);
        free(f);
        return o;
}
