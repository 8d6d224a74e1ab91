// SPDX-License-Identifier: Apache-2.0
#include "door.h"

#include "json.h"

#include <stdio.h>

#define TEXT_MAX_ 4096u

static const json_t *find(const json_t *array, const char *name)
{
        const json_t *o;
        const char *s;
        size_t i;

        json_array_foreach(array, i,
                o) if (json_get_string(o, "name", TEXT_MAX_, &s) == 0 && strcmp(s, name) == 0) return o;
        return NULL;
}

static enum outcome check_signed_in(const json_t *status, const json_t *role, struct err *err)
{
        const char *identity = NULL, *state = NULL;
        const json_t *o = NULL;

        if (json_get_string(role, "identity", TEXT_MAX_, &identity) == 0)
                o = find(json_object_get(status, "identities"), identity);
        if (!o || json_get_string(o, "state", TEXT_MAX_, &state) < 0 || strcmp(state, "signed-in") == 0)
                return OUTCOME_OK;
        err_set(err, "nobody is signed in as %.100s; run: valetkey login %.100s", identity, identity);
        return OUTCOME_NEEDS_LOGIN;
}

static enum outcome fill(struct door *d, const json_t *endpoint, const char *role, struct err *err)
{
        const char *url, *token_file;

        if (json_get_string(endpoint, "url", TEXT_MAX_, &url) < 0 ||
                json_get_string(endpoint, "token_file", TEXT_MAX_, &token_file) < 0) {
                err_set(err, "the credential broker has no loopback port; --static does without");
                return OUTCOME_MISCONFIGURED;
        }
        if (asprintf(&d->uri, "%s/credentials/role/%s", url, role) < 0)
                d->uri = NULL;
        d->token_file = strdup(token_file);
        return d->uri && d->token_file ? OUTCOME_OK : OUTCOME_INTERNAL;
}

static enum outcome fill_region(struct door *d, const json_t *role)
{
        const char *region;

        if (json_get_string(role, "region", TEXT_MAX_, &region) < 0)
                return OUTCOME_OK;
        d->region = strdup(region);
        return d->region ? OUTCOME_OK : OUTCOME_INTERNAL;
}

enum outcome door_get(struct door *ret, const struct role_choice *role, bool want_endpoint, struct err *err)
{
        enum outcome o = check_signed_in(role->status, role->role, err);

        *ret = (struct door){0};
        if (o == OUTCOME_OK)
                o = fill_region(ret, role->role);
        if (o == OUTCOME_OK && want_endpoint)
                o = fill(ret, json_object_get(role->status, "endpoint"), role->name, err);
        if (o != OUTCOME_OK)
                door_deinit(ret);
        return o;
}

void door_deinit(struct door *d)
{
        free(d->uri);
        free(d->token_file);
        free(d->region);
        *d = (struct door){0};
}
