// SPDX-License-Identifier: Apache-2.0
//
// A raw request: parsed, its host asked for service and region, and signed where it parses. What was signed verifies.
#include "aws_host.h"
#include "http_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign_and_verify(const struct http_message *m)
{
        struct sigv4_request signed_ = m->request;
        static const char key[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        struct sigv4_result r = SIGV4_RESULT_INIT;
        struct sigv4_credentials cred = {.access_key_id = "AKIDEXAMPLE"};
        struct secret *secret = NULL;
        struct sigv4_params p = {"us-east-1", "service", 1440938160, SIGV4_DEFAULT, 0};
        struct sigv4_header headers[HTTP_MESSAGE_HEADERS_MAX + 2];
        size_t n = m->request.n_headers;

        if (secret_new_str(&secret, key) < 0)
                abort();
        cred.secret_access_key = secret;
        if (sigv4_sign(&r, &m->request, &cred, &p, NULL) == 0) {
                memcpy(headers, m->headers, n * sizeof *headers);
                headers[n++] = (struct sigv4_header){"X-Amz-Date", r.amz_date};
                headers[n++] = (struct sigv4_header){"Authorization", buf_str(&r.authorization)};
                signed_.headers = headers;
                signed_.n_headers = n;
                if (sigv4_verify(&signed_, &cred, "us-east-1", "service", p.time_s, p.flags, NULL) != 0)
                        abort();
        }
        sigv4_result_deinit(&r);
        secret_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct http_message m;
        struct aws_host h;
        const char *host;

        if (http_message_parse(&m, data, size, NULL) < 0)
                return 0;
        host = http_message_header(&m, "host");
        if (host && aws_host_parse(&h, host) == 0 && (!h.service[0] || !h.region[0]))
                abort();
        sign_and_verify(&m);
        http_message_deinit(&m);
        return 0;
}
