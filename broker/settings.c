// SPDX-License-Identifier: Apache-2.0
//
// Where the broker's configuration comes from: the files, or the one file of --config, and below all of them the
// variables by which AWS SDKs are told another STS, in the order of the SDKs and tools reference guide ("Service-specific
// endpoints"). They are the user's own word, as the user's file is.
#include "settings.h"

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

int settings_load(struct config **ret, const char *one_file, struct err *err)
{
        cleanup_free char *user_file = NULL;
        const char *home = secure_getenv("HOME"), *xdg = secure_getenv("XDG_CONFIG_HOME");
        struct config_source source = {.file = one_file, .dirs = config_dirs_system, .check_owner = true};
        int n = 0;

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
        return config_load(ret, &source, err);
}
