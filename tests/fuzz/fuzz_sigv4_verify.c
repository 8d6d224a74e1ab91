// SPDX-License-Identifier: Apache-2.0
//
// A request as text ("POST /path?query", headers, an empty line, the body). The verifier reads it as it is;
// then the same request is signed in both forms, and what we signed must verify.
#include "sigv4.h"

#define NOW 1440938160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text_request {
        struct sigv4_header headers[64];
        struct sigv4_request q;
};

// Cuts text (which ends in NUL) into a request in place; false where it is none.
static bool cut(struct text_request *t, char *s, char *end)
{
        char *space = strchr(s, ' '), *nl = strchr(s, '\n'), *query;

        if (!space || !nl || space > nl)
                return false;
        *space = *nl = 0;
        query = strchr(space + 1, '?');
        t->q = (struct sigv4_request){.method = s, .path = space + 1, .headers = t->headers};
        if (query) {
                *query = 0;
                t->q.query = query + 1;
        }
        for (s = nl + 1; *s && *s != '\n'; s = nl + 1) {
                char *colon = strchr(s, ':');

                nl = strchr(s, '\n');
                if (!colon || !nl || colon > nl || t->q.n_headers == ARRAY_SIZE(t->headers) - 4)
                        return false;
                *colon = *nl = 0;
                t->headers[t->q.n_headers++] = (struct sigv4_header){s, colon + 1};
        }
        t->q.body = *s ? s + 1 : s;
        t->q.body_len = (size_t)(end - (const char *)t->q.body);
        return true;
}

static void round_trip(
        struct text_request *t, const struct sigv4_credentials *cred, unsigned flags, int64_t expires_s)
{
        struct sigv4_params p = {"us-east-1", "service", NOW, flags, expires_s};
        struct sigv4_result r = SIGV4_RESULT_INIT;
        struct text_request u = *t;

        if (u.q.query && (strstr(u.q.query, "X-Amz-") || strchr(u.q.query, '%')))
                return; // it may name the signature's own parameters
        u.q.headers = u.headers;
        if (sigv4_sign(&r, &u.q, cred, &p, NULL) == 0) {
                if (expires_s) {
                        u.q.query = buf_str(&r.signed_query);
                } else {
                        u.headers[u.q.n_headers++] = (struct sigv4_header){"X-Amz-Date", r.amz_date};
                        u.headers[u.q.n_headers++] =
                                (struct sigv4_header){"Authorization", buf_str(&r.authorization)};
                        u.headers[u.q.n_headers++] = (struct sigv4_header){
                                "X-Amz-Security-Token", secret_str(cred->session_token)};
                        if (r.content_sha256[0])
                                u.headers[u.q.n_headers++] =
                                        (struct sigv4_header){"x-amz-content-sha256", r.content_sha256};
                }
                if (sigv4_verify(&u.q, cred, "us-east-1", "service", NOW, flags, NULL) != 0)
                        abort();
        }
        sigv4_result_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct secret *key, *token;
        struct sigv4_credentials plain, with_token;
        struct text_request t = {0};
        struct sigv4_claim claim;
        struct err err = ERR_INIT;
        char *text = malloc(size + 1);

        if (!text || (!key && (secret_new_str(&key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") < 0 ||
                                      secret_new_str(&token, "EXAMPLETOKEN") < 0)))
                abort();
        plain = (struct sigv4_credentials){"AKIDEXAMPLE", key, NULL};
        with_token = (struct sigv4_credentials){"AKIDEXAMPLE", key, token};
        if (size)
                memcpy(text, data, size);
        text[size] = 0;
        if (cut(&t, text, text + size)) {
                int r = sigv4_read_claim(&claim, &t.q, &err);
                int v = sigv4_verify(&t.q, &plain, NULL, NULL, NOW, SIGV4_DEFAULT, NULL);

                if ((r > 0) != (err.text[0] != 0) || (r > 0 && v != r))
                        abort();
                // nobody has ever signed with this token
                if (sigv4_verify(
                            &t.q, &with_token, NULL, NULL, NOW, SIGV4_S3 | SIGV4_UNSIGNED_PAYLOAD, NULL) == 0)
                        abort();
                round_trip(&t, &with_token, SIGV4_DEFAULT, 0);
                round_trip(&t, &with_token, SIGV4_DEFAULT, 60);
                round_trip(&t, &with_token, SIGV4_S3, 0);
        }
        free(text);
        return 0;
}
