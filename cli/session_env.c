// SPDX-License-Identifier: Apache-2.0
//
// The table. Every SDK looks at the environment first, and they disagree on what counts where two variables say
// different things; so exactly one of each such pair is left. What is cleared is cleared because it stands in front of
// the endpoint in at least one SDK's chain (contracts are quoted in valetkey-sdks(7)).
#include "session_env.h"

#include "session_vars.h"

enum what {
        CLEAR,
        URI,
        TOKEN,
        TOKEN_FILE,
        KEY_ID,
        SECRET,
        SESSION,
        EXPIRATION,
        REGION,
        NO_IMDS,
        ROLE,
        CONFIG,
        CREDENTIALS,
        BOTO,
        NO_PROXY
};

static const struct variable {
        const char *name;
        enum what what;
} table[] = {
        // What is handed out: the endpoint, or keys. Of the two URIs botocore and Java take the relative one, Go and
        // JavaScript the full one; of the two tokens JavaScript takes the one in the environment, the others the file.
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", URI},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CLEAR},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", TOKEN_FILE},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN},
        {"AWS_ACCESS_KEY_ID", KEY_ID},
        {"AWS_SECRET_ACCESS_KEY", SECRET},
        {"AWS_SESSION_TOKEN", SESSION},
        {"AWS_CREDENTIAL_EXPIRATION", EXPIRATION},
        // Keys under older names: botocore reads the token's, Go the pair's.
        {"AWS_SECURITY_TOKEN", CLEAR},
        {"AWS_ACCESS_KEY", CLEAR},
        {"AWS_SECRET_KEY", CLEAR},
        // Ruby takes what the first SDKs called it before it takes any file or endpoint.
        {"AMAZON_ACCESS_KEY_ID", CLEAR},
        {"AMAZON_SECRET_ACCESS_KEY", CLEAR},
        {"AMAZON_SESSION_TOKEN", CLEAR},
        // The account of other keys: SDKs build endpoints of it.
        {"AWS_ACCOUNT_ID", CLEAR},
        // A profile stands in front of the endpoint, and makes JavaScript pass over keys in the environment.
        {"AWS_PROFILE", CLEAR},
        {"AWS_DEFAULT_PROFILE", CLEAR},
        // Web identity by the environment stands in front of it too.
        {"AWS_WEB_IDENTITY_TOKEN_FILE", CLEAR},
        {"AWS_ROLE_ARN", CLEAR},
        {"AWS_ROLE_SESSION_NAME", CLEAR},
        // A key of Bedrock's alone: SDKs that know it send it there instead of signing.
        {"AWS_BEARER_TOKEN_BEDROCK", CLEAR},
        // The file of the first EC2 tools, which botocore still reads.
        {"AWS_CREDENTIAL_FILE", CLEAR},
        // Java goes on to IMDS when the endpoint fails, and would come back with another role.
        {"AWS_EC2_METADATA_DISABLED", NO_IMDS},
        // botocore reads the second only, the others the first.
        {"AWS_REGION", REGION},
        {"AWS_DEFAULT_REGION", REGION},
        // Go's HTTP client and botocore's for IMDS send requests for loopback addresses to a proxy unless told.
        {"NO_PROXY", NO_PROXY},
        {"no_proxy", NO_PROXY},
        // With --isolated: private, empty files instead of the person's.
        {"AWS_CONFIG_FILE", CONFIG},
        {"AWS_SHARED_CREDENTIALS_FILE", CREDENTIALS},
        {"BOTO_CONFIG", BOTO},
        // For prompts.
        {"VALETKEY_ROLE", ROLE},
};

const char *session_env_variable(size_t i)
{
        return i < ARRAY_SIZE(table) ? table[i].name : NULL;
}

// False: the variable stays as it is. *ret NULL: it is cleared.
static bool value_of(const struct session_env *e, enum what what, const char **ret)
{
        bool keys = e->door == SESSION_STATIC;

        *ret = NULL;
        switch (what) {
        case URI:
                *ret = keys ? NULL : e->uri;
                return true;
        case TOKEN:
                *ret = e->door == SESSION_TOKEN ? e->token : NULL;
                return true;
        case TOKEN_FILE:
                *ret = e->door == SESSION_TOKEN_FILE ? e->token_file : NULL;
                return true;
        case KEY_ID:
                *ret = keys ? e->access_key_id : NULL;
                return true;
        case SECRET:
                *ret = keys ? e->secret_key : NULL;
                return true;
        case SESSION:
                *ret = keys ? e->session_token : NULL;
                return true;
        case EXPIRATION:
                *ret = keys ? e->expiration : NULL;
                return true;
        case REGION:
                *ret = e->region;
                return e->region != NULL;
        case NO_IMDS:
                *ret = "true";
                return true;
        case ROLE:
                *ret = e->role;
                return true;
        case CONFIG:
                *ret = e->config_file;
                return e->isolated;
        case CREDENTIALS:
                *ret = e->credentials_file;
                return e->isolated;
        case BOTO:
                *ret = "/dev/null";
                return e->isolated;
        case CLEAR:
        case NO_PROXY:
                break;
        }
        return true;
}

static int change(const char *name, const char *value, session_env_fn fn, void *arg)
{
        if ((value ? setenv(name, value, 1) : unsetenv(name)) < 0)
                return -errno;
        return fn ? fn(name, value, arg) : 0;
}

int session_env_apply(const struct session_env *e, session_env_fn fn, void *arg)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                char list[SESSION_NO_PROXY_MAX];
                const char *value;
                int r = 0;

                if (table[i].what == NO_PROXY) {
                        const char *other = getenv(table[i].name[0] == 'N' ? "no_proxy" : "NO_PROXY");

                        if (session_no_proxy(list, getenv(table[i].name), other))
                                r = change(table[i].name, list, fn, arg);
                } else if (value_of(e, table[i].what, &value)) {
                        r = change(table[i].name, value, fn, arg);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
