// SPDX-License-Identifier: Apache-2.0
//
// One request: its options (every handle gets the same strict set), its answer as the bytes arrive, and the
// sentence for its end. A sentence names the host, never the path or the query: those may hold what nobody
// else shall read.
#include "http.h"

#include "form.h"
#include "http_internal.h"
#include "timefmt.h"

#include <stdio.h>

#define BODY_MAX        (1u << 20)
#define HEADER_MAX      (64u << 10)
#define TIMEOUT_MS      20000
#define CONNECT_MS      10000
#define SLOW_BYTES      16 // a second, on average over SLOW_S
#define SLOW_S          15
#define CURL_MAXAGE_S   118 // curl's own limit
#define RETRY_AFTER_MAX 86400

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
        struct http_op *op = arg;
        int r = buf_append(&op->response.body, p, size * n);

        if (r == 0)
                return size * n;
        op->stop = r == -EMSGSIZE ? HTTP_STOP_BODY : HTTP_STOP_MEMORY;
        return 0;
}

// Copies the value of header "name" into dst; false when the line is another, or too long for dst.
static bool header_value(const char *line, size_t n, const char *name, char *dst, size_t size)
{
        size_t k = strlen(name);

        if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':')
                return false;
        line += k + 1;
        n -= k + 1;
        for (; n && (*line == ' ' || *line == '\t'); n--)
                line++;
        while (n && strchr("\r\n\t ", line[n - 1]))
                n--;
        if (n >= size || memchr(line, 0, n))
                return false;
        memcpy(dst, line, n);
        dst[n] = 0;
        return true;
}

static void read_retry_after(struct http_response *r, const char *v)
{
        int64_t at;
        char *end;
        long long s = strtoll(v, &end, 10);

        if (*v >= '0' && *v <= '9' && !*end)
                r->retry_after_s = s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : s;
        else if (time_parse_http(v, &at) == 0 && r->date_s && at >= r->date_s)
                r->retry_after_s = at - r->date_s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : at - r->date_s;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
        struct http_op *op = arg;
        struct http_response *r = &op->response;
        char v[128];

        n *= size;
        op->header_bytes += n;
        if (op->header_bytes > HEADER_MAX) {
                op->stop = HTTP_STOP_HEADER;
                return 0;
        }
        if (n > 5 && strncmp(p, "HTTP/", 5) == 0) { // another answer begins (after "100 Continue")
                op->head_complete = false;
                r->content_type[0] = 0;
                r->date_s = 0;
                r->retry_after_s = -1;
        }
        if (op->head_complete)
                return n;           // a trailer
        op->head_complete = n <= 2; // the empty line; curl calls a head without it an answer
        if (header_value(p, n, "Content-Type", v, sizeof v))
                err_sanitise(r->content_type, sizeof r->content_type, v, strlen(v));
        else if (header_value(p, n, "Date", v, sizeof v) && time_parse_http(v, &r->date_s) < 0)
                r->date_s = 0;
        else if (header_value(p, n, "Retry-After", v, sizeof v))
                read_retry_after(r, v);
        return n;
}

static bool add_header(struct http_op *op, const char *name, const char *value)
{
        cleanup_buf struct buf b = BUF_INIT(128u << 10);
        struct curl_slist *l;

        buf_append_str(&b, name);
        if (value) {
                buf_append_str(&b, ": ");
                buf_append_str(&b, value);
        }
        if (buf_error(&b))
                return false;
        l = curl_slist_append(op->headers, buf_str(&b));
        if (l)
                op->headers = l;
        return l != NULL;
}

static bool add_headers(struct http_op *op, const struct http_request *q)
{
        bool ok = add_header(op, "Expect:", NULL); // no waiting for "100 Continue"

        if (op->stream.method) // nothing that was not given
                ok = ok && add_header(op, "Accept:", NULL) && add_header(op, "Content-Type:", NULL);
        else
                ok = ok &&
                     (!q->accept ? add_header(op, "Accept:", NULL) : add_header(op, "Accept", q->accept));
        if (ok && q->authorization)
                ok = add_header(op, "Authorization", secret_str(q->authorization));
        for (const char *const *h = q->headers; ok && h && *h; h++)
                ok = add_header(op, *h, NULL);
        return ok;
}

// Environment variables may name a proxy, but not for this machine.
static bool set_route(CURL *e, const char *url)
{
        bool http = strncasecmp(url, "http:", 5) == 0;

        return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, http ? "http" : "https") == CURLE_OK &&
               (!url_is_loopback(url) || curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK);
}

static bool set_limits(CURL *e, const struct http_op *op)
{
        return curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)op->timeout_ms) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)op->body_max) == CURLE_OK;
}

