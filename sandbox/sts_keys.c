// SPDX-License-Identifier: Apache-2.0
//
// The keys of foreign providers, fetched as STS does: discovery at the issuer, then the JWKS it names. Kept
// for a while; a token with an unknown kid fetches anew.
#include "sts_internal.h"

#include <stdio.h>

#include "http.h"
#include "jwt.h"
#include "oidc.h"

#define ISSUERS_MAX 32

struct entry {
        char *issuer;
        struct jwks *jwks;
        int64_t fetched_s;
};

struct sts_keys {
        struct entry entries[ISSUERS_MAX];
        size_t next; // whose place is taken next
};

int sts_keys_new(struct sts_keys **ret)
{
        *ret = calloc(1, sizeof **ret);
        return *ret ? 0 : -ENOMEM;
}

static void entry_clear(struct entry *e)
{
        free(e->issuer);
        jwks_free(e->jwks);
        *e = (struct entry){0};
}

void sts_keys_forget(struct sts_keys *k)
{
        for (size_t i = 0; i < ISSUERS_MAX; i++)
                entry_clear(&k->entries[i]);
}

struct sts_keys *sts_keys_free(struct sts_keys *k)
{
        if (k)
                sts_keys_forget(k);
        free(k);
        return NULL;
}

const struct jwks *sts_keys_get(
        const struct sts_keys *k, const char *issuer, int64_t now_s, int64_t max_age_s)
{
        for (size_t i = 0; i < ISSUERS_MAX; i++) {
                const struct entry *e = &k->entries[i];

                if (e->issuer && strcmp(e->issuer, issuer) == 0 && now_s - e->fetched_s <= max_age_s)
                        return e->jwks;
        }
        return NULL;
}

static int keep(struct sts_keys *k, const char *issuer, struct jwks **jwks, int64_t now_s)
{
        struct entry *e = NULL;
        char *copy = strdup(issuer);

        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < ISSUERS_MAX && !e; i++)
                if (k->entries[i].issuer && strcmp(k->entries[i].issuer, issuer) == 0)
                        e = &k->entries[i];
        if (!e)
                e = &k->entries[k->next++ % ISSUERS_MAX];
        entry_clear(e);
        *e = (struct entry){copy, TAKE_PTR(*jwks), now_s};
        return 0;
}

// ---- fetching -------------------------------------------------------------------------------------------------------

struct fetch {
        struct web_request *r;
        struct http_op *op;
        char *issuer, *ca_file;
        void (*again)(struct web_request *r, bool unreachable, const char *why);
};

static void fetch_forget(void *arg)
{
        struct fetch *f = arg;

        http_op_free(f->op);
        free(f->issuer);
        free(f->ca_file);
        free(f);
}

static void finish(struct fetch *f, bool unreachable, const char *why)
{
        struct web_request *r = f->r;
        void (*again)(struct web_request *, bool, const char *) = f->again;
        char text[ERR_MAX] = "";

        if (why)
                snprintf(text, sizeof text, "%s", why);
        web_wait(r, NULL, NULL); // frees the fetch
        again(r, unreachable, why ? text : NULL);
}

static bool failed(
        struct fetch *f, enum outcome outcome, const struct http_response *a, const struct err *err)
{
        char why[ERR_MAX];

        if (outcome != OUTCOME_OK) {
                finish(f, /* unreachable= */ true, err->text);
                return true;
        }
        if (a->status != 200) {
                snprintf(why, sizeof why, "the provider %s answered %d", f->issuer, a->status);
                finish(f, a->status >= 500, why);
                return true;
        }
        return false;
}

static void on_jwks(void *arg, enum outcome outcome, struct http_response *a, const struct err *err)
{
        struct fetch *f = arg;
        struct web_request *r = f->r;
        struct err why = ERR_INIT;
        struct jwks *jwks = NULL;
        int k;

        if (failed(f, outcome, a, err))
                return;
        k = jwks_parse(&jwks, buf_str(&a->body), a->body.n, &why);
        if (k == 0)
                k = keep(r->cloud->sts->keys, f->issuer, &jwks, sts_now_s(r));
        jwks_free(jwks);
        finish(f, /* unreachable= */ false, k == 0 ? NULL : k == -ENOMEM ? "out of memory" : why.text);
}

static int get(struct fetch *f, const char *url, http_done_fn done)
{
        struct http_request q = {
                .url = url, .ca_file = f->ca_file, .accept = "application/json", .timeout_ms = 5000};

        f->op = http_op_free(f->op);
        return http_start(&f->op, f->r->cloud->http, &q, done, f);
}

static void on_discovery(void *arg, enum outcome outcome, struct http_response *a, const struct err *err)
{
        struct fetch *f = arg;
        struct oidc_metadata m = {0};
        struct err why = ERR_INIT;
        int k;

        if (failed(f, outcome, a, err))
                return;
        k = oidc_metadata_parse(&m, f->issuer, buf_str(&a->body), a->body.n, &why);
        if (k == 0)
                k = get(f, m.jwks_uri, on_jwks);
        oidc_metadata_deinit(&m);
        if (k < 0)
                finish(f, /* unreachable= */ false, why.text[0] ? why.text : "out of memory");
}

void sts_keys_fetch(struct web_request *r, const struct dir_provider *p,
        void (*again)(struct web_request *r, bool unreachable, const char *why))
{
        struct fetch *f = calloc(1, sizeof *f);
        cleanup_free char *url = NULL;

        if (!f) {
                sts_out_of_memory(r);
                return;
        }
        *f = (struct fetch){.r = r,
                .again = again,
                .issuer = strdup(p->url),
                .ca_file = p->ca_file ? strdup(p->ca_file) : NULL};
        if (!f->issuer || (p->ca_file && !f->ca_file) || oidc_discovery_url(p->url, &url) < 0 ||
                get(f, url, on_discovery) < 0) {
                fetch_forget(f);
                sts_out_of_memory(r);
                return;
        }
        web_wait(r, f, fetch_forget);
}
