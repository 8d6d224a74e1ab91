// SPDX-License-Identifier: Apache-2.0
//
// The signing test suite of AWS (aws-c-auth): each case in header and in query form, and each intermediate
// step; then the suite's own signed request goes through the verifier. The suite is not part of the tree: it
// is looked for in $SHARED or beside the tree, and without it the test is skipped and says so.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "json.h"
#include "sigv4.h"
#include "timefmt.h"

#include <dirent.h>
#include <stdio.h>

#define TEXT_MAX (1u << 16)

static char suite[3000];

// A request.txt: request line, headers (folded lines belong to the one before), an empty line, the body.
struct text_request {
        char text[TEXT_MAX];
        struct sigv4_header headers[32];
        struct sigv4_request r;
};

static size_t read_file(char dst[TEXT_MAX], const char *name, const char *file)
{
        char path[4096];
        FILE *f;
        size_t n;

        snprintf(path, sizeof path, "%s/%s/%s", suite, name, file);
        f = fopen(path, "re");
        assert_non_null(f);
        n = fread(dst, 1, TEXT_MAX - 1, f);
        fclose(f);
        dst[n] = 0;
        return n;
}

static void parse_headers(struct text_request *q, char *s)
{
        while (s && *s && *s != '\n') {
                char *end = strchr(s, '\n'), *colon = strchr(s, ':');

                // a folded line: the fold reads as white space
                while (end && (end[1] == ' ' || end[1] == '\t')) {
                        *end = ' ';
                        end = strchr(end, '\n');
                }
                assert_non_null(colon);
                *colon = 0;
                if (end)
                        *end = 0;
                assert_true(q->r.n_headers < ARRAY_SIZE(q->headers));
                q->headers[q->r.n_headers++] = (struct sigv4_header){s, colon + 1};
                s = end ? end + 1 : NULL;
        }
        if (s && *s == '\n') {
                q->r.body = s + 1;
                q->r.body_len = strlen(s + 1);
        }
}

static void read_request(struct text_request *q, const char *name, const char *file)
{
        char *s, *end;

        memset(q, 0, sizeof *q);
        read_file(q->text, name, file);
        q->r.headers = q->headers;
        q->r.method = q->text;
        s = strchr(q->text, ' ');
        assert_non_null(s);
        *s++ = 0;
        q->r.path = s;
        end = strstr(s, " HTTP/1.1");
        assert_non_null(end);
        *end = 0;
        s = strchr(s, '?');
        if (s) {
                *s = 0;
                q->r.query = s + 1;
        }
        s = strchr(end + 1, '\n');
        parse_headers(q, s ? s + 1 : NULL);
}

struct context {
        json_t *doc;
        struct secret *key, *token;
        struct sigv4_credentials cred;
        struct sigv4_params params;
};

static void read_context(struct context *c, const char *name)
{
        char text[TEXT_MAX];
        size_t n = read_file(text, name, "context.json");
        const char *s = NULL;
        bool b = false;

        memset(c, 0, sizeof *c);
        assert_int_equal(json_parse(&c->doc, text, n, NULL), 0);
        const json_t *cred = json_object_get(c->doc, "credentials");

        assert_int_equal(json_get_string(cred, "access_key_id", 100, &c->cred.access_key_id), 0);
        assert_int_equal(json_get_string(cred, "secret_access_key", 100, &s), 0);
        assert_int_equal(secret_new_str(&c->key, s), 0);
        c->cred.secret_access_key = c->key;
        if (json_get_string(cred, "token", 4000, &s) == 0) {
                assert_int_equal(secret_new_str(&c->token, s), 0);
                c->cred.session_token = c->token;
        }
        assert_int_equal(json_get_string(c->doc, "region", 100, &c->params.region), 0);
        assert_int_equal(json_get_string(c->doc, "service", 100, &c->params.service), 0);
        assert_int_equal(json_get_string(c->doc, "timestamp", 100, &s), 0);
        assert_int_equal(time_parse_iso(s, &c->params.time_s), 0);
        assert_int_equal(json_get_int64(c->doc, "expiration_in_seconds", &c->params.expires_s), 0);
        c->params.flags = SIGV4_DOUBLE_ENCODE;
        assert_int_equal(json_get_bool(c->doc, "normalize", &b), 0);
        c->params.flags |= b ? SIGV4_NORMALIZE_PATH : 0u;
        assert_int_equal(json_get_bool(c->doc, "sign_body", &b), 0);
        c->params.flags |= b ? SIGV4_SIGN_BODY : 0u;
        if (json_get_bool(c->doc, "omit_session_token", &b) == 0 && b)
                c->params.flags |= SIGV4_TOKEN_AFTER_SIGNING;
}