// QUICK_EXIT: cancelling must not wait for a resolver thread that waits for a dead name server; the thread
// cleans up behind itself. HTTP/1.1: the library that curl has for HTTP/2 leaves tokens in freed memory.
static bool set_rules(CURL *e, struct http_op *op)
{
        return curl_easy_setopt(e, CURLOPT_PRIVATE, op) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_USERAGENT, "valetkey/" VALETKEY_VERSION) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_ERRORBUFFER, op->curl_error) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_WRITEDATA, op) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_HEADERDATA, op) == CURLE_OK;
}

// once: on a connection of its own, because curl sends a request a second time when a kept connection turns
// out to be dead.
static bool set_request(CURL *e, struct http_op *op, const struct http_request *q)
{
        bool ok = curl_easy_setopt(e, CURLOPT_URL, q->url) == CURLE_OK &&
                  curl_easy_setopt(e, CURLOPT_HTTPHEADER, op->headers) == CURLE_OK;

        // Read each time: curl would go on with a file that was replaced for a day.
        if (ok && q->ca_file)
                ok = curl_easy_setopt(e, CURLOPT_CAINFO, q->ca_file) == CURLE_OK &&
                     curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L) == CURLE_OK &&
                     curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
        if (ok && q->once)
                ok = curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        if (ok && q->form)
                ok = curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
                     curl_easy_setopt(e, CURLOPT_POSTFIELDS, secret_str(op->form)) == CURLE_OK &&
                     curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)secret_len(op->form)) ==
                             CURLE_OK;
        return ok;
}

// A connection that was last used before the network changed may lead nowhere, without anybody telling. curl counts
// whole seconds, so in the first one none is used again.
static bool set_age(CURL *e, const struct http *h)
{
        const struct clock *c = loop_clock(h->loop);
        int64_t s = h->changed_boot_ms ? (c->boot_ms(c) - h->changed_boot_ms) / 1000 : CURL_MAXAGE_S;

        if (s >= CURL_MAXAGE_S)
                return true;
        if (s == 0)
                return curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
        return curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)s - 1) == CURLE_OK;
}

static void name_host(struct http_op *op, const char *url)
{
        struct url u;

        if (url_parse(&u, url, NULL) < 0) {
                snprintf(op->host, sizeof op->host, "the server");
                return;
        }
        if (u.port == (strcmp(u.scheme, "https") == 0 ? 443 : 80))
                snprintf(op->host, sizeof op->host, "%s", u.host);
        else
                snprintf(op->host, sizeof op->host, u.ipv6 ? "[%s]:%u" : "%s:%u", u.host, u.port);
}

int http_op_setup(struct http_op *op, const struct http_request *q)
{
        CURL *e;
        int r;

        op->body_max = q->body_max ? q->body_max : BODY_MAX;
        op->timeout_ms = op->stream.method ? 0 : q->timeout_ms ? q->timeout_ms : TIMEOUT_MS;
        op->response.body = BUF_INIT(op->body_max);
        op->response.retry_after_s = -1;
        name_host(op, q->url);
        if (url_check_callable(q->url, &op->err) < 0) {
                op->post_outcome = OUTCOME_MISCONFIGURED;
                return 1;
        }
        e = op->easy = curl_easy_init();
        if (!e || !add_headers(op, q))
                return -ENOMEM;
        r = q->form ? secret_dup(&op->form, q->form) : 0;
        if (r < 0)
                return err_trace(r);
        if (!set_rules(e, op) || !set_route(e, q->url) || !set_request(e, op, q) || !set_age(e, op->http) ||
                !set_limits(e, op) || (op->stream.method && !http_stream_set(op)))
                return -ENOMEM; // the options are all known to this libcurl: memory is all that can lack
        op->post_outcome = OUTCOME_TIMEOUT;
        err_set(&op->err, "%s did not answer in time", op->host);
        return 0;
}

void http_op_release(struct http_op *op)
{
        if (op->added)
                curl_multi_remove_handle(op->http->multi, op->easy);
        op->added = false;
        if (op->easy)
                curl_easy_cleanup(op->easy);
        op->easy = NULL;
        curl_slist_free_all(op->headers);
        op->headers = NULL;
        op->form = secret_free(op->form);
}

static enum outcome stopped(const struct http_op *op, struct err *err)
{
        switch (op->stop) {
        case HTTP_STOP_BODY:
                err_set(err, "%s sent more than %zu bytes", op->host, op->body_max);
                return OUTCOME_BAD_ANSWER;
        case HTTP_STOP_STREAM:
                err_set(err, "what goes between here and %s was given up", op->host);
                return OUTCOME_CANCELLED;
        case HTTP_STOP_SWITCH:
                err_set(err, "%s goes on in another protocol, which nobody asked for", op->host);
                return OUTCOME_BAD_ANSWER;
        case HTTP_STOP_HEADER:
                err_set(err, "%s sent more than %u bytes of headers", op->host, HEADER_MAX);
                return OUTCOME_BAD_ANSWER;
        default:
                err_set(err, "out of memory while reading from %s", op->host);
                return OUTCOME_INTERNAL;
        }
}

