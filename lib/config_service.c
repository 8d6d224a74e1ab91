// SPDX-License-Identifier: Apache-2.0
//
// [service …]: what the programs that sign people in may ask valetkeyd for, each by the name it gives itself at PAM.
//
// Ours, where nothing is said: the device flow everywhere, from afar only behind a public key (whoever knows a name could
// otherwise have codes sent to its owner, for approval by mistake); and nothing is remembered but for sshd behind a
// key, whose clients (scp, rsync, editors) connect many times in a row.
#include "config_builder.h"

#include "timefmt.h"

#define REAUTH_SSHD_S 300
#define REAUTH_MAX_S  3600

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

int config_set_service_flow(void *field, const char *value, struct err *err)
{
        enum config_flow *f = field;

        if (strcmp(value, "device") != 0 && strcmp(value, "none") != 0)
                return wrong(err, "must be device or none");
        *f = value[0] == 'd' ? FLOW_DEVICE : FLOW_NONE;
        return 0;
}

int config_set_require_prior(void *field, const char *value, struct err *err)
{
        enum config_prior *p = field;

        if (strcmp(value, "publickey") != 0 && strcmp(value, "none") != 0)
                return wrong(err, "must be publickey or none");
        *p = value[0] == 'p' ? PRIOR_PUBLICKEY : PRIOR_NONE;
        return 0;
}

int config_set_reauth_for(void *field, const char *value, struct err *err)
{
        int64_t *s = field, v = 0;

        if (strcmp(value, "0") != 0 && (time_parse_duration(value, &v) < 0 || v < 1 || v > REAUTH_MAX_S))
                return wrong(err, "must be 0 (never) or a time like 30s or 5m, at most 1h");
        *s = v;
        return 0;
}

static const struct config_service *find(const struct config *c, const char *name)
{
        for (size_t i = 0; i < c->n_services; i++)
                if (strcmp(c->services[i].name, name) == 0)
                        return &c->services[i];
        return NULL;
}

// What `ret` does not say yet, it has from `from`.
static void fill(struct config_service *ret, const struct config_service *from)
{
        if (!from)
                return;
        if (ret->flow == FLOW_UNSAID)
                ret->flow = from->flow;
        if (ret->require_prior == PRIOR_UNSAID)
                ret->require_prior = from->require_prior;
        if (ret->reauth_for_s < 0)
                ret->reauth_for_s = from->reauth_for_s;
}

struct config_service config_service_policy(const struct config *c, const char *service)
{
        const struct config_service ours = {
                .flow = FLOW_DEVICE,
                .require_prior = PRIOR_PUBLICKEY,
                .reauth_for_s = strcmp(service, "sshd") == 0 ? REAUTH_SSHD_S : 0,
        };
        struct config_service ret = {.reauth_for_s = -1};

        fill(&ret, find(c, service));
        fill(&ret, find(c, "*"));
        fill(&ret, &ours);
        return ret;
}

int build_services(struct builder *b)
{
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < b->draft->n_sections; i++)
                n += b->draft->sections[i]->kind == CONFIG_SERVICE;
        b->c->services = calloc(n + 1, sizeof *b->c->services);
        if (!b->c->services)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < b->draft->n_sections; i++) {
                const struct draft_section *s = b->draft->sections[i];
                struct config_service *x = &b->c->services[b->c->n_services];

                if (s->kind != CONFIG_SERVICE)
                        continue;
                b->c->n_services++;
                x->reauth_for_s = -1;
                x->name = strdup(s->name);
                if (!x->name)
                        return -ENOMEM;
                r = build_apply(b, s, x);
        }
        return r;
}
