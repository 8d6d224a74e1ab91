// SPDX-License-Identifier: Apache-2.0
//
// Reading roles and policies. Dates are the epoch: files have no date of creation that would mean anything here.
#include "iam_internal.h"

#include <stdio.h>

#define CREATED "1970-01-01T00:00:00Z"
#define VERSION "v1" // a file is the only version there is

// "/", "/team/": what stands between the kind and the name.
static void path_of(char *ret, size_t n, const char *arn)
{
        const char *start = strchr(arn, '/'), *end = strrchr(arn, '/');

        if (!start)
                snprintf(ret, n, "/");
        else
                snprintf(ret, n, "%.*s", (int)(end - start) + 1, start);
}

static void list_end(struct buf *b)
{
        xml_text(b, "IsTruncated", "false");
}

void iam_get_role(const struct iam_call *c)
{
        const struct dir_role *role = iam_find_role(c, "iam:GetRole");
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);
        char path[600];

        if (!role)
                return;
        path_of(path, sizeof path, role->arn);
        buf_append_str(&b, "<Role>");
        xml_text(&b, "Path", path);
        xml_text(&b, "RoleName", role->name);
        xml_text(&b, "RoleId", role->id);
        xml_text(&b, "Arn", role->arn);
        xml_text(&b, "CreateDate", CREATED);
        iam_xml_document(&b, "AssumeRolePolicyDocument", role->trust_text);
        xml_int(&b, "MaxSessionDuration", role->max_duration_s);
        if (role->boundary.arn) {
                buf_append_str(&b, "<PermissionsBoundary>");
                xml_text(&b, "PermissionsBoundaryType", "Policy");
                xml_text(&b, "PermissionsBoundaryArn", role->boundary.arn);
                buf_append_str(&b, "</PermissionsBoundary>");
        }
        buf_append_str(&b, "</Role>");
        xml_reply_result(c->r, "GetRole", &b);
}

void iam_list_role_policies(const struct iam_call *c)
{
        const struct dir_role *role = iam_find_role(c, "iam:ListRolePolicies");
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);

        if (!role)
                return;
        buf_append_str(&b, "<PolicyNames>");
        for (size_t i = 0; i < role->n_inline; i++)
                xml_text(&b, "member", role->inlined[i].name);
        buf_append_str(&b, "</PolicyNames>");
        list_end(&b);
        xml_reply_result(c->r, "ListRolePolicies", &b);
}

void iam_get_role_policy(const struct iam_call *c)
{
        const struct dir_role *role = iam_find_role(c, "iam:GetRolePolicy");
        const char *name = role ? iam_need(c, "PolicyName") : NULL;
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);
        char what[256], clean[129];

        if (!name)
                return;
        for (size_t i = 0; i < role->n_inline; i++) {
                if (strcmp(role->inlined[i].name, name) != 0)
                        continue;
                xml_text(&b, "RoleName", role->name);
                xml_text(&b, "PolicyName", name);
                iam_xml_document(&b, "PolicyDocument", role->inlined[i].text);
                xml_reply_result(c->r, "GetRolePolicy", &b);
                return;
        }
        snprintf(what, sizeof what, "The role policy with name %s",
                err_sanitise(clean, sizeof clean, name, strlen(name)));
        iam_no_such_entity(c, what);
}

void iam_list_attached_role_policies(const struct iam_call *c)
{
        const struct dir_role *role = iam_find_role(c, "iam:ListAttachedRolePolicies");
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);

        if (!role)
                return;
        buf_append_str(&b, "<AttachedPolicies>");
        for (size_t i = 0; i < role->n_attached; i++) {
                buf_append_str(&b, "<member>");
                xml_text(&b, "PolicyName", role->attached[i].managed->name);
                xml_text(&b, "PolicyArn", role->attached[i].arn);
                buf_append_str(&b, "</member>");
        }
        buf_append_str(&b, "</AttachedPolicies>");
        list_end(&b);
        xml_reply_result(c->r, "ListAttachedRolePolicies", &b);
}

static int count_attachments(const struct dir *d, const struct dir_policy *p)
{
        int n = 0;

        for (size_t i = 0; i < d->n_roles; i++)
                for (size_t k = 0; k < d->roles[i].n_attached; k++)
                        n += d->roles[i].attached[k].managed == p;
        return n;
}

void iam_get_policy(const struct iam_call *c)
{
        const struct dir_policy *p = iam_find_policy(c, "iam:GetPolicy");
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);

        if (!p)
                return;
        buf_append_str(&b, "<Policy>");
        xml_text(&b, "PolicyName", p->name);
        xml_text(&b, "Arn", web_param(c->r, "PolicyArn"));
        xml_text(&b, "Path", "/");
        xml_text(&b, "DefaultVersionId", VERSION);
        xml_int(&b, "AttachmentCount", count_attachments(c->r->cloud->dir, p));
        xml_text(&b, "IsAttachable", "true");
        xml_text(&b, "CreateDate", CREATED);
        xml_text(&b, "UpdateDate", CREATED);
        buf_append_str(&b, "</Policy>");
        xml_reply_result(c->r, "GetPolicy", &b);
}

void iam_get_policy_version(const struct iam_call *c)
{
        const struct dir_policy *p = iam_find_policy(c, "iam:GetPolicyVersion");
        const char *version = p ? iam_need(c, "VersionId") : NULL;
        cleanup_buf struct buf b = BUF_INIT(IAM_ANSWER_MAX);

        if (!version)
                return;
        if (strcmp(version, VERSION) != 0) {
                iam_no_such_entity(c, "This version of the policy");
                return;
        }
        buf_append_str(&b, "<PolicyVersion>");
        iam_xml_document(&b, "Document", p->text);
        xml_text(&b, "VersionId", VERSION);
        xml_text(&b, "IsDefaultVersion", "true");
        xml_text(&b, "CreateDate", CREATED);
        buf_append_str(&b, "</PolicyVersion>");
        xml_reply_result(c->r, "GetPolicyVersion", &b);
}
