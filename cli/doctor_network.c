// SPDX-License-Identifier: Apache-2.0
//
// Providers and STS, asked as this user, all at once. A device code is begun at each provider, for only that shows whether the
// client may have one and how long it lives; nobody enters it, and it expires.
#include "doctor.h"

#include "clock.h"
#include "fetches.h"
#include "oidc.h"
#include "sts.h"
#include "translate.h"

#include <stdio.h>
#include <time.h>

#define PATIENCE_MS 6000
#define SKEW_MAX_S  60

struct network {
        struct doctor *d;
        struct fetches *f;
        struct oidc_metadata metadata[FETCHES_MAX]; // of the identities, in their order
        bool known[FETCHES_MAX];
};

static void tell_clock(struct doctor *d, const char *check, const char *who, int64_t date_s)
{
        int64_t ahead = date_s ? date_s - (int64_t)time(NULL) : 0;

        if (!date_s) {
                findings_unknown(&d->found, check, "%s does not tell the time", who);
        } else if (ahead > SKEW_MAX_S || ahead < -SKEW_MAX_S) {
                findings_wrong(&d->found, check, "this machine's clock is %lld s %s that of %s",
                        (long long)(ahead > 0 ? ahead : -ahead), ahead > 0 ? "behind" : "ahead of", who);
                findings_mend(&d->found, "timedatectl set-ntp true");
        } else {
                findings_ok(&d->found, check, "it agrees with that of %s", who);
        }
}

// ---- providers

static void tell_metadata(struct doctor *d, const struct config_identity *id, const struct oidc_metadata *m)
{
        char check[300];

        snprintf(check, sizeof check, "pkce:%.200s", id->name);
        if (!m->authorization_endpoint)
                findings_unknown(
                        &d->found, check, "the provider offers no sign-in by a browser on this machine");
        else if (m->pkce_s256)
                findings_ok(&d->found, check, "PKCE with S256 is offered");
        else
                findings_unknown(&d->found, check,
                        "the provider does not say that it knows PKCE with S256; it is "
                        "used all the same");
        snprintf(check, sizeof check, "revocation:%.200s", id->name);
        if (id->revocation_per_grant && !m->revocation_endpoint) {
                findings_wrong(&d->found, check,
                        "revocation = per-grant, and the provider has no revocation "
                        "endpoint");
                findings_mend(&d->found, "take revocation = per-grant out of [identity %s]", id->name);
        } else if (m->revocation_endpoint) {
                findings_unknown(&d->found, check,
                        "offered; whether it ends one grant only, the provider does not "
                        "tell");
        } else {
                findings_ok(&d->found, check, "not offered, and not asked for");
        }
}

static void tell_discovery(struct network *n, const struct fetch *t)
{
        struct doctor *d = n->d;
        const struct config_identity *id = t->what;
        size_t i = (size_t)(id - d->config->identities);
        struct err err = t->err;
        char check[300];

        snprintf(check, sizeof check, "provider:%.200s", id->name);
        if (t->outcome == OUTCOME_OK && t->response.status != 200)
                err_set(&err, "%s answers with status %d", t->url, t->response.status);
        else if (t->outcome == OUTCOME_OK)
                n->known[i] = oidc_metadata_parse(&n->metadata[i], id->issuer, buf_str(&t->response.body),
                                      t->response.body.n, &err) == 0;
        if (!n->known[i]) {
                findings_wrong(
                        &d->found, check, "%s", err.text[0] ? err.text : _(outcome_info(t->outcome)->text));
                findings_mend(&d->found, "look at issuer in [identity %s], at the network and at its proxy",
                        id->name);
                return;
        }
        findings_ok(&d->found, check, "%s", id->issuer);
        snprintf(check, sizeof check, "clock:%.200s", id->name);
        tell_clock(d, check, "the provider", t->response.date_s);
        tell_metadata(d, id, &n->metadata[i]);
}

// ---- device codes

static void tell_device(struct doctor *d, const struct fetch *t)
{
        const struct config_identity *id = t->what;
        struct oidc_error_answer e;
        struct oidc_device device = {0};
        struct err err = t->err;
        char check[300];

        snprintf(check, sizeof check, "device:%.200s", id->name);
        if (t->outcome != OUTCOME_OK) {
                findings_wrong(&d->found, check, "%s", err.text);
                return;
        }
        if (t->response.status == 200 &&
                oidc_device_parse(&device, buf_str(&t->response.body), t->response.body.n, &err) == 0) {
                findings_ok(&d->found, check, "granted to this client; a code lives %lld s",
                        (long long)device.expires_in_s);
                if (device.expires_in_s > d->code_life_s)
                        d->code_life_s = device.expires_in_s;
                oidc_device_deinit(&device);
                return;
        }
        oidc_error_parse(&e, buf_str(&t->response.body), t->response.body.n);
        findings_wrong(&d->found, check, "the provider refuses a device code: %s%s%s",
                e.error[0] ? e.error : err.text, e.description[0] ? ": " : "", e.description);
        findings_mend(&d->found, "allow the device authorization grant to client %s at the provider",
                id->client_id);
}

