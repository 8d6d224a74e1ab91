// SPDX-License-Identifier: Apache-2.0
//
// Where the broker's configuration comes from: the files, or the one file of --config, and below all of them the
// variables by which AWS SDKs are told another STS, in the order of the SDKs and tools reference guide ("Service-specific
// endpoints"). They are the user's own word, as the user's file is.
#include "settings.h"

#include "client_secret.h"

#include <stdio.h>

static const char *variable(const char *name)
{
        const char *v = secure_getenv(name);

        return v && v[0] ? v : NULL;
}

static void add_endpoint(struct config_source *s)
{
        static const char *const names[] = {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"};
        const char *ignore = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

        if (ignore && strcasecmp(ignore, "true") == 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(names) && !s->sts_endpoint; i++) {
                s->sts_endpoint = variable(names[i]);
                s->sts_endpoint_from = names[i];
        }
}

// What a broker could not begin with is a fault of the configuration: one that runs goes on with the old one.
static int check_client_secrets(const struct config *c, struct err *err)
{
        for (size_t i = 0; i < c->n_identities; i++) {
                cleanup_secret struct secret *secret = NULL;
                const char *path = c->identities[i].client_secret_file;
                int r = path ? client_secret_read(&secret, path, err) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

int settings_load(struct config **ret, const char *one_file, struct err *err)
{
        _cleanup_(config_unrefp) struct config *c = NULL;
        cleanup_free char *user_file = NULL;
        const char *home = secure_getenv("HOME"), *xdg = secure_getenv("XDG_CONFIG_HOME");
        struct config_source source = {.file = one_file, .dirs = config_dirs_system, .check_owner = true};
        int n = 0, r;

        add_endpoint(&source);
        if (xdg && xdg[0] == '/')
                n = asprintf(&user_file, "%s/valetkey/valetkey.conf", xdg);
        else if (home && home[0] == '/')
                n = asprintf(&user_file, "%s/.config/valetkey/valetkey.conf", home);
        if (n < 0) {
                user_file = NULL;
                return -ENOMEM;
        }
        source.user_file = user_file;
        r = config_load(&c, &source, err);
        if (r == 0)
                r = check_client_secrets(c, err);
        if (r == 0)
                *ret = TAKE_PTR(c);
        return r;
}
