// SPDX-License-Identifier: Apache-2.0
#include "furnish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define IMDS       "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define FULL_URI   "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE   "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define TOKEN      "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define LOOPBACK   "127.0.0.1"

// ---- is this EC2?

static bool read_dmi(char *dst, size_t n, const char *dir, const char *name)
{
        char path[PATH_MAX];
        ssize_t len;
        int fd;

        if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
                return false;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return false;
        len = read(fd, dst, n - 1);
        close(fd);
        dst[len > 0 ? len : 0] = 0;
        return len > 0;
}

// As the EC2 user guide says it is told: the vendor on Nitro, the firmware's version or the machine's id on Xen.
static bool is_ec2(const char *dmi)
{
        static const char *const vendors[] = {
                [0] = "sys_vendor", "board_vendor", "chassis_vendor", "bios_vendor"};
        char text[128];

        for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
                if (read_dmi(text, sizeof text, dmi, vendors[i]) && strncmp(text, "Amazon EC2", 10) == 0)
                        return true;
        if (read_dmi(text, sizeof text, dmi, "bios_version") && strcasestr(text, "amazon"))
                return true;
        return read_dmi(text, sizeof text, dmi, "product_uuid") && strncasecmp(text, "ec2", 3) == 0;
}

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

static bool has_word(const char *list, const char *word)
{
        size_t n = strlen(word);

        while (*list) {
                size_t blanks = strspn(list, ", \t"), len = strcspn(list + blanks, ", \t");

                if (len == n && strncmp(list + blanks, word, n) == 0)
                        return true;
                list += blanks + len;
        }
        return false;
}

// Both spellings, for some libraries read one and some the other first: one that is not set begins as the other is.
static bool add_no_proxy(pam_handle_t *pamh)
{
        static const char *const names[] = {"NO_PROXY", "no_proxy"};
        char *lists[2] = {NULL, NULL};
        bool ok = true;

        for (size_t i = 0; i < 2 && ok; i++) {
                const char *own = pam_getenv(pamh, names[i]),
                           *list = own ? own : pam_getenv(pamh, names[1 - i]);
                bool enough = list && (has_word(list, LOOPBACK) || has_word(list, "*"));

                if (own && enough)
                        continue;
                if (asprintf(&lists[i], "%s%s%s", list ? list : "", list && *list && !enough ? "," : "",
                            enough ? "" : LOOPBACK) < 0) {
                        lists[i] = NULL;
                        ok = false;
                }
        }
        for (size_t i = 0; i < 2; i++) {
                ok = ok && (!lists[i] || put(pamh, names[i], lists[i]));
                free(lists[i]);
        }
        return ok;
}

// ---- the two doors

static const char *set_imds(pam_handle_t *pamh, const struct arguments *o, uint32_t port)
{
        char url[64];

        if (!o->imds_on_ec2 && is_ec2(o->dmi))
                return "this machine is on EC2, whose own IMDS stays (session_environment=imds! says "
                       "otherwise)";
        if (is_set(pamh, IMDS))
                return IMDS " is set already";
        snprintf(url, sizeof url, "http://" LOOPBACK ":%u/", (unsigned)port);
        return put(pamh, IMDS, url) && add_no_proxy(pamh) ? NULL : "no memory";
}

static const char *set_container(pam_handle_t *pamh, const struct arguments *o, uid_t uid, uint32_t port)
{
        char url[64], path[PATH_MAX];

        if (is_set(pamh, FULL_URI) || is_set(pamh, RELATIVE) || is_set(pamh, TOKEN) ||
                is_set(pamh, TOKEN_FILE))
                return "another container endpoint is set already";
        snprintf(url, sizeof url, "http://" LOOPBACK ":%u/credentials", (unsigned)port);
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