static int ask_devices(struct network *n, struct secret *forms[])
{
        struct doctor *d = n->d;
        int r = 0;

        for (size_t i = 0; r == 0 && i < d->config->n_identities && i < FETCHES_MAX; i++) {
                const struct config_identity *id = &d->config->identities[i];
                cleanup_buf struct buf form = BUF_INIT(1u << 16);
                cleanup_free char *scope = NULL;
                struct fetch *t;
                char check[300];

                if (!n->known[i])
                        continue;
                snprintf(check, sizeof check, "device:%.200s", id->name);
                if (!n->metadata[i].device_authorization_endpoint || id->client_secret_file) {
                        findings_unknown(&d->found, check,
                                id->client_secret_file ? "not asked, for the client has a secret"
                                                       : "the provider offers no device codes");
                        continue;
                }
                r = oidc_choose_scope(&n->metadata[i], id->scopes, &scope);
                if (r == 0)
                        r = oidc_device_request(
                                &form, &(struct oidc_client){.client_id = id->client_id}, scope);
                if (r == 0)
                        r = buf_take_secret(&form, &forms[i]);
                t = r == 0 ? fetches_add(n->f, n->metadata[i].device_authorization_endpoint, id->ca_file)
                           : NULL;
                if (!t)
                        return r ? r : -ENOMEM;
                t->what = id;
                t->q.form = forms[i];
        }
        return r;
}

// ---- STS

static int add_sts(struct fetches *f, const struct config_role *r)
{
        cleanup_buf struct buf url = BUF_INIT(4096);
        unsigned variant = (r->use_fips == CONFIG_YES ? STS_FIPS : 0u) |
                           (r->use_dual_stack == CONFIG_YES ? STS_DUAL_STACK : 0u);
        struct fetch *t;

        if (r->sts_endpoint ? buf_append_str(&url, r->sts_endpoint) < 0
                            : !r->sts_region || sts_endpoint(&url, r->sts_region, variant) < 0)
                return 0; // the configuration has told that
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->list[i].url, buf_str(&url)) == 0)
                        return 0;
        if (f->n == FETCHES_MAX)
                return 0;
        t = fetches_add(f, buf_str(&url), r->ca_file);
        return t ? 0 : -ENOMEM;
}

// Any answer will do: who asks for nothing is sent away politely.
static void tell_sts(struct doctor *d, const struct fetch *t)
{
        char check[300];

        snprintf(check, sizeof check, "sts:%.250s", t->url);
        if (t->outcome != OUTCOME_OK) {
                findings_wrong(&d->found, check, "%s",
                        t->err.text[0] ? t->err.text : _(outcome_info(t->outcome)->text));
                findings_mend(
                        &d->found, "look at sts_region and sts_endpoint, at the network and at its proxy");
                return;
        }
        findings_ok(&d->found, check, "it answers");
        snprintf(check, sizeof check, "clock:%.250s", t->url);
        tell_clock(d, check, "STS", t->response.date_s);
}

// ---- in two rounds

static int first_round(struct network *n)
{
        const struct config *c = n->d->config;
        int r = 0;

        for (size_t i = 0; r == 0 && i < c->n_identities && n->f->n < FETCHES_MAX / 2; i++) {
                cleanup_free char *url = NULL;
                struct fetch *t;

                r = oidc_discovery_url(c->identities[i].issuer, &url);
                t = r == 0 ? fetches_add(n->f, url, c->identities[i].ca_file) : NULL;
                if (t)
                        t->what = &c->identities[i];
                else if (r == 0)
                        r = -ENOMEM;
        }
        for (size_t i = 0; r == 0 && i < c->n_roles; i++)
                r = add_sts(n->f, &c->roles[i]);
        if (r == 0)
                r = fetches_run(n->f, PATIENCE_MS);
        for (size_t i = 0; r == 0 && i < n->f->n; i++) {
                if (n->f->list[i].what)
                        tell_discovery(n, &n->f->list[i]);
                else
                        tell_sts(n->d, &n->f->list[i]);
        }
        return r;
}

static int second_round(struct network *n)
{
        struct secret *forms[FETCHES_MAX] = {0};
        int r;

        fetches_clear(n->f);
        r = ask_devices(n, forms);
        if (r == 0)
                r = fetches_run(n->f, PATIENCE_MS);
        for (size_t i = 0; r == 0 && i < n->f->n; i++)
                tell_device(n->d, &n->f->list[i]);
        for (size_t i = 0; i < FETCHES_MAX; i++)
                secret_free(forms[i]);
        return r;
}

void doctor_network(struct doctor *d)
{
        struct network *n = calloc(1, sizeof *n);
        int r = -ENOMEM;

        if (!d->config) {
                findings_unknown(&d->found, "provider", "the configuration does not load");
                free(n);
                return;
        }
        if (n) {
                n->d = d;
                n->f = calloc(1, sizeof *n->f);
                r = n->f ? fetches_init(n->f) : -ENOMEM;
                if (r == 0)
                        r = first_round(n);
                if (r == 0)
                        r = second_round(n);
                for (size_t i = 0; i < FETCHES_MAX; i++)
                        if (n->known[i])
                                oidc_metadata_deinit(&n->metadata[i]);
                if (n->f)
                        fetches_deinit(n->f);
                free(n->f);
        }
        free(n);
        if (r < 0)
                findings_unknown(&d->found, "network", "%s", strerror(-r));
}
