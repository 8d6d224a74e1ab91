// SPDX-License-Identifier: Apache-2.0
//
// expat with everything taken away that an STS answer does not need. The parser stops at the DOCTYPE itself,
// so no declaration behind it is ever looked at. Credentials pass through expat's own buffers: its memory
// comes from functions that clear what they give back, and text is collected in a struct buf, which does the
// same. The encoding is set to UTF-8 from outside; a document cannot choose another.
#include "sts_xml.h"

#include "buf.h"
#include "zalloc.h"

#include <expat.h>

struct reader {
        const struct sts_xml_handler *h;
        XML_Parser parser;
        struct buf text;
        char path[STS_XML_PATH_MAX];
        size_t path_n;
        unsigned depth;
        bool parent; // the element that is open has had a child
        int result;  // first failure of ours
        struct err *err;
};

static void stop(struct reader *r, int result, const char *what)
{
        if (r->result)
                return;
        r->result = result;
        if (what)
                err_set(r->err, "the XML document %s", what);
        XML_StopParser(r->parser, XML_FALSE);
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **s, size_t *n)
{
        while (*n && is_space((*s)[0])) {
                (*s)++;
                (*n)--;
        }
        while (*n && is_space((*s)[*n - 1]))
                (*n)--;
}

// Text of the element that is open; in an element with children only white space may stand.
static void check_no_text(struct reader *r)
{
        const char *s = buf_str(&r->text);
        size_t n = r->text.n;

        trim(&s, &n);
        if (n)
                stop(r, -EBADMSG, "has text beside elements");
        buf_reset(&r->text);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
        struct reader *r = arg;
        size_t n = strlen(name);
        int result;

        (void)attributes;
        if (r->result)
                return;
        check_no_text(r);
        if (++r->depth > STS_XML_DEPTH_MAX || n + 1 >= sizeof r->path - r->path_n) {
                stop(r, -EBADMSG, "is nested too deeply");
                return;
        }
        if (r->path_n)
                r->path[r->path_n++] = '/';
        memcpy(r->path + r->path_n, name, n + 1);
        r->path_n += n;
        r->parent = false;
        result = r->result ? 0 : r->h->enter(r->path, r->h->arg);
        if (result)
                stop(r, result, NULL);
}

static void on_end(void *arg, const XML_Char *name)
{
        struct reader *r = arg;
        size_t n = strlen(name);

        if (r->result)
                return;
        if (r->parent) {
                check_no_text(r);
        } else {
                const char *s = buf_str(&r->text);
                size_t len = r->text.n;
                int result;

                trim(&s, &len);
                // The handler gets a C string: what was trimmed off the end becomes its NUL.
                if (r->text.p)
                        r->text.p[(size_t)(s - r->text.p) + len] = 0;
                result = r->h->leaf(r->path, s, len, r->h->arg);
                if (result)
                        stop(r, result, NULL);
        }
        buf_reset(&r->text);
        r->depth--;
        r->path_n -= n + (r->depth ? 1 : 0);
        r->path[r->path_n] = 0;
        r->parent = true;
}

static void on_text(void *arg, const XML_Char *s, int n)
{
        struct reader *r = arg;

        if (r->result || n <= 0)
                return;
        if (buf_append(&r->text, s, (size_t)n) < 0)
                stop(r, buf_error(&r->text) == -ENOMEM ? -ENOMEM : -EBADMSG,
                        buf_error(&r->text) == -ENOMEM ? NULL : "has an element that is too long");
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
        int has_internal_subset)
{
        (void)name;
        (void)sysid;
        (void)pubid;
        (void)has_internal_subset;
        stop(arg, -EBADMSG, "has a DOCTYPE");
}

static int parse(struct reader *r, const void *xml, size_t n)
{
        XML_SetUserData(r->parser, r);
        XML_SetElementHandler(r->parser, on_start, on_end);
        XML_SetCharacterDataHandler(r->parser, on_text);
        XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
        if (XML_Parse(r->parser, xml, (int)n, XML_TRUE) == XML_STATUS_OK)
                return 0;
        if (r->result)
                return r->result;
        if (XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY)
                return -ENOMEM;
        err_set(r->err, "the XML document is wrong at line %lu: %s", XML_GetCurrentLineNumber(r->parser),
                XML_ErrorString(XML_GetErrorCode(r->parser)));
        return -EBADMSG;
}

// n bytes, at most max; max is at most INT_MAX.
int sts_xml_read(const void *xml, size_t n, size_t max, const struct sts_xml_handler *h, struct err *err)
{
        static const XML_Memory_Handling_Suite memory = {malloc, zrealloc, zfree};
        struct reader r = {.h = h, .text = BUF_INIT(STS_XML_TEXT_MAX), .err = err};
        int result;

        if (n == 0 || n > max) {
                err_set(err, n ? "the XML document is larger than %zu bytes" : "the XML document is empty",
                        max);
                return -EBADMSG;
        }
        r.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
        if (!r.parser)
                return -ENOMEM;
        result = parse(&r, xml, n);
        XML_ParserFree(r.parser);
        buf_deinit(&r.text);
        return result;
}
