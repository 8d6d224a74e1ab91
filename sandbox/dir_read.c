// SPDX-License-Identifier: Apache-2.0
//
// What stands in one file: a user, a client, a provider, a role.
#include "dir_internal.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "form.h"
#include "json.h"
#include "sts.h"

static int bad(struct err *err, const char *path, const char *what)
{
        err_set(err, "%s: %s", path, what);
        return -EBADMSG;
}

// users/NAME.json: the claims of the user, as they go into tokens.
int dir_read_user(
        struct dir_user *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        int r = dir_read_json(&ret->claims, path, d->issuer_name, err);

        if (r < 0)
                return r;
        ret->name = strdup(name);
        if (!ret->name)
                return -ENOMEM;
        if (json_get_string(ret->claims, "sub", 255, &ret->sub) < 0 || !*ret->sub)
                return bad(err, path, "needs \"sub\", a string of 1 to 255 characters");
        return 0;
}

// clients/ID.json
int dir_read_client(
        struct dir_client *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        static const char *const known[] = {"alg", "secret", "azp", "redirect_uris", NULL};
        static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "ES256", NULL};
        const char *const *a = algs;
        int r = dir_read_json(&ret->doc, path, d->issuer_name, err);

        if (r == 0)
                r = dir_only_known(ret->doc, known, path, err);
        if (r < 0)
                return r;
        ret->id = strdup(name);
        if (!ret->id)
                return -ENOMEM;
        ret->alg = "RS256";
        r = json_get_string(ret->doc, "alg", 16, &ret->alg);
        while (*a && strcmp(*a, ret->alg) != 0)
                a++;
        if ((r < 0 && r != -ENOENT) || !*a)
                return bad(err, path, "\"alg\" must be RS256, RS384, RS512, PS256 or ES256");
        r = json_get_string(ret->doc, "secret", 255, &ret->secret);
        if (r == 0 || r == -ENOENT)
                r = json_get_string(ret->doc, "azp", 255, &ret->azp);
        if (r < 0 && r != -ENOENT)
                return bad(err, path, "\"secret\" and \"azp\" must be strings");
        ret->redirect_uris = json_object_get(ret->doc, "redirect_uris");
        if (ret->redirect_uris && !json_is_array(ret->redirect_uris))
                return bad(err, path, "\"redirect_uris\" must be a list");
        return 0;
}

static bool is_account(const char *s)
{
        return strlen(s) == 12 && strspn(s, "0123456789") == 12;
}

// providers/NAME.json: as "aws iam get-open-id-connect-provider" shows one.
int dir_read_provider(
        struct dir_provider *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        static const char *const known[] = {
                "Url", "ClientIDList", "ThumbprintList", "Account", "CaFile", NULL};
        cleanup_json json_t *j = NULL;
        const char *url, *account = d->account, *ca = NULL;
        int r = dir_read_json(&j, path, d->issuer_name, err);

        (void)name;
        if (r == 0)
                r = dir_only_known(j, known, path, err);
        if (r < 0)
                return r;
        if (json_get_string(j, "Url", 255, &url) < 0 || url_check_callable(url, err) < 0)
                return bad(err, path, "needs \"Url\", the issuer: https anywhere, http on loopback");
        r = json_get_string(j, "Account", 12, &account);
        if ((r < 0 && r != -ENOENT) || !is_account(account))
                return bad(err, path, "\"Account\" must have twelve digits");
        r = json_get_string(j, "CaFile", 4095, &ca);
        if (r < 0 && r != -ENOENT)
                return bad(err, path, "\"CaFile\" must be a path");
        ret->client_ids = json_incref(json_object_get(j, "ClientIDList"));
        if (!json_is_array(ret->client_ids) || json_array_size(ret->client_ids) == 0)
                return bad(err, path, "needs \"ClientIDList\"");
        ret->url = strdup(url);
        ret->name = strdup(strstr(url, "://") + 3);
        ret->account = strdup(account);
        ret->ca_file = ca ? strdup(ca) : NULL;
        if (!ret->url || !ret->name || !ret->account || (ca && !ret->ca_file))
                return -ENOMEM;
        if (asprintf(&ret->arn, "arn:aws:iam::%s:oidc-provider/%s", account, ret->name) < 0) {
                ret->arn = NULL;
                return -ENOMEM;
        }
        return 0;
}

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

static int read_policy(
        struct policy **ret, enum policy_kind kind, const struct dir *d, const char *path, struct err *err)
{
        cleanup_buf struct buf b = BUF_INIT(2 * DIR_FILE_MAX);
        int r = dir_read_text(&b, path, d->issuer_name, err);

        if (r == 0) {
                r = policy_parse(ret, kind, buf_str(&b), b.n, err);
                if (r < 0)
                        err_prefix(err, "%s: ", path);
        }
        return r;
}

// roles/NAME/role.json, optional: as "aws iam get-role" shows it.
static int read_role_settings(
        struct dir_role *ret, const struct dir *d, const char *folder, const char *name, struct err *err)
{
        static const char *const known[] = {"Arn", "MaxSessionDuration", NULL};
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
                        return bad(err, path, "\"Arn\" must be a role's ARN");
                r = json_get_int64(j, "MaxSessionDuration", &ret->max_duration_s);
        }
        if ((r < 0 && r != -ENOENT) || ret->max_duration_s < 3600 || ret->max_duration_s > STS_DURATION_MAX_S)
                return bad(err, path, "MaxSessionDuration must be 3600 to 43200");
        if (sts_role_arn_parse(arn, NULL, account, role) < 0 || !is_account(account))
                return bad(err, path, "\"Arn\" must be a role's ARN");
        ret->arn = strdup(arn);
        ret->account = strdup(account);
        ret->name = strdup(role);
        if (!ret->arn || !ret->account || !ret->name)
                return -ENOMEM;
        role_id(ret->id, arn);
        return 0;
}

// roles/NAME/: trust-policy.json, role.json and what it may do in policies/*.json.
int dir_read_role(
        struct dir_role *ret, const struct dir *d, const char *path, const char *name, struct err *err)
{
        cleanup_free char *trust = NULL, *folder = NULL;
        char **names = NULL;
        size_t n = 0;
        int r = read_role_settings(ret, d, path, name, err);

        if (r < 0)
                return r;
        if (asprintf(&trust, "%s/trust-policy.json", path) < 0 || asprintf(&folder, "%s/policies", path) < 0)
                return -ENOMEM;
        r = read_policy(&ret->trust, POLICY_TRUST, d, trust, err);
        if (r == -ENOENT)
                return bad(err, trust, "a role needs a trust policy");
        if (r == 0)
                r = dir_names(&names, &n, folder, ".json", err);
        if (r == 0 && n) {
                ret->identity = calloc(n, sizeof *ret->identity);
                r = ret->identity ? 0 : -ENOMEM;
        }
        for (size_t i = 0; r == 0 && i < n; i++) {
                cleanup_free char *file = NULL;

                if (asprintf(&file, "%s/%s.json", folder, names[i]) < 0)
                        r = -ENOMEM;
                else
                        r = read_policy(&ret->identity[ret->n_identity], POLICY_IDENTITY, d, file, err);
                if (r == 0)
                        ret->n_identity++;
        }
        dir_names_free(names, n);
        return r;
}