static void context_deinit(struct context *c)
{
        json_decref(c->doc);
        secret_free(c->key);
        secret_free(c->token);
}

static void equals_file(const char *got, const char *name, const char *form, const char *what)
{
        char want[TEXT_MAX], file[100];

        snprintf(file, sizeof file, "%s-%s.txt", form, what);
        read_file(want, name, file);
        if (strcmp(got, want) != 0)
                print_error("case %s, %s:\n%s\n-- instead of --\n%s\n", name, file, got, want);
        assert_string_equal(got, want);
}

static const char *header_of(const struct sigv4_request *r, const char *name)
{
        for (size_t i = 0; i < r->n_headers; i++)
                if (strcasecmp(r->headers[i].name, name) == 0)
                        return r->headers[i].value;
        return NULL;
}

// Signs the case in one form and holds every step against the suite.
static void sign_case(const char *name, struct context *c, bool query)
{
        static struct text_request q, ready;
        struct sigv4_result r = SIGV4_RESULT_INIT;
        struct sigv4_params p = c->params;
        const char *form = query ? "query" : "header";
        char file[100];

        p.expires_s = query ? p.expires_s : 0;
        read_request(&q, name, "request.txt");
        assert_int_equal(sigv4_sign(&r, &q.r, &c->cred, &p, NULL), 0);
        equals_file(buf_str(&r.canonical_request), name, form, "canonical-request");
        equals_file(buf_str(&r.string_to_sign), name, form, "string-to-sign");
        equals_file(r.signature, name, form, "signature");

        snprintf(file, sizeof file, "%s-signed-request.txt", form);
        read_request(&ready, name, file);
        if (query) {
                assert_string_equal(buf_str(&r.signed_query), ready.r.query);
        } else {
                assert_string_equal(buf_str(&r.authorization), header_of(&ready.r, "Authorization"));
                assert_string_equal(r.amz_date, header_of(&ready.r, "X-Amz-Date"));
                assert_int_equal(
                        r.content_sha256[0] != 0, header_of(&ready.r, "X-Amz-Content-Sha256") != NULL);
        }
        // and what the suite signed, we accept
        assert_int_equal(sigv4_verify(&ready.r, &c->cred, p.region, p.service, p.time_s, p.flags, NULL), 0);
        assert_int_equal(sigv4_verify(&ready.r, &c->cred, NULL, NULL, p.time_s, p.flags, NULL), 0);
        sigv4_result_deinit(&r);
}

static int is_case(const struct dirent *d)
{
        return d->d_name[0] != '.';
}

static void find_suite(void)
{
        const char *shared = getenv("SHARED"), *top = getenv("VALETKEY_TOP");

        if (shared)
                snprintf(suite, sizeof suite, "%s/aws-signing-test-suite/v4", shared);
        else
                snprintf(suite, sizeof suite, "%s/../shared/aws-signing-test-suite/v4", top ? top : ".");
}

static void every_case_of_the_aws_signing_suite(void **state)
{
        struct dirent **names = NULL;
        int n;

        (void)state;
        find_suite();
        n = scandir(suite, &names, is_case, alphasort);
        if (n < 0) {
                print_message("# no AWS signing test suite at %s\n", suite);
                skip();
        }
        assert_true(n >= 30);
        for (int i = 0; i < n; i++) {
                struct context c;

                read_context(&c, names[i]->d_name);
                sign_case(names[i]->d_name, &c, false);
                sign_case(names[i]->d_name, &c, true);
                context_deinit(&c);
                free(names[i]);
        }
        free(names);
        print_message("# %d cases in both forms\n", n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_case_of_the_aws_signing_suite),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
