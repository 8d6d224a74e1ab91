// SPDX-License-Identifier: Apache-2.0
//
// The directory as a whole: which files there are, one kind after the other, and looking things up.
#include "dir_internal.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>

#include "json.h"
#include "sts.h"

// ---- settings -----------------------------------------------------------------------------------------------------

static int read_settings(struct dir *d, const char *path, struct err *err)
{
        const struct {
                const char *name;
                int64_t *value, min, max, standard;
        } numbers[] = {
                {"min_duration", &d->min_duration_s, 1, STS_DURATION_MIN_S, STS_DURATION_MIN_S},
                {"id_token_ttl", &d->id_token_ttl_s, 1, 86400, 300},
                {"access_token_ttl", &d->access_token_ttl_s, 1, 86400, 300},
                {"refresh_idle", &d->idle_s, 1, 31536000, 1800},
                {"refresh_max", &d->grant_max_s, 1, 31536000, 36000},
                {"device_ttl", &d->device_ttl_s, 1, 86400, 600},
                {"device_interval", &d->interval_s, 0, 600, 1},
        };
        static const char *const known[] = {"account", "min_duration", "id_token_ttl", "access_token_ttl",
                "refresh_idle", "refresh_max", "device_ttl", "device_interval", NULL};
        cleanup_json json_t *j = NULL;
        const char *account;
        int r = dir_read_json(&j, path, d->issuer_name, err);

        if (r == -ENOENT)
                err_set(err, "%s: no such file; is this a directory of the sandbox?", path);
        if (r == 0)
                r = dir_only_known(j, known, path, err);
        if (r < 0)
                return r;
        if (json_get_string(j, "account", 12, &account) < 0 || strlen(account) != 12 ||
                strspn(account, "0123456789") != 12) {
                err_set(err, "%s: \"account\" must have twelve digits", path);
                return -EBADMSG;
        }
        memcpy(d->account, account, 13);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                *numbers[i].value = numbers[i].standard;
                r = json_get_int64(j, numbers[i].name, numbers[i].value);
                if ((r < 0 && r != -ENOENT) || *numbers[i].value < numbers[i].min ||
                        *numbers[i].value > numbers[i].max) {
                        err_set(err, "%s: \"%s\" must be a number from %lld to %lld", path, numbers[i].name,
                                (long long)numbers[i].min, (long long)numbers[i].max);
                        return -EBADMSG;
                }
        }
        return 0;
}

// ---- the kinds -----------------------------------------------------------------------------------------------

// Calls read_one for every entry of one folder, with room for each.
static int read_kind(struct dir *d, const char *top, const char *folder, const char *suffix,
        int (*read_one)(struct dir *d, size_t i, const char *path, const char *name, struct err *err),
        int (*room)(struct dir *d, size_t n), struct err *err)
{
        cleanup_free char *path = NULL;
        char **names = NULL;
        size_t n = 0;
        int r;

        if (asprintf(&path, "%s/%s", top, folder) < 0)
                return -ENOMEM;
        r = dir_names(&names, &n, path, suffix, err);
        if (r == 0 && n)
                r = room(d, n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                cleanup_free char *file = NULL;

                if (asprintf(&file, "%s/%s%s", path, names[i], suffix) < 0)
                        r = -ENOMEM;
                else
                        r = read_one(d, i, file, names[i], err);
        }
        dir_names_free(names, n);
        return r;
}

#define KIND(what, many)                                                                                     \
        static int room_##many(struct dir *d, size_t n)                                                      \
        {                                                                                                    \
                d->many = calloc(n, sizeof *d->many);                                                        \
                return d->many ? 0 : -ENOMEM;                                                                \
        }                                                                                                    \
        static int one_##what(struct dir *d, size_t i, const char *path, const char *name, struct err *err)  \
        {                                                                                                    \
                d->n_##many = i + 1; /* a half-read one is freed too */                                      \
                return dir_read_##what(&d->many[i], d, path, name, err);                                     \
        }
KIND(user, users)
KIND(client, clients)
KIND(provider, providers)
KIND(policy, policies)
KIND(role, roles)
#undef KIND

