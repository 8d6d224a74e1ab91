// SPDX-License-Identifier: Apache-2.0
#include "presign.h"

#include "b64.h"
#include "form.h"

#define URL_MAX (1u << 17)

static bool is_text(const char *s, size_t max)
{
        size_t n = strnlen(s, max + 1);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
                        return false;
        return n > 0 && n <= max;
}

// The presigned GET of host/?query, without its scheme.
static int presign(struct buf *out, const char *query, const struct sigv4_header *headers, size_t n,
        const struct sigv4_credentials *cred, const struct sigv4_params *p, struct err *err)
{
        _cleanup_(sigv4_result_deinit) struct sigv4_result r = SIGV4_RESULT_INIT;
        const struct sigv4_request q = {
                .method = "GET", .path = "/", .query = query, .headers = headers, .n_headers = n};
        int k = sigv4_sign(&r, &q, cred, p, err);

        return k ? k : buf_printf(out, "%s/?%s", headers[0].value, buf_str(&r.signed_query));
}

int presign_eks_token(struct buf *out, const char *endpoint, const char *region, const char *cluster,
        const struct sigv4_credentials *cred, int64_t time_s, struct err *err)
{
        cleanup_buf struct buf url = BUF_INIT(URL_MAX);
        const struct sigv4_params p = {.region = region,
                .service = "sts",
                .time_s = time_s,
                .flags = SIGV4_DEFAULT,
                .expires_s = PRESIGN_EKS_S};
        struct sigv4_header headers[] = {{"Host", NULL}, {"x-k8s-aws-id", cluster}};
        cleanup_buf struct buf host = BUF_INIT(512);
        struct url u;
        int r = url_parse(&u, endpoint, err);

        if (r < 0)
                return -EINVAL;
        if (u.path[0] && strcmp(u.path, "/") != 0) {
                err_set(err, "%.200s is no endpoint of STS", endpoint);
                return -EINVAL;
        }
        // eksctl and the API itself: letters, digits, "-" and "_", up to 100. Ids of local clusters are like it.
        if (!is_text(cluster, 128)) {
                err_set(err, "that is no name of a cluster");
                return -EINVAL;
        }
        r = url_host_header(&host, &u);
        headers[0].value = buf_str(&host);
        buf_printf(&url, "%s://", u.scheme);
        if (r == 0)
                r = presign(&url, "Action=GetCallerIdentity&Version=2011-06-15", headers, 2, cred, &p, err);
        if (r == 0)
                r = buf_append_str(out, "k8s-aws-v1.");
        return r ? r : b64url_encode(out, url.p, url.n);
}

int presign_rds_token(struct buf *out, const char *host, unsigned port, const char *user, const char *region,
        const struct sigv4_credentials *cred, int64_t time_s, struct err *err)
{
        cleanup_buf struct buf query = BUF_INIT(4096), where = BUF_INIT(512);
        const struct sigv4_params p = {.region = region,
                .service = "rds-db",
                .time_s = time_s,
                .flags = SIGV4_DEFAULT,
                .expires_s = PRESIGN_RDS_S};
        struct sigv4_header header = {"Host", NULL};

        if (!is_text(host, 253) || strpbrk(host, "/?#:@") || port == 0 || port > 65535) {
                err_set(err, "that is no host and port of a database");
                return -EINVAL;
        }
        if (!is_text(user, 128)) {
                err_set(err, "that is no name of a database's user");
                return -EINVAL;
        }
        buf_append_str(&query, "Action=connect");
        form_add(&query, "DBUser", user);
        buf_printf(&where, "%s:%u", host, port);
        if (buf_error(&query) || buf_error(&where))
                return -ENOMEM;
        header.value = buf_str(&where);
        return presign(out, buf_str(&query), &header, 1, cred, &p, err);
}
