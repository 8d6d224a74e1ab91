// SPDX-License-Identifier: Apache-2.0
//
// Asking one's own sandbox, before there is an event loop to ask with: one GET, one small document.
#include "run_cloud.h"

#include "buf.h"
#include "json.h"

#include <curl/curl.h>
#include <stdio.h>

static size_t collect(char *p, size_t size, size_t n, void *arg)
{
        return buf_append(arg, p, size * n) < 0 ? 0 : size * n;
}

static int fetch(struct buf *ret, const char *url, struct err *err)
{
        CURL *c = curl_easy_init();
        CURLcode rc = CURLE_OUT_OF_MEMORY;
        long status = 0;

        if (c) {
                curl_easy_setopt(c, CURLOPT_URL, url);
                curl_easy_setopt(c, CURLOPT_PROXY, "");
                curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
                curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 10000L);
                curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
                curl_easy_setopt(c, CURLOPT_WRITEDATA, ret);
                rc = curl_easy_perform(c);
                curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        }
        curl_easy_cleanup(c);
        if (rc == CURLE_OK && status == 200)
                return 0;
        err_set(err, "The sandbox does not describe itself (%s, HTTP %ld).", curl_easy_strerror(rc), status);
        return -EPROTO;
}

static int read_roles(struct cloud_description *ret, const json_t *roles)
{
        const char *name, *arn;
        json_t *role;
        bool web;

        json_object_foreach((json_t *)roles, name, role)
        {
                struct world_role *r = &ret->roles[ret->n_roles];

                if (json_get_bool(role, "web_identity", &web) != 0 || !web)
                        continue;
                if (ret->n_roles == CLOUD_ROLES_MAX)
                        return -E2BIG;
                if (strlen(name) >= sizeof r->name ||
                        json_get_string(role, "arn", sizeof r->arn - 1, &arn) != 0)
                        return -EBADMSG;
                snprintf(r->name, sizeof r->name, "%s", name);
                snprintf(r->arn, sizeof r->arn, "%s", arn);
                ret->n_roles++;
        }
        return 0;
}

int cloud_describe(struct cloud_description *ret, const char *base, const char *user, struct err *err)
{
        cleanup_buf struct buf body = BUF_INIT(1 << 20);
        cleanup_json json_t *doc = NULL;
        const char *subject;
        char url[128];
        int r;

        snprintf(url, sizeof url, "%s/_sandbox/directory", base);
        r = fetch(&body, url, err);
        if (r < 0)
                return r;
        r = json_parse(&doc, body.p, body.n, err);
        if (r < 0)
                return r;
        r = json_get_string(json_object_get(json_object_get(doc, "users"), user), "sub",
                sizeof ret->subject - 1, &subject);
        if (r != 0) {
                err_set(err, "The sandbox has no user %s.", user);
                return -ENOENT;
        }
        snprintf(ret->subject, sizeof ret->subject, "%s", subject);
        r = read_roles(ret, json_object_get(doc, "roles"));
        if (r < 0)
                err_set(err, "The sandbox's roles cannot be read (%s).", strerror(-r));
        return r;
}
