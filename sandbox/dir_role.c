// SPDX-License-Identifier: Apache-2.0
//
// What stands in the folder of a role, and the policies: inlined in it, managed, the organisation's.
#include "dir_internal.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "json.h"
#include "sts.h"

// An identifier that stays the same from run to run: "AROA" and 17 characters made of the ARN.
static void role_id(char ret[22], const char *arn)
{
        static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        unsigned char h[SHA256_DIGEST_LENGTH];

        SHA256((const unsigned char *)arn, strlen(arn), h);
        memcpy(ret, "AROA", 4);
        for (int i = 0; i < 17; i++)
                ret[4 + i] = base32[h[i] & 31];
        ret[21] = 0;
}

// The document, and its text where ret_text is not NULL. -ENOENT stays silent.
static int read_document(struct policy **ret, char **ret_text, enum policy_kind kind, const struct dir *d,
        const char *path, struct err *err)
{
        cleanup_buf struct buf b = BUF_INIT(2 * DIR_FILE_MAX);
        int r = dir_read_text(&b, path, d->issuer_name, err);

        if (r < 0)
                return r;
        r = policy_parse(ret, kind, buf_str(&b), b.n, err);
        if (r < 0)
                err_prefix(err, "%s: ", path);
        return r < 0 ? r : buf_take_str(&b, ret_text);
}

// policies/NAME.json, roles/NAME/policies/NAME.json
int dir_read_policy(
        struct dir_policy *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        ret->name = strdup(name);
        return ret->name ? read_document(&ret->policy, &ret->text, POLICY_IDENTITY, d, path, err) : -ENOMEM;
}

void dir_policies_free(struct dir_policy *p, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(p[i].name);
                free(p[i].text);
                policy_free(p[i].policy);
        }
        free(p);
}

// All of a folder, behind those that are there already.
static int read_folder(struct dir_policy **list, size_t *n, const struct dir *d, const char *folder,
        unsigned level, struct err *err)
{
        char **names = NULL;
        size_t many = 0;
        int r = dir_names(&names, &many, folder, ".json", err);
        struct dir_policy *p = r == 0 && many ? realloc(*list, (*n + many) * sizeof *p) : *list;

        if (r == 0 && many && !p)
                r = -ENOMEM;
        else
                *list = p;
        for (size_t i = 0; r == 0 && i < many; i++) {
                cleanup_free char *file = NULL;

                if (asprintf(&file, "%s/%s.json", folder, names[i]) < 0) {
                        file = NULL;
                        r = -ENOMEM;
                        break;
                }
                p[*n] = (struct dir_policy){.level = level};
                r = dir_read_policy(&p[(*n)++], d, file, names[i], err);
        }
        dir_names_free(names, many);
        return r;
}

int dir_read_controls(struct dir *d, const char *top, struct err *err)
{
        cleanup_free char *folder = NULL;
        char **levels = NULL;
        size_t n = 0;
        int r;

        if (asprintf(&folder, "%s/service-control-policies", top) < 0) {
                folder = NULL;
                return -ENOMEM;
        }
        r = dir_names(&levels, &n, folder, "", err);
        if (r == 0 && n > POLICY_LEVELS_MAX)
                r = dir_bad(err, folder, "an organisation has no more than 8 levels");
        for (size_t i = 0; r == 0 && i < n; i++) {
                cleanup_free char *level = NULL;

                if (asprintf(&level, "%s/%s", folder, levels[i]) < 0) {
                        level = NULL;
                        r = -ENOMEM;
                } else {
                        r = read_folder(&d->controls, &d->n_controls, d, level, (unsigned)i, err);
                }
        }
        dir_names_free(levels, n);
        return r;
}

// "arn:aws:iam::aws:policy/ReadOnlyAccess", or the name of a policy of the directory's account.
static int attach(
        struct dir_attachment *ret, const struct dir *d, const json_t *v, const char *path, struct err *err)
{
        const char *s = json_string_value(v);

