// SPDX-License-Identifier: Apache-2.0
//
// What is known of a provider. The first operation that needs discovery and keys fetches them, all who come
// meanwhile wait for the same fetch, and for an hour nobody asks again. A failure is told to those who waited
// and not remembered: the next one tries anew. A fetch is an idempotent GET, so it may be tried three times.
#include "provider.h"

#include "backoff.h"
#include "provider_internal.h"

#define KNOWN_MS       (3600 * 1000)
#define REKEY_EVERY_MS (60 * 1000)
#define FETCH_MS       8000
#define ATTEMPTS       3

static void fetch_begin(struct provider *p);

static int copy(char **dst, const char *src)
{
        if (!src)
                return 0;
        *dst = strdup(src);
        return *dst ? 0 : -ENOMEM;
}

static void fetch_again(void *arg)
{
        fetch_begin(arg);
}

// ret: freed by provider_free. h is borrowed. 0 or -ENOMEM.
int provider_new(struct provider **ret, struct http *h, const struct provider_options *o)
{
        struct provider *p = calloc(1, sizeof *p);
        int r;

        if (!p)
                return -ENOMEM;
        p->http = h;
        p->loop = http_loop(h);
        p->clock = loop_clock(p->loop);
        r = timer_new(&p->fetch_again, p->loop, fetch_again, p);
        if (r == 0)
                r = copy(&p->issuer, o->issuer);
        if (r == 0)
                r = copy(&p->client_id, o->client_id);
        if (r == 0)
                r = copy(&p->scopes, o->scopes);
        if (r == 0)
                r = copy(&p->ca_file, o->ca_file);
        if (r == 0 && o->client_secret)
                r = secret_dup(&p->client_secret, o->client_secret);
        if (r < 0) {
                provider_free(p);
                return err_trace(r);
        }
        *ret = p;
        return 0;
}

struct provider *provider_free(struct provider *p)
{
        if (!p)
                return NULL;
        http_op_free(p->fetch);
        timer_free(p->fetch_again);
        oidc_metadata_deinit(&p->metadata);
        jwks_free(p->jwks);
        free(p->issuer);
        free(p->client_id);
        free(p->scopes);
        free(p->ca_file);
        secret_free(p->client_secret);
        free(p);
        return NULL;
}

const struct oidc_metadata *provider_metadata(const struct provider *p)
{
        return p->has_metadata ? &p->metadata : NULL;
}

int64_t provider_skew_s(const struct provider *p)
{
        return clock_remote_skew_s(&p->date, p->clock);
}

bool provider_tells_time(const struct provider *p)
{
        return p->date.known;
}

static int64_t boot_ms(const struct provider *p)
{
        return p->clock->boot_ms(p->clock);
}

static void wait_for_fetch(struct provider_op *op)
{
        struct provider *p = op->provider;

        op->next = p->waiters;
        op->prev = &p->waiters;
        if (op->next)
                op->next->prev = &op->next;
        p->waiters = op;
}

void op_stop_waiting(struct provider_op *op)
{
        if (!op->prev)
                return;
        *op->prev = op->next;
        if (op->next)
                op->next->prev = op->prev;
        op->next = NULL;
        op->prev = NULL;
}

// Each callback may free any operation, also one that still waits; those unlink themselves from this list.
static void fetch_end(struct provider *p, enum outcome outcome, const struct err *err)
{
        struct provider_op *list = p->waiters;

        p->fetch = http_op_free(p->fetch);
        p->fetching = FETCH_NONE;
        p->waiters = NULL;
        if (list)
                list->prev = &list;
        while (list) {
                struct provider_op *op = list;

                op_stop_waiting(op);
                if (outcome == OUTCOME_OK)
                        op->ready(op);
                else
                        op_finish(op, outcome, err);
        }
}

static const char *what_is_fetched(const struct provider *p)
{
        return p->fetching == FETCH_METADATA ? "discovery document" : "key set";
}

