// SPDX-License-Identifier: Apache-2.0
//
// A site elsewhere can make a browser send a form here, but it cannot read our cookie nor make its seal: a
// form counts when the browser brings a cookie and the form the seal of that cookie. SameSite=Strict and the
// Origin check of modern browsers stand in front of that.
#include "op_form.h"

#include <stdio.h>

#include "random.h"

#define COOKIE "valetkey_sandbox"

static void seal_of(const struct op *op, const char *cookie, char ret[33])
{
        char text[64];

        snprintf(text, sizeof text, "form:%s", cookie);
        op_seal(op, text, ret);
}

static bool read_cookie(const struct web_request *r, char ret[33])
{
        return web_cookie(r, COOKIE, ret, 33) && strlen(ret) == 32 && strspn(ret, "0123456789abcdef") == 32;
}

bool op_form_is_ours(const struct web_request *r)
{
        const char *token = web_param(r, "form_token"), *origin = web_header(r, "Origin");
        char cookie[33], want[33];

        if (origin && strcmp(origin, r->cloud->base) != 0)
                return false;
        if (!token || !read_cookie(r, cookie))
                return false;
        seal_of(r->cloud->op, cookie, want);
        return strlen(token) == 32 && memcmp(token, want, 32) == 0;
}

int op_page_begin(struct op_page *p, struct web_request *r, const char *title)
{
        char cookie[33];

        *p = (struct op_page){.html = BUF_INIT(OP_PAGE_MAX)};
        if (!read_cookie(r, cookie)) {
                int k = random_hex(cookie, 16);

                if (k < 0)
                        return k;
                snprintf(p->cookie, sizeof p->cookie, COOKIE "=%s; Path=/oidc; HttpOnly; SameSite=Strict",
                        cookie);
        }
        seal_of(r->cloud->op, cookie, p->form_token);
        op_page_html(p, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width\">"
                        "<link rel=\"stylesheet\" href=\"/oidc/style.css\"><title>");
        op_page_text(p, title);
        op_page_html(p, "</title>\n<main><h1>");
        op_page_text(p, title);
        return op_page_html(p, "</h1>\n");
}

int op_page_html(struct op_page *p, const char *s)
{
        return buf_append_str(&p->html, s);
}

int op_page_text(struct op_page *p, const char *s)
{
        for (; s && *s; s++) {
                switch (*s) {
                case '&':
                        buf_append_str(&p->html, "&amp;");
                        break;
                case '<':
                        buf_append_str(&p->html, "&lt;");
                        break;
                case '>':
                        buf_append_str(&p->html, "&gt;");
                        break;
                case '"':
                        buf_append_str(&p->html, "&quot;");
                        break;
                case '\'':
                        buf_append_str(&p->html, "&#39;");
                        break;
                default:
                        buf_append_char(&p->html, *s);
                }
        }
        return buf_error(&p->html);
}

int op_page_hidden(struct op_page *p, const char *name, const char *value)
{
        if (!value)
                return 0;
        op_page_html(p, "<input type=\"hidden\" name=\"");
        op_page_text(p, name);
        op_page_html(p, "\" value=\"");
        op_page_text(p, value);
        return op_page_html(p, "\">\n");
}

void op_page_form_begin(struct op_page *p, const char *path)
{
        op_page_html(p, "<form method=\"post\" action=\"");
        op_page_text(p, path);
        op_page_html(p, "\">\n");
        op_page_hidden(p, "form_token", p->form_token);
}

void op_page_form_end(struct op_page *p, const struct dir *d)
{
        op_page_html(p, "<fieldset><legend>Sign in as</legend>\n");
        for (size_t i = 0; i < d->n_users; i++) {
                op_page_html(p, "<label><input type=\"radio\" name=\"user\" value=\"");
                op_page_text(p, d->users[i].name);
                op_page_html(p, i == 0 ? "\" checked> " : "\"> ");
                op_page_text(p, d->users[i].name);
                op_page_html(p, "</label>\n");
        }
        op_page_html(p, "</fieldset>\n<button name=\"decision\" value=\"allow\">Allow</button>\n"
                        "<button name=\"decision\" value=\"deny\">Deny</button>\n</form>\n");
}