int dir_load(struct dir **ret, const char *path, const char *issuer_name, struct err *err)
{
        _cleanup_(dir_freep) struct dir *d = calloc(1, sizeof *d);
        cleanup_free char *settings = NULL;
        int r;

        if (!d || !(d->issuer_name = strdup(issuer_name)) ||
                asprintf(&settings, "%s/settings.json", path) < 0)
                return -ENOMEM;
        if ((r = read_settings(d, settings, err)) < 0 ||
                (r = read_kind(d, path, "users", ".json", one_user, room_users, err)) < 0 ||
                (r = read_kind(d, path, "clients", ".json", one_client, room_clients, err)) < 0 ||
                (r = read_kind(d, path, "providers", ".json", one_provider, room_providers, err)) < 0 ||
                (r = read_kind(d, path, "policies", ".json", one_policy, room_policies, err)) < 0 ||
                (r = dir_read_controls(d, path, err)) < 0 ||
                (r = read_kind(d, path, "roles", "", one_role, room_roles, err)) < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

static void free_roles(struct dir *d)
{
        for (size_t i = 0; i < d->n_roles; i++) {
                struct dir_role *r = &d->roles[i];

                dir_policies_free(r->inlined, r->n_inline);
                for (size_t k = 0; k < r->n_attached; k++)
                        free(r->attached[k].arn);
                free(r->attached);
                free(r->boundary.arn);
                policy_free(r->trust);
                free(r->trust_text);
                free(r->arn);
                free(r->account);
                free(r->name);
        }
        free(d->roles);
}

struct dir *dir_free(struct dir *d)
{
        if (!d)
                return NULL;
        for (size_t i = 0; i < d->n_users; i++) {
                free(d->users[i].name);
                json_decref(d->users[i].claims);
        }
        for (size_t i = 0; i < d->n_clients; i++) {
                free(d->clients[i].id);
                json_decref(d->clients[i].doc);
        }
        for (size_t i = 0; i < d->n_providers; i++) {
                free(d->providers[i].arn);
                free(d->providers[i].name);
                free(d->providers[i].url);
                free(d->providers[i].account);
                free(d->providers[i].ca_file);
                json_decref(d->providers[i].client_ids);
        }
        free_roles(d);
        dir_policies_free(d->policies, d->n_policies);
        dir_policies_free(d->controls, d->n_controls);
        free(d->users);
        free(d->clients);
        free(d->providers);
        free(d->issuer_name);
        free(d);
        return NULL;
}

// ---- looking things up ---------------------------------------------------------------------------------------------

const struct dir_user *dir_find_user(const struct dir *d, const char *name)
{
        for (size_t i = 0; name && i < d->n_users; i++)
                if (strcmp(d->users[i].name, name) == 0)
                        return &d->users[i];
        return NULL;
}

const struct dir_user *dir_find_subject(const struct dir *d, const char *sub)
{
        for (size_t i = 0; sub && i < d->n_users; i++)
                if (strcmp(d->users[i].sub, sub) == 0)
                        return &d->users[i];
        return NULL;
}

const struct dir_client *dir_find_client(const struct dir *d, const char *id)
{
        for (size_t i = 0; id && i < d->n_clients; i++)
                if (strcmp(d->clients[i].id, id) == 0)
                        return &d->clients[i];
        return NULL;
}

const struct dir_provider *dir_find_provider(const struct dir *d, const char *account, const char *issuer)
{
        for (size_t i = 0; i < d->n_providers; i++)
                if (strcmp(d->providers[i].account, account) == 0 && strcmp(d->providers[i].url, issuer) == 0)
                        return &d->providers[i];
        return NULL;
}

const struct dir_policy *dir_find_policy(const struct dir *d, const char *arn)
{
        const char *name = strstr(arn, ":policy/") ? strrchr(arn, '/') + 1 : arn;

        for (size_t i = 0; i < d->n_policies; i++)
                if (strcmp(d->policies[i].name, name) == 0)
                        return &d->policies[i];
        return NULL;
}

const struct dir_role *dir_find_role(const struct dir *d, const char *arn)
{
        for (size_t i = 0; arn && i < d->n_roles; i++)
                if (strcmp(d->roles[i].arn, arn) == 0)
                        return &d->roles[i];
        return NULL;
}

int dir_default_path(char **ret)
{
        static const char *const beside[] = {
                "/../sandbox/example", "/../../sandbox/example", "/../../../sandbox/example"};
        char exe[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

        if (n > 0) {
                char *dir;

                exe[n] = 0;
                dir = dirname(exe);
                for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
                        cleanup_free char *p = NULL, *settings = NULL;

                        if (asprintf(&p, "%s%s", dir, beside[i]) < 0 ||
                                asprintf(&settings, "%s/settings.json", p) < 0)
                                return -ENOMEM;
                        if (access(settings, R_OK) == 0) {
                                *ret = TAKE_PTR(p);
                                return 0;
                        }
                }
        }
        *ret = strdup(PATH_DATA "/sandbox-example");
        return *ret ? 0 : -ENOMEM;
}
