// SPDX-License-Identifier: Apache-2.0
//
// What stands in one file: a user, a client, a provider.
#include "dir_internal.h"

#include <stdio.h>

#include "form.h"
#include "json.h"

int dir_bad(struct err *err, const char *path, const char *what)
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
                return dir_bad(err, path, "needs \"sub\", a string of 1 to 255 characters");
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
                return dir_bad(err, path, "\"alg\" must be RS256, RS384, RS512, PS256 or ES256");
        r = json_get_string(ret->doc, "secret", 255, &ret->secret);
        if (r == 0 || r == -ENOENT)
                r = json_get_string(ret->doc, "azp", 255, &ret->azp);
        if (r < 0 && r != -ENOENT)
                return dir_bad(err, path, "\"secret\" and \"azp\" must be strings");
        ret->redirect_uris = json_object_get(ret->doc, "redirect_uris");
        if (ret->redirect_uris && !json_is_array(ret->redirect_uris))
                return dir_bad(err, path, "\"redirect_uris\" must be a list");
        return 0;
}

bool dir_is_account(const char *s)
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
                return dir_bad(err, path, "needs \"Url\", the issuer: https anywhere, http on loopback");
        r = json_get_string(j, "Account", 12, &account);
        if ((r < 0 && r != -ENOENT) || !dir_is_account(account))
                return dir_bad(err, path, "\"Account\" must have twelve digits");
        r = json_get_string(j, "CaFile", 4095, &ca);
        if (r < 0 && r != -ENOENT)
                return dir_bad(err, path, "\"CaFile\" must be a path");
        ret->client_ids = json_incref(json_object_get(j, "ClientIDList"));
        if (!json_is_array(ret->client_ids) || json_array_size(ret->client_ids) == 0)
                return dir_bad(err, path, "needs \"ClientIDList\"");
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
