// SPDX-License-Identifier: Apache-2.0
//
// The data's destructor may run twice, in a parent and in a forked child; it only clears and frees, whatever
// flags it is called with, so PAM_DATA_SILENT is honoured by having nothing to say.
#include "handle.h"

#include "name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_NAME "valetkey_login"

struct kept {
        char handle[HANDLE_HEX + 1];
        char user[NAME_MAX_USER + 1];
};

static void forget(pam_handle_t *pamh, void *data, int error_status)
{
        (void)pamh;
        (void)error_status;
        if (data)
                explicit_bzero(data, sizeof(struct kept));
        free(data);
}

bool handle_is_valid(const char *s)
{
        size_t n = strspn(s, "0123456789abcdef");

        return n == HANDLE_HEX && !s[n];
}

int handle_keep(pam_handle_t *pamh, const char *handle, const char *user)
{
        char env[sizeof HANDLE_ENV + HANDLE_HEX + 1];
        struct kept *k;
        int r;

        if (!handle_is_valid(handle) || strlen(user) >= sizeof k->user)
                return PAM_SYSTEM_ERR;
        k = calloc(1, sizeof *k);
        if (!k)
                return PAM_BUF_ERR;
        memcpy(k->handle, handle, sizeof k->handle);
        memcpy(k->user, user, strlen(user) + 1);
        r = pam_set_data(pamh, DATA_NAME, k, forget);
        if (r != PAM_SUCCESS) {
                forget(pamh, k, 0);
                return r;
        }
        snprintf(env, sizeof env, "%s=%s", HANDLE_ENV, handle);
        r = pam_putenv(pamh, env);
        explicit_bzero(env, sizeof env);
        return r;
}

bool handle_take(pam_handle_t *pamh, const char *user, char ret[HANDLE_HEX + 1])
{
        const char *env = pam_getenv(pamh, HANDLE_ENV);
        const void *data = NULL;
        bool found = false;

        if (pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS && data) {
                const struct kept *k = data;

                found = strcmp(k->user, user) == 0;
                if (found)
                        memcpy(ret, k->handle, sizeof k->handle);
        } else if (env && handle_is_valid(env)) {
                memcpy(ret, env, HANDLE_HEX + 1);
                found = true;
        }
        handle_forget(pamh);
        return found;
}

void handle_forget(pam_handle_t *pamh)
{
        const void *data = NULL;

        if (pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS && data)
                pam_set_data(pamh, DATA_NAME, NULL, NULL);
        if (pam_getenv(pamh, HANDLE_ENV))
                pam_putenv(pamh, HANDLE_ENV);
}
