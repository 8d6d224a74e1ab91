// SPDX-License-Identifier: Apache-2.0
#include "http_stream.h"

#include "http_internal.h"

#define HEAD_MAX    (64u << 10)
#define CHUNK       (64L << 10)
#define KEEPALIVE_S 60L

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
        struct http_op *op = arg;
        ssize_t r = op->stream.read(op->stream.arg, p, size * n);

        if (r == HTTP_STREAM_WAIT)
                return CURL_READFUNC_PAUSE;
        if (r >= 0)
                return (size_t)r;
        op->stop = HTTP_STOP_STREAM;
        return CURL_READFUNC_ABORT;
}

// curl wants a body again where a kept connection turns out to be dead.
static int on_seek(void *arg, curl_off_t offset, int origin)
{
        struct http_op *op = arg;

        if (offset != 0 || origin != SEEK_SET || !op->stream.rewind)
                return CURL_SEEKFUNC_CANTSEEK;
        return op->stream.rewind(op->stream.arg) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static int give_head(struct http_op *op)
{
        long status = 0;

        curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
        op->head_complete = true;
        if (status == 101)
                return -EPROTO; // what follows would be taken for a body without a head
        if (status < 200)
                return 0; // "100 Continue": another follows
        return op->stream.head(op->stream.arg, (int)status, buf_str(&op->response.body), op->response.body.n);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
        struct http_op *op = arg;
        int r = 0;

        n *= size;
        op->header_bytes += n;
        if (n > 5 && strncmp(p, "HTTP/", 5) == 0) {
                op->head_complete = false;
                buf_reset(&op->response.body);
        } else if (op->head_complete) {
                return n; // a trailer
        } else if (n <= 2) {
                r = give_head(op);
        } else {
                r = buf_append(&op->response.body, p, n);
        }
        if (r == 0)
                return n;
        op->stop = r == -EMSGSIZE ? HTTP_STOP_HEADER
                   : r == -ENOMEM ? HTTP_STOP_MEMORY
                   : r == -EPROTO ? HTTP_STOP_SWITCH
                                  : HTTP_STOP_STREAM;
        return 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
        struct http_op *op = arg;
        int r = op->stream.body(op->stream.arg, p, size * n);

        if (r == HTTP_STREAM_WAIT)
                return CURL_WRITEFUNC_PAUSE;
        if (r == 0)
                return size * n;
        op->stop = HTTP_STOP_STREAM;
        return 0;
}

static bool set_method(CURL *e, const struct http_stream *s)
{
        // Its answer has none: curl has to know, or waits for one.
        if (strcmp(s->method, "HEAD") == 0 && s->body_len <= 0)
                return curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
        return (s->body_len < 0 || (curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
                                           curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE,
                                                   (curl_off_t)s->body_len) == CURLE_OK)) &&
               curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, s->method) == CURLE_OK;
}

bool http_stream_set(struct http_op *op)
{
        const struct http_stream *s = &op->stream;
        CURL *e = op->easy;

        op->response.body = BUF_INIT(HEAD_MAX);
        return set_method(e, s) && curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, s->target) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_USERAGENT, NULL) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_READDATA, op) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SEEKDATA, op) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_BUFFERSIZE, CHUNK) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, CHUNK) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 0L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 0L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, 0L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)0) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S) == CURLE_OK;
}

// What waited is asked once more, by curl, from the loop or from inside here.
void http_op_resume(struct http_op *op)
{
        if (op->easy)
                (void)curl_easy_pause(op->easy, CURLPAUSE_CONT);
}
