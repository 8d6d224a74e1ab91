// SPDX-License-Identifier: Apache-2.0
//
// A principal's ARN is arn:PARTITION:iam|sts::ACCOUNT:KIND/NAME; the kind says what it is, and with it which condition keys
// a request of it has.
#include "policy_who.h"

#include <stdio.h>

#define SESSION_NAME "session" // of a role that is written down without one

struct parts {
        int partition_n;
        const char *partition, *service, *account, *rest;
        size_t service_n;
};

static bool split(struct parts *p, const char *arn)
{
        const char *colon;

        if (strncmp(arn, "arn:", 4) != 0)
                return false;
        p->partition = arn + 4;
        colon = strchr(p->partition, ':');
        if (!colon || colon == p->partition || colon - p->partition > 16)
                return false;
        p->partition_n = (int)(colon - p->partition);
        p->service = colon + 1;
        p->service_n = strcspn(p->service, ":");
        if (strncmp(p->service + p->service_n, "::", 2) != 0)
                return false;
        p->account = p->service + p->service_n + 2;
        p->rest = p->account + 13;
        return strspn(p->account, "0123456789") == 12 && p->account[12] == ':';
}

static bool is(const struct parts *p, const char *service, const char *kind)
{
        size_t n = strlen(kind);

        return p->service_n == strlen(service) && memcmp(p->service, service, p->service_n) == 0 &&
               strncmp(p->rest, kind, n) == 0 && p->rest[n];
}

static int be_session(struct policy_who *w, const struct parts *p, const char *role_arn, struct err *err)
{
        const char *role = p->rest + strlen("assumed-role/"), *slash = strchr(role, '/');

        if (!slash || slash == role || !slash[1] || strchr(slash + 1, '/')) {
                err_set(err, "a role session is arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION");
                return -EINVAL;
        }
        if (role_arn)
                snprintf(w->role_arn, sizeof w->role_arn, "%s", role_arn);
        else
                snprintf(w->role_arn, sizeof w->role_arn, "arn:%.*s:iam::%s:role/%.*s", p->partition_n,
                        p->partition, w->account, (int)(slash - role), role);
        w->principal.role_arn = w->role_arn;
        w->type = "AssumedRole";
        return 0;
}

static void be_role(struct policy_who *w, const struct parts *p)
{
        const char *name = strrchr(p->rest, '/') + 1;

        snprintf(w->role_arn, sizeof w->role_arn, "%s", w->arn);
        snprintf(w->arn, sizeof w->arn, "arn:%.*s:sts::%s:assumed-role/%s/" SESSION_NAME, p->partition_n,
                p->partition, w->account, name);
        w->principal.role_arn = w->role_arn;
        w->type = "AssumedRole";
}

static bool is_service(const char *s)
{
        return strchr(s, '.') && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(s);
}

int policy_who_parse(struct policy_who *ret, const char *text, const char *role_arn, struct err *err)
{
        struct policy_who *w = ret;
        struct parts p;

        *w = (struct policy_who){.principal = {.type = POLICY_PRINCIPAL_AWS, .arn = w->arn}};
        if (strlen(text) >= POLICY_WHO_MAX - 64 || (role_arn && strlen(role_arn) >= POLICY_WHO_MAX)) {
                err_set(err, "a principal of that length there is not");
                return -EINVAL;
        }
        snprintf(w->arn, sizeof w->arn, "%s", text);
        if (is_service(text)) {
                w->principal.type = POLICY_PRINCIPAL_SERVICE;
                return 0;
        }
        if (!split(&p, w->arn)) {
                err_set(err,
                        "a principal is an ARN (a user's, role's, role session's or OIDC provider's) or the "
                        "name of a service");
                return -EINVAL;
        }
        memcpy(w->account, p.account, 12);
        w->principal.account = w->account;
        if (is(&p, "sts", "assumed-role/"))
                return be_session(w, &p, role_arn, err);
        if (is(&p, "iam", "role/")) {
                char copy[POLICY_WHO_MAX];

                memcpy(copy, w->arn, sizeof copy); // what p points into is about to change
                (void)split(&p, copy);
                be_role(w, &p);
        } else if (p.service_n == 3 && memcmp(p.service, "iam", 3) == 0 && strcmp(p.rest, "root") == 0) {
                w->principal.root = true;
                w->type = "Account";
        } else if (is(&p, "iam", "user/")) {
                w->type = "User";
        } else if (is(&p, "sts", "federated-user/")) {
                w->type = "FederatedUser";
        } else if (is(&p, "iam", "oidc-provider/") || is(&p, "iam", "saml-provider/")) {
                w->principal.type = POLICY_PRINCIPAL_FEDERATED;
        } else {
                err_set(err, "what kind of principal \"%.100s\" is, is not known here", p.rest);
                return -EINVAL;
        }
        return 0;
}

static int add(struct policy_context *c, const char *key, const char *value)
{
        return !value || policy_context_has(c, key) ? 0 : policy_context_add(c, key, value);
}

int policy_who_to_context(struct policy_context *c, const struct policy_who *w)
{
        const struct policy_principal *p = &w->principal;
        const char *user = w->type && strcmp(w->type, "User") == 0 ? strrchr(w->arn, '/') + 1 : NULL;
        int r;

        if (p->type == POLICY_PRINCIPAL_FEDERATED)
                return 0;
        r = add(c, "aws:PrincipalIsAWSService", p->type == POLICY_PRINCIPAL_SERVICE ? "true" : "false");
        if (r == 0 && p->type == POLICY_PRINCIPAL_SERVICE)
                return add(c, "aws:PrincipalServiceName", p->arn);
        if (r == 0)
                r = add(c, "aws:PrincipalArn", p->role_arn ? p->role_arn : p->arn);
        if (r == 0)
                r = add(c, "aws:PrincipalAccount", p->account);
        if (r == 0)
                r = add(c, "aws:PrincipalType", w->type);
        return r == 0 ? add(c, "aws:username", user) : r;
}

void policy_arn_account(char dst[13], const char *arn)
{
        const char *p = arn;

        dst[0] = 0;
        for (int i = 0; i < 4 && p; i++) {
                p = strchr(p, ':');
                p = p ? p + 1 : NULL;
        }
        if (p && strspn(p, "0123456789") == 12 && p[12] == ':') {
                memcpy(dst, p, 12);
                dst[12] = 0;
        }
}