static int parse(struct provider *p, const struct buf *body, struct err *err)
{
        struct oidc_metadata m = {0};
        struct jwks *k = NULL;
        int r;

        if (p->fetching == FETCH_METADATA) {
                r = oidc_metadata_parse(&m, p->issuer, buf_str(body), body->n, err);
                if (r < 0)
                        return err_trace(r);
                oidc_metadata_deinit(&p->metadata);
                p->metadata = m;
                p->has_metadata = true;
                return 0;
        }
        r = jwks_parse(&k, buf_str(body), body->n, err);
        if (r < 0)
                return err_trace(r);
        jwks_free(p->jwks);
        p->jwks = k;
        return 0;
}

static void fetched(struct provider *p, const struct http_response *response)
{
        struct err err = ERR_INIT;
        int r = parse(p, &response->body, &err);

        if (r < 0) {
                err_set(&err, "out of memory");
                err_prefix(&err, "%s: ", p->issuer);
                fetch_end(p, r == -ENOMEM ? OUTCOME_INTERNAL : OUTCOME_BAD_ANSWER, &err);
                return;
        }
        if (p->fetching == FETCH_METADATA) {
                p->fetching = FETCH_JWKS;
                p->attempt = 0;
                fetch_begin(p);
                return;
        }
        if (!p->known_until_ms) // not only the keys were fetched
                p->known_until_ms = boot_ms(p) + KNOWN_MS;
        fetch_end(p, OUTCOME_OK, NULL);
}

static enum outcome status_outcome(int status)
{
        if (status == 429)
                return OUTCOME_THROTTLED;
        if (status >= 500)
                return OUTCOME_UNREACHABLE;
        return status == 404 || status == 410 ? OUTCOME_MISCONFIGURED : OUTCOME_BAD_ANSWER;
}

static void on_fetched(void *arg, enum outcome outcome, struct http_response *response, const struct err *why)
{
        struct provider *p = arg;
        struct err err = *why;

        if (outcome == OUTCOME_OK && response->status == 200) {
                fetched(p, response);
                return;
        }
        if (outcome == OUTCOME_OK) {
                outcome = status_outcome(response->status);
                err_set(&err, "%s answers with HTTP status %d where its %s is expected", p->issuer,
                        response->status, what_is_fetched(p));
        }
        if ((outcome == OUTCOME_UNREACHABLE || outcome == OUTCOME_THROTTLED) && ++p->attempt < ATTEMPTS) {
                timer_arm_in(p->fetch_again, backoff_ms(p->attempt, 400, 4000));
                return;
        }
        fetch_end(p, outcome, &err);
}

static void fetch_begin(struct provider *p)
{
        struct http_request q = {.ca_file = p->ca_file, .accept = "application/json", .timeout_ms = FETCH_MS};
        cleanup_free char *url = NULL;
        int r = 0;

        p->fetch = http_op_free(p->fetch);
        if (p->fetching == FETCH_METADATA)
                r = oidc_discovery_url(p->issuer, &url);
        q.url = url ? url : p->metadata.jwks_uri;
        if (r == 0)
                r = http_start(&p->fetch, p->http, &q, on_fetched, p);
        if (r < 0) {
                struct err err = ERR_INIT;

                err_set(&err, "cannot ask %s: %s", p->issuer, strerror(-r));
                fetch_end(p, OUTCOME_INTERNAL, &err);
        }
}

static bool is_fresh(const struct provider *p)
{
        return p->jwks && boot_ms(p) < p->known_until_ms;
}

void op_when_ready(struct provider_op *op)
{
        struct provider *p = op->provider;

        if (is_fresh(p) && p->fetching == FETCH_NONE) {
                op->ready(op);
                return;
        }
        wait_for_fetch(op);
        if (p->fetching != FETCH_NONE)
                return;
        p->fetching = FETCH_METADATA;
        p->attempt = 0;
        p->known_until_ms = 0;
        fetch_begin(p);
}

bool op_when_rekeyed(struct provider_op *op)
{
        struct provider *p = op->provider;

        if (p->fetching == FETCH_NONE && p->rekeyed && boot_ms(p) - p->rekeyed_at_ms < REKEY_EVERY_MS)
                return false;
        wait_for_fetch(op);
        if (p->fetching != FETCH_NONE)
                return true;
        p->rekeyed = true;
        p->rekeyed_at_ms = boot_ms(p);
        p->fetching = FETCH_JWKS;
        p->attempt = 0;
        fetch_begin(p);
        return true;
}
