// SPDX-License-Identifier: Apache-2.0
//
// Answers in XML as STS writes them.
#include "xml.h"

#include "faults.h"

#include "iam_service.h"

#define ANSWER_MAX (128u << 10)

static int escape(struct buf *b, const char *s)
{
        int r = 0;

        for (; r == 0 && *s; s++) {
                switch (*s) {
                case '&':
                        r = buf_append_str(b, "&amp;");
                        break;
                case '<':
                        r = buf_append_str(b, "&lt;");
                        break;
                case '>':
                        r = buf_append_str(b, "&gt;");
                        break;
                case '"':
                        r = buf_append_str(b, "&quot;");
                        break;
                default:
                        // XML 1.0 has no way to write other control characters.
                        r = buf_append_char(
                                b, (unsigned char)*s < 0x20 && *s != '\n' && *s != '\t' ? '?' : *s);
                }
        }
        return r;
}

int xml_text(struct buf *b, const char *name, const char *text)
{
        if (!text)
                return 0;
        buf_printf(b, "<%s>", name);
        escape(b, text);
        return buf_printf(b, "</%s>", name);
}

int xml_int(struct buf *b, const char *name, int64_t v)
{
        return buf_printf(b, "<%s>%lld</%s>", name, (long long)v, name);
}

static void reply(struct web_request *r, int status, struct buf *b)
{
        cleanup_buf struct buf with_doctype = BUF_INIT(ANSWER_MAX);
        static const char doctype[] = "<!DOCTYPE x [<!ENTITY e \"entity\">]>\n";

        if (faults_take(r->cloud->faults, FAULTS_DOCTYPE, SERVICE_STS, r->op)) {
                buf_append_str(&with_doctype, doctype);
                buf_append(&with_doctype, b->p, b->n);
                b = &with_doctype;
        }
        if (buf_error(b))
                web_reply_out_of_memory(r);
        else
                web_reply(r, status, "text/xml", b->p, b->n, NULL);
}

static const char *namespace_of(const struct web_request *r)
{
        const char *version = web_param(r, "Version");

        return version && strcmp(version, IAM_VERSION) == 0 ? "https://iam.amazonaws.com/doc/" IAM_VERSION "/"
                                                            : "https://sts.amazonaws.com/doc/2011-06-15/";
}

void xml_reply_result(struct web_request *r, const char *op, const struct buf *result)
{
        cleanup_buf struct buf b = BUF_INIT(ANSWER_MAX);

        if (buf_error(result)) {
                web_reply_out_of_memory(r);
                return;
        }
        buf_printf(&b, "<%sResponse xmlns=\"%s\">\n  <%sResult>", op, namespace_of(r), op);
        buf_append(&b, buf_str(result), result->n);
        buf_printf(&b, "</%sResult>\n  <ResponseMetadata>", op);
        xml_text(&b, "RequestId", r->id);
        buf_printf(&b, "</ResponseMetadata>\n</%sResponse>\n", op);
        reply(r, 200, &b);
}

void xml_reply_error(struct web_request *r, int status, const char *code, const char *message)
{
        cleanup_buf struct buf b = BUF_INIT(ANSWER_MAX);

        buf_printf(&b, "<ErrorResponse xmlns=\"%s\">\n  <Error>\n    ", namespace_of(r));
        xml_text(&b, "Type", status < 500 ? "Sender" : "Receiver");
        buf_append_str(&b, "\n    ");
        xml_text(&b, "Code", code);
        buf_append_str(&b, "\n    ");
        xml_text(&b, "Message", message);
        buf_append_str(&b, "\n  </Error>\n  ");
        xml_text(&b, "RequestId", r->id);
        buf_append_str(&b, "\n</ErrorResponse>\n");
        reply(r, status, &b);
}