void op_page_send(struct op_page *p, struct web_request *r, int status, const char *form_to)
{
        char csp[512];
        const char *headers[] = {"Content-Security-Policy", csp, "Referrer-Policy", "same-origin",
                "X-Frame-Options", "DENY", p->cookie[0] ? "Set-Cookie" : NULL, p->cookie, NULL};

        snprintf(csp, sizeof csp,
                "default-src 'none'; style-src 'self'; form-action 'self'%s%s; frame-ancestors 'none'; "
                "base-uri 'none'",
                form_to ? " " : "", form_to ? form_to : "");
        op_page_html(p, "</main></html>\n");
        if (buf_error(&p->html))
                web_reply_out_of_memory(r);
        else
                web_reply(r, status, "text/html; charset=utf-8", p->html.p, p->html.n, headers);
        buf_deinit(&p->html);
}

void op_page_say(struct web_request *r, int status, const char *title, const char *text)
{
        struct op_page p;

        if (op_page_begin(&p, r, title) < 0) {
                web_reply_out_of_memory(r);
                return;
        }
        op_page_html(&p, "<p>");
        op_page_text(&p, text);
        op_page_html(&p, "</p>\n");
        op_page_send(&p, r, status, /* form_to= */ NULL);
}

void op_page_style(struct web_request *r)
{
        static const char css[] =
                "body{font:1.1rem/1.5 system-ui,sans-serif;background:#eef1f4;color:#1b2733;margin:0}"
                "main{max-width:26rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:.6rem}"
                "h1{font-size:1.4rem;margin-top:0}code{font-size:1.3em;letter-spacing:.1em}"
                "fieldset{border:1px solid #c6ced6;border-radius:.4rem;margin:1rem 0}label{display:block}"
                "button{font:inherit;padding:.4rem 1.4rem;margin-right:.6rem}";

        web_reply(r, 200, "text/css", css, sizeof css - 1, NULL);
}

// ---- the device flow's page -----------------------------------------------------------------------------------------

static void ask_for_code(struct op_page *p)
{
        op_page_html(p,
                "<p>Type the code that your device shows.</p>\n<form method=\"get\" action=\"/oidc/device\">"
                "<input name=\"user_code\" autocomplete=\"off\" autofocus> "
                "<button>Continue</button></form>\n");
}

void op_page_device(struct web_request *r)
{
        const char *typed = web_param(r, "user_code");
        const struct device *d = op_device_by_user_code(r->cloud->op, typed, op_now_s(r));
        struct op_page p;

        if (op_page_begin(&p, r, "Sign in to a device") < 0) {
                web_reply_out_of_memory(r);
                return;
        }
        if (!d) {
                if (typed)
                        op_page_html(&p, "<p><strong>No sign-in waits for this code.</strong> It may have "
                                         "expired.</p>\n");
                ask_for_code(&p);
        } else {
                op_page_html(&p, "<p>Does your device show this code?</p><p><code>");
                op_page_text(&p, d->user_code);
                op_page_html(&p, "</code></p><p>Client <strong>");
                op_page_text(&p, d->client_id);
                op_page_html(&p, "</strong> asks for: ");
                op_page_text(&p, d->scope);
                op_page_html(&p, "</p>\n");
                op_page_form_begin(&p, "/oidc/device");
                op_page_hidden(&p, "user_code", d->user_code);
                op_page_form_end(&p, r->cloud->dir);
        }
        op_page_send(&p, r, 200, /* form_to= */ NULL);
}

void op_page_device_decide(struct web_request *r)
{
        const char *decision = web_param(r, "decision");
        bool allow = decision && strcmp(decision, "allow") == 0;

        if (!op_form_is_ours(r))
                op_page_say(r, 403, "Not accepted",
                        "This form did not come from this page. Open the link again.");
        else if (op_device_decide(r->cloud, web_param(r, "user_code"), web_param(r, "user"), allow) < 0)
                op_page_say(r, 404, "Not found", "No sign-in waits for this code. It may have expired.");
        else
                op_page_say(r, 200, allow ? "Signed in" : "Declined",
                        "You may close this page and go back to your device.");
}
