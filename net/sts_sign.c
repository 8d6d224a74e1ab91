// SPDX-License-Identifier: Apache-2.0
//
// What is signed is what is sent: host, content type, date, session token and the form. The content type is set here and
// not left to curl, since a signature over somebody's default breaks when the default changes.
#include "sts_sign.h"

#include "form.h"
#include "sigv4.h"

static const char *content_type(const struct sts_signer *by)
{
        return by->target ? "application/x-amz-json-1.1" : "application/x-www-form-urlencoded; charset=utf-8";
}

static int fill(struct sts_headers *ret, const struct sts_signer *by, const struct sigv4_result *r)
{
        size_t n = 0;
        int e = secret_new(&ret->authorization, buf_str(&r->authorization), r->authorization.n);

        if (e < 0)
                return err_trace(e);
        buf_printf(&ret->date, "X-Amz-Date: %s", r->amz_date);
        buf_printf(&ret->type, "Content-Type: %s", content_type(by));
        if (by->target)
                buf_printf(&ret->target, "X-Amz-Target: %s", by->target);
        if (by->session_token) {
                buf_append_str(&ret->token, "X-Amz-Security-Token: ");
                buf_append(&ret->token, secret_str(by->session_token), secret_len(by->session_token));
        }
        if (buf_error(&ret->date) || buf_error(&ret->type) || buf_error(&ret->token) ||
                buf_error(&ret->target))
                return -ENOMEM;
        ret->list[n++] = buf_str(&ret->date);
        ret->list[n++] = buf_str(&ret->type);
        if (by->session_token)
                ret->list[n++] = buf_str(&ret->token);
        if (by->target)
                ret->list[n++] = buf_str(&ret->target);
        ret->list[n] = NULL;
        return 0;
}

// ret: STS_HEADERS_INIT before, sts_headers_deinit() after, also on failure.
int sts_sign(struct sts_headers *ret, const char *endpoint, const struct secret *form,
        const struct sts_signer *by, int64_t time_s, struct err *err)
{
        cleanup_buf struct buf host = BUF_INIT(300);
        struct sigv4_result result = SIGV4_RESULT_INIT;
        const struct sigv4_credentials cred = {.access_key_id = by->access_key_id,
                .secret_access_key = by->secret_access_key,
                .session_token = by->session_token};
        const struct sigv4_params params = {.region = by->region,
                .service = by->service ? by->service : "sts",
                .time_s = time_s,
                .flags = SIGV4_DEFAULT};
        struct sigv4_header headers[3];
        struct sigv4_request q = {.method = "POST",
                .headers = headers,
                .n_headers = by->target ? 3 : 2,
                .body = secret_str(form),
                .body_len = secret_len(form)};
        struct url u;
        int r = url_parse(&u, endpoint, err);

        if (r < 0)
                return -EINVAL;
        r = url_host_header(&host, &u);
        headers[0] = (struct sigv4_header){"Host", buf_str(&host)};
        headers[1] = (struct sigv4_header){"Content-Type", content_type(by)};
        headers[2] = (struct sigv4_header){"X-Amz-Target", by->target};
        q.path = u.path;
        if (r == 0)
                r = sigv4_sign(&result, &q, &cred, &params, err);
        if (r == 0)
                r = fill(ret, by, &result);
        sigv4_result_deinit(&result);
        return r;
}

void sts_headers_deinit(struct sts_headers *h)
{
        buf_deinit(&h->date);
        buf_deinit(&h->token);
        buf_deinit(&h->type);
        buf_deinit(&h->target);
        h->authorization = secret_free(h->authorization);
        h->list[0] = NULL;
}
