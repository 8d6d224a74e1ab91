// SPDX-License-Identifier: Apache-2.0
//
// Configurations: one that is refused says in which line; one that is taken keeps the promises of config.h.
#include "config.h"
#include "form.h"
#include "sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void check(const struct config *c)
{
        for (size_t i = 0; i < c->n_identities; i++) {
                const struct config_identity *id = &c->identities[i];

                must(config_find_identity(c, id->name) == id);
                must(id->type == SOURCE_OIDC && url_check_callable(id->issuer, NULL) == 0 &&
                        id->client_id[0]);
                must(!id->username_claim || id->username_claim_is_immutable);
                must(!id->ca_file || id->ca_file[0] == '/');
        }
        for (size_t i = 0; i < c->n_roles; i++) {
                const struct config_role *r = &c->roles[i];
                bool loopback = r->sts_endpoint && url_is_loopback(r->sts_endpoint);

                must(config_find_role(c, r->name) == r);
                must(config_find_identity(c, r->identity) != NULL);
                must(sts_role_arn_parse(r->role_arn, NULL, NULL, NULL) == 0);
                must(r->duration_s >= (loopback ? 1 : STS_DURATION_MIN_S) &&
                        r->duration_s <= STS_DURATION_MAX_S);
                must(r->sts_endpoint ? url_check_callable(r->sts_endpoint, NULL) == 0
                                     : sts_region_partition(r->sts_region) != NULL);
        }
        must(!c->default_role || config_find_role(c, c->default_role));
        must(!c->signin.identity || config_find_identity(c, c->signin.identity));
        must(c->signin.max_flows_per_rhost >= 1 && c->signin.max_flows >= c->signin.max_flows_per_rhost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;
        int r = config_parse(&c, "f", (const char *)data, size, &err);

        if (r == 0) {
                check(c);
                config_unref(c);
        } else if (r == -EBADMSG) {
                must(strncmp(err.text, "f:", 2) == 0);
                must(!strpbrk(err.text, "\033\n\r"));
        }
        return 0;
}