// curl's own text, cleaned, for failures to connect or to trust: it names addresses and certificates. Of a proxy's URL that
// is none it names all, the password in it too.
static const char *detail(const struct http_op *op, CURLcode code, char *dst, size_t n)
{
        const char *s = op->curl_error[0] ? op->curl_error : curl_easy_strerror(code);

        if (strncmp(s, "Unsupported proxy", 17) == 0)
                s = "the environment names a proxy (https_proxy) that is none";

        return err_sanitise(dst, n, s, strlen(s));
}

// OpenSSL's words for a certificate that this machine's clock is too early, or too late, for.
#define NOT_YET_VALID 9
#define HAS_EXPIRED   10

// A certificate that is not valid yet is a wrong clock of ours; one that has expired may as well be the server's fault.
static enum outcome not_trusted(const struct http_op *op, CURLcode code, struct err *err)
{
        char why[160], now[TIME_ISO_LEN + 1];
        long verdict = 0;

        curl_easy_getinfo(op->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
        time_format_iso(now, clock_wall_s(loop_clock(op->http->loop)));
        switch (verdict) {
        case NOT_YET_VALID:
                err_set(err,
                        "this machine's clock says %s, when the certificate of %s is not valid yet: set the "
                        "clock",
                        now, op->host);
                return OUTCOME_CLOCK_SKEW;
        case HAS_EXPIRED:
                err_set(err, "the certificate of %s has expired, by this machine's clock, which says %s",
                        op->host, now);
                return OUTCOME_UNREACHABLE;
        default:
                err_set(err, "the certificate of %s is not trusted: %s", op->host,
                        detail(op, code, why, sizeof why));
                return OUTCOME_UNREACHABLE;
        }
}

static enum outcome unreachable(const struct http_op *op, CURLcode code, struct err *err)
{
        long proxy_status = 0;
        char why[160];

        curl_easy_getinfo(op->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
        if (proxy_status >= 300) {
                err_set(err, "the proxy refused the way to %s with HTTP status %ld", op->host, proxy_status);
                return OUTCOME_UNREACHABLE;
        }
        switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
                err_set(err, "%s: there is no such name, or the name service does not answer", op->host);
                return OUTCOME_UNREACHABLE;
        case CURLE_PEER_FAILED_VERIFICATION:
                return not_trusted(op, code, err);
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
                err_set(err, "%s closed the connection without an answer", op->host);
                return OUTCOME_UNREACHABLE;
        default:
                err_set(err, "cannot connect to %s: %s", op->host, detail(op, code, why, sizeof why));
                return OUTCOME_UNREACHABLE;
        }
}

static enum outcome failed(const struct http_op *op, CURLcode code, struct err *err)
{
        char why[160];

        if (code == CURLE_RECV_ERROR && op->header_bytes > 0)
                code = CURLE_PARTIAL_FILE; // it had begun to answer
        switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
                err_set(err, "%s did not answer in time", op->host);
                return OUTCOME_TIMEOUT;
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                err_set(err, "the answer of %s was cut or garbled", op->host);
                return OUTCOME_BAD_ANSWER;
        case CURLE_FILESIZE_EXCEEDED:
                err_set(err, "%s announced more than %zu bytes", op->host, op->body_max);
                return OUTCOME_BAD_ANSWER;
        case CURLE_OUT_OF_MEMORY:
                err_set(err, "out of memory while talking to %s", op->host);
                return OUTCOME_INTERNAL;
        case CURLE_SSL_CACERT_BADFILE:
                err_set(err, "the ca_file for %s cannot be read", op->host);
                return OUTCOME_MISCONFIGURED;
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_PROXY:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
                return unreachable(op, code, err);
        default:
                err_set(err, "%s sent something that is not HTTP: %s", op->host,
                        detail(op, code, why, sizeof why));
                return OUTCOME_BAD_ANSWER;
        }
}

enum outcome http_op_outcome(struct http_op *op, CURLcode code, struct err *err)
{
        long status = 0, request_bytes = 0;

        curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(op->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
        op->response.sent = request_bytes > 0;
        if (op->stop != HTTP_STOP_NONE)
                return stopped(op, err);
        if (code == CURLE_OK && !op->head_complete)
                code = CURLE_PARTIAL_FILE;
        if (code != CURLE_OK)
                return failed(op, code, err);
        if (status < 200 || status > 599) {
                err_set(err, "%s answered with HTTP status %ld", op->host, status);
                return OUTCOME_BAD_ANSWER;
        }
        op->response.status = (int)status;
        return OUTCOME_OK;
}
