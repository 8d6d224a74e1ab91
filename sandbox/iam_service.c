// SPDX-License-Identifier: Apache-2.0
//
// Which operation is asked for, by whom, and of what; and whether he may.
#include "iam_internal.h"

#include <stdio.h>

#include "form.h"

static const struct {
        const char *action;
        void (*handle)(const struct iam_call *c);
} operations[] = {
        {"GetRole", iam_get_role},
        {"ListRolePolicies", iam_list_role_policies},
        {"GetRolePolicy", iam_get_role_policy},
        {"ListAttachedRolePolicies", iam_list_attached_role_policies},
        {"GetPolicy", iam_get_policy},
        {"GetPolicyVersion", iam_get_policy_version},
        {"GetContextKeysForPrincipalPolicy", iam_get_context_keys_for_principal_policy},
        {"SimulatePrincipalPolicy", iam_simulate_principal_policy},
};

const char *iam_operation_name(const struct web_request *r)
{
        const char *action = web_param(r, "Action");

        for (size_t i = 0; action && i < ARRAY_SIZE(operations); i++)
                if (strcmp(operations[i].action, action) == 0)
                        return operations[i].action;
        return "iam.other";
}

void iam_handle(struct web_request *r)
{
        const char *action = web_param(r, "Action");
        struct iam_call c = {.r = r};
        char message[160], clean[64];

        for (size_t i = 0; action && i < ARRAY_SIZE(operations); i++) {
                if (strcmp(operations[i].action, action) != 0)
                        continue;
                c.caller = sts_authenticate(r, "iam", c.region);
                if (c.caller)
                        operations[i].handle(&c);
                return;
        }
        if (!action) {
                sts_refuse(r, 400, "MissingAction", "The request must contain the parameter Action", NULL);
                return;
        }
        err_sanitise(clean, sizeof clean, action, strlen(action));
        snprintf(message, sizeof message, "Could not find operation %s for version " IAM_VERSION, clean);
        sts_refuse(r, 400, "InvalidAction", message,
                "the sandbox's IAM reads roles and policies and simulates them; it writes nothing");
}

const char *iam_need(const struct iam_call *c, const char *name)
{
        const char *value = web_param(c->r, name);
        char message[200];

        if (value && *value)
                return value;
        snprintf(message, sizeof message,
                "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must "
                "not be null",
                name);
        sts_refuse(c->r, 400, "ValidationError", message, NULL);
        return NULL;
}

void iam_no_such_entity(const struct iam_call *c, const char *what)
{
        char message[512];

        snprintf(message, sizeof message, "%s cannot be found.", what);
        sts_refuse(c->r, 404, "NoSuchEntity", message, NULL);
}

const struct dir_role *iam_find_role(const struct iam_call *c, const char *action)
{
        const struct dir *d = c->r->cloud->dir;
        const char *name = iam_need(c, "RoleName");
        const struct dir_role *role = NULL;
        char arn[160], shown[96], clean[65];

        if (!name)
                return NULL;
        err_sanitise(clean, sizeof clean, name, strlen(name));
        for (size_t i = 0; i < d->n_roles && !role; i++)
                if (strcmp(d->roles[i].name, name) == 0 &&
                        strcmp(d->roles[i].account, c->caller->account) == 0)
                        role = &d->roles[i];
        snprintf(arn, sizeof arn, "arn:aws:iam::%s:role/%s", c->caller->account, clean);
        snprintf(shown, sizeof shown, "role %s", clean);
        // May he ask, before it is said whether there is one.
        if (!access_check(c->r, c->caller, c->region, action, role ? role->arn : arn, shown))
                return NULL;
        if (!role) {
                snprintf(shown, sizeof shown, "The role with name %s", clean);
                iam_no_such_entity(c, shown);
        }
        return role;
}

const struct dir_policy *iam_find_policy(const struct iam_call *c, const char *action)
{
        const char *arn = iam_need(c, "PolicyArn");
        const struct dir_policy *p;
        char shown[320], clean[256];

        if (!arn)
                return NULL;
        err_sanitise(clean, sizeof clean, arn, strlen(arn));
        snprintf(shown, sizeof shown, "policy %s", clean);
        if (!access_check(c->r, c->caller, c->region, action, arn, shown))
                return NULL;
        p = dir_find_policy(c->r->cloud->dir, arn);
        if (!p) {
                snprintf(shown, sizeof shown, "Policy %s", clean);
                iam_no_such_entity(c, shown);
        }
        return p;
}

int iam_xml_document(struct buf *b, const char *element, const char *text)
{
        buf_printf(b, "<%s>", element);
        form_encode(b, text, strlen(text));
        return buf_printf(b, "</%s>", element);
}
