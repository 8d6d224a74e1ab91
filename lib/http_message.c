// SPDX-License-Identifier: Apache-2.0
#include "http_message.h"

#include "sigv4_canon.h"

#include <stdio.h>

struct reader {
        char *at, *end;
        unsigned line;
        struct err *err;
};

static int bad(const struct reader *r, const char *what)
{
        err_set(r->err, "line %u of the request: %s", r->line, what);
        return -EBADMSG;
}

// The next line, its CR LF cut off. 1; 0 at the empty line that ends the head.
static int next_line(struct reader *r, char **ret)
{
        char *lf = memchr(r->at, '\n', (size_t)(r->end - r->at));

        r->line++;
        if (!lf)
                return bad(r, "the head does not end with an empty line");
        if (lf == r->at || lf[-1] != '\r')
                return bad(r, "a line must end with CR LF");
        if (memchr(r->at, 0, (size_t)(lf - r->at)) || memchr(r->at, '\r', (size_t)(lf - 1 - r->at)))
                return bad(r, "it holds a NUL or a bare CR");
        lf[-1] = 0;
        *ret = r->at;
        r->at = lf + 1;
        return **ret ? 1 : 0;
}

static int read_request_line(struct http_message *m, struct reader *r)
{
        char *line, *target, *version, *query;
        int k = next_line(r, &line);

        if (k < 0)
                return k;
        target = strchr(line, ' ');
        version = target ? strchr(target + 1, ' ') : NULL;
        if (!version || strcmp(version + 1, "HTTP/1.1") != 0)
                return bad(r, "it must be METHOD TARGET HTTP/1.1");
        *target++ = 0;
        *version = 0;
        if (*target != '/')
                return bad(r, "the target must begin with /");
        if (strchr(target, '#'))
                return bad(r, "a target has no fragment");
        m->request.method = line;
        m->target = target;
        query = strchr(target, '?');
        m->request.query = query ? query + 1 : NULL;
        return 0;
}

static int read_header(struct http_message *m, struct reader *r, char *line)
{
        char *colon = strchr(line, ':'), *end;

        if (*line == ' ' || *line == '\t')
                return bad(r, "a header that goes on in the next line (folded) is not sent any more");
        if (!colon || colon == line || colon[-1] == ' ' || colon[-1] == '\t')
                return bad(r, "a header is NAME: VALUE");
        if (m->request.n_headers == HTTP_MESSAGE_HEADERS_MAX)
                return bad(r, "more headers than the 256 that are read");
        *colon++ = 0;
        colon += strspn(colon, " \t");
        for (end = colon + strlen(colon); end > colon && strchr(" \t", end[-1]); end--)
                ;
        *end = 0;
        m->headers[m->request.n_headers++] = (struct sigv4_header){line, colon};
        return 0;
}

// How long the body is has to be said, once and truly.
static int check_body(const struct http_message *m, const struct reader *r, size_t n)
{
        const char *said = NULL;
        char text[24];

        for (size_t i = 0; i < m->request.n_headers; i++) {
                const struct sigv4_header *h = &m->headers[i];

                if (sigv4_is_name(h->name, "transfer-encoding"))
                        return bad(r, "a body in pieces (Transfer-Encoding) cannot be signed; send a "
                                      "Content-Length");
                if (!sigv4_is_name(h->name, "content-length"))
                        continue;
                if (said)
                        return bad(r, "Content-Length is there twice");
                said = h->value;
        }
        snprintf(text, sizeof text, "%zu", n);
        if (said ? strcmp(said, text) != 0 : n > 0) {
                err_set(r->err, "the request has a body of %zu bytes%s%.20s", n,
                        said ? ", and its Content-Length says " : " and no Content-Length", said ? said : "");
                return -EBADMSG;
        }
        return 0;
}

static int read_message(struct http_message *m, struct reader *r)
{
        char *line;
        int k = read_request_line(m, r);

        if (k < 0)
                return k;
        while ((k = next_line(r, &line)) > 0) {
                k = read_header(m, r, line);
                if (k < 0)
                        return k;
        }
        if (k < 0)
                return k;
        m->request.headers = m->headers;
        m->request.body = r->at;
        m->request.body_len = (size_t)(r->end - r->at);
        return check_body(m, r, m->request.body_len);
}

// The path alone, for the signer: the target keeps its query for whoever sends it.
static int cut_path(struct http_message *m)
{
        size_t n = strcspn(m->target, "?");
        char *path = strndup(m->target, n);

        m->request.path = path;
        return path ? 0 : -ENOMEM;
}

int http_message_parse(struct http_message *ret, const void *p, size_t n, struct err *err)
{
        struct http_message m = {0};
        struct reader r = {.err = err};
        int k;

        if (n > HTTP_MESSAGE_MAX) {
                err_set(err, "the request has more than %u bytes", HTTP_MESSAGE_MAX);
                return -EBADMSG;
        }
        m.text = malloc(n + 1);
        m.headers = calloc(HTTP_MESSAGE_HEADERS_MAX, sizeof *m.headers);
        if (!m.text || !m.headers) {
                http_message_deinit(&m);
                return -ENOMEM;
        }
        if (n)
                memcpy(m.text, p, n);
        m.text[n] = 0;
        m.n_text = n;
        r.at = m.text;
        r.end = m.text + n;
        k = read_message(&m, &r);
        if (k == 0)
                k = cut_path(&m);
        if (k < 0) {
                http_message_deinit(&m);
                return k;
        }
        *ret = m;
        return 0;
}

void http_message_deinit(struct http_message *m)
{
        char *path;

        memcpy(&path, &m->request.path, sizeof path);
        free(path);
        if (m->text)
                explicit_bzero(m->text, m->n_text);
        free(m->text);
        free(m->headers);
        *m = (struct http_message){0};
}

const char *http_message_header(const struct http_message *m, const char *name)
{
        for (size_t i = 0; i < m->request.n_headers; i++)
                if (sigv4_is_name(m->headers[i].name, name))
                        return m->headers[i].value;
        return NULL;
}
