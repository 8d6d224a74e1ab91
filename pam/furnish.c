// SPDX-License-Identifier: Apache-2.0
#include "furnish.h"

#include "session_vars.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FULL_URI   "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE   "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define TOKEN      "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

// ---- variables

static bool is_set(pam_handle_t *pamh, const char *name)
{
        return pam_getenv(pamh, name) != NULL;
}

static bool put(pam_handle_t *pamh, const char *name, const char *value)
{
        char *s;
        bool ok;

        if (asprintf(&s, "%s=%s", name, value) < 0)
                return false;
        ok = pam_putenv(pamh, s) == PAM_SUCCESS;
        free(s);
        return ok;
}

static bool add_no_proxy(pam_handle_t *pamh)
{
        static const char *const names[] = {"NO_PROXY", "no_proxy"};
        char lists[2][SESSION_NO_PROXY_MAX];
        bool add[2], ok = true;

        for (size_t i = 0; i < 2; i++)
                add[i] = session_no_proxy(
                        lists[i], pam_getenv(pamh, names[i]), pam_getenv(pamh, names[1 - i]));
        for (size_t i = 0; i < 2; i++)
                ok = ok && (!add[i] || put(pamh, names[i], lists[i]));
        return ok;
}

// ---- the two doors

static const char *set_imds(pam_handle_t *pamh, const struct arguments *o, uint32_t port)
{
        char url[64];

        if (!o->imds_on_ec2 && session_is_ec2(o->dmi))
                return "this machine is on EC2, whose own IMDS stays (session_environment=imds! says "
                       "otherwise)";
        if (is_set(pamh, SESSION_POINTER))
                return SESSION_POINTER " is set already";
        snprintf(url, sizeof url, "http://" SESSION_LOOPBACK ":%u/", (unsigned)port);
        return put(pamh, SESSION_POINTER, url) && add_no_proxy(pamh) ? NULL : "no memory";
}

static const char *set_container(pam_handle_t *pamh, const struct arguments *o, uid_t uid, uint32_t port)
{
        char url[64], path[PATH_MAX];

        if (is_set(pamh, FULL_URI) || is_set(pamh, RELATIVE) || is_set(pamh, TOKEN) ||
                is_set(pamh, TOKEN_FILE))
                return "another container endpoint is set already";
        snprintf(url, sizeof url, "http://" SESSION_LOOPBACK ":%u/credentials", (unsigned)port);
        if (snprintf(path, sizeof path, "%s/%u/valetkey/endpoint-token", o->runtime_base, (unsigned)uid) >=
                (int)sizeof path)
                return "the runtime folder's path is too long";
        return put(pamh, FULL_URI, url) && put(pamh, TOKEN_FILE, path) && add_no_proxy(pamh) ? NULL
                                                                                             : "no memory";
}

const char *furnish_set(pam_handle_t *pamh, const struct arguments *o, uid_t uid, uint32_t port)
{
        if (port == 0 || port > UINT16_MAX)
                return "the user's port is not known";
        return o->session_environment == SESSION_IMDS ? set_imds(pamh, o, port)
                                                      : set_container(pamh, o, uid, port);
}