        ret->managed = s ? dir_find_policy(d, s) : NULL;
        if (!ret->managed) {
                err_set(err, "%s: the policy %.200s is not in the folder policies", path,
                        s ? s : "that is no string");
                return -EBADMSG;
        }
        if (strncmp(s, "arn:", 4) == 0)
                ret->arn = strdup(s);
        else if (asprintf(&ret->arn, "arn:aws:iam::%s:policy/%s", d->account, s) < 0)
                ret->arn = NULL;
        return ret->arn ? 0 : -ENOMEM;
}

static int read_attachments(
        struct dir_role *ret, const struct dir *d, const json_t *j, const char *path, struct err *err)
{
        const json_t *list = json_object_get(j, "AttachedPolicies"),
                     *boundary = json_object_get(j, "PermissionsBoundary");
        int r = boundary ? attach(&ret->boundary, d, boundary, path, err) : 0;

        if (r < 0 || !list)
                return r;
        if (!json_is_array(list))
                return dir_bad(err, path, "\"AttachedPolicies\" must be a list");
        ret->attached = calloc(json_array_size(list) + 1, sizeof *ret->attached);
        if (!ret->attached)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
                r = attach(&ret->attached[ret->n_attached++], d, json_array_get(list, i), path, err);
        return r;
}

// roles/NAME/role.json, optional: as "aws iam get-role" shows it.
static int read_role_settings(
        struct dir_role *ret, const struct dir *d, const char *folder, const char *name, struct err *err)
{
        static const char *const known[] = {
                "Arn", "MaxSessionDuration", "AttachedPolicies", "PermissionsBoundary", NULL};
        cleanup_free char *path = NULL, *own = NULL;
        cleanup_json json_t *j = NULL;
        char account[13], role[65];
        const char *arn;
        int r;

        if (asprintf(&path, "%s/role.json", folder) < 0 ||
                asprintf(&own, "arn:aws:iam::%s:role/%s", d->account, name) < 0)
                return -ENOMEM;
        arn = own;
        ret->max_duration_s = 3600;
        r = dir_read_json(&j, path, d->issuer_name, err);
        if (r == 0)
                r = dir_only_known(j, known, path, err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (j) {
                r = json_get_string(j, "Arn", 2048, &arn);
                if (r < 0 && r != -ENOENT)
                        return dir_bad(err, path, "\"Arn\" must be a role's ARN");
                r = json_get_int64(j, "MaxSessionDuration", &ret->max_duration_s);
        }
        if ((r < 0 && r != -ENOENT) || ret->max_duration_s < 3600 || ret->max_duration_s > STS_DURATION_MAX_S)
                return dir_bad(err, path, "MaxSessionDuration must be 3600 to 43200");
        if (sts_role_arn_parse(arn, NULL, account, role) < 0 || !dir_is_account(account))
                return dir_bad(err, path, "\"Arn\" must be a role's ARN");
        ret->arn = strdup(arn);
        ret->account = strdup(account);
        ret->name = strdup(role);
        if (!ret->arn || !ret->account || !ret->name)
                return -ENOMEM;
        role_id(ret->id, arn);
        return j ? read_attachments(ret, d, j, path, err) : 0;
}

// roles/NAME/: trust-policy.json, role.json and what it may do in policies/*.json.
int dir_read_role(
        struct dir_role *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        cleanup_free char *trust = NULL, *folder = NULL;
        int r = read_role_settings(ret, d, path, name, err);

        if (r < 0)
                return r;
        if (asprintf(&trust, "%s/trust-policy.json", path) < 0 || asprintf(&folder, "%s/policies", path) < 0)
                return -ENOMEM;
        r = read_document(&ret->trust, &ret->trust_text, POLICY_TRUST, d, trust, err);
        if (r == -ENOENT)
                return dir_bad(err, trust, "a role needs a trust policy");
        return r < 0 ? r : read_folder(&ret->inlined, &ret->n_inline, d, folder, 0, err);
}
