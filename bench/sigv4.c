// SPDX-License-Identifier: Apache-2.0
//
// How many SigV4 signatures a second of CPU time yields: sigv4 [SECONDS] prints, for each form, the signature it
// made (so that whoever compares can see that it is the same work) and the rate. Then the part of it that nobody gets around:
// two digests and five HMACs over as many bytes, by OpenSSL, fetched once. bench/sigv4.sh holds botocore and aws-c-auth
// against it.
#include "sigv4.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <time.h>

#define NOW   1795316645 // 2026-11-22T03:04:05Z
#define BODY  "Action=GetCallerIdentity&Version=2011-06-15"
#define TOKEN "IQoJb3JpZ2luX2VjEXAMPLETOKEN"

static struct sigv4_header headers[8] = {{"Host", "sts.eu-central-1.amazonaws.com"},
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
static struct sigv4_request request = {.method = "POST",
        .path = "/",
        .headers = headers,
        .n_headers = 2,
        .body = BODY,
        .body_len = sizeof BODY - 1};

static double cpu_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const char *what)
{
        if (r == 0)
                return;
        fprintf(stderr, "bench/sigv4: %s: %d\n", what, r);
        exit(1);
}

static void sign(const struct sigv4_credentials *cred, const struct sigv4_params *p, struct sigv4_result *r)
{
        *r = (struct sigv4_result)SIGV4_RESULT_INIT;
        must(sigv4_sign(r, &request, cred, p, NULL), "sign");
}

// The length of the canonical request.
static size_t measure_signing(
        const char *name, const struct sigv4_credentials *cred, int64_t expires_s, double seconds)
{
        struct sigv4_params p = {"eu-central-1", "sts", NOW, SIGV4_DEFAULT, expires_s};
        struct sigv4_result r;
        unsigned long n = 0;
        double start, took;
        size_t canonical_n;

        sign(cred, &p, &r);
        printf("%s %s ", name, r.signature);
        canonical_n = r.canonical_request.n;
        sigv4_result_deinit(&r);
        start = cpu_s();
        do {
                for (int i = 0; i < 100; i++) {
                        sign(cred, &p, &r);
                        sigv4_result_deinit(&r);
                }
                n += 100;
                took = cpu_s() - start;
        } while (took < seconds);
        printf("%.0f\n", (double)n / took);
        return canonical_n;
}

static void measure_verifying(const struct sigv4_credentials *cred, double seconds)
{
        struct sigv4_params p = {"eu-central-1", "sts", NOW, SIGV4_DEFAULT, 0};
        struct sigv4_result r;
        unsigned long n = 0;
        double start, took;

        sign(cred, &p, &r);
        headers[2] = (struct sigv4_header){"X-Amz-Date", r.amz_date};
        headers[3] = (struct sigv4_header){"X-Amz-Security-Token", TOKEN};
        headers[4] = (struct sigv4_header){"Authorization", buf_str(&r.authorization)};
        request.n_headers = 5;
        start = cpu_s();
        do {
                for (int i = 0; i < 100; i++)
                        must(sigv4_verify(&request, cred, "eu-central-1", "sts", NOW, SIGV4_DEFAULT, NULL),
                                "verify");
                n += 100;
                took = cpu_s() - start;
        } while (took < seconds);
        printf("verify %s %.0f\n", r.signature, (double)n / took);
        sigv4_result_deinit(&r);
}

// What a signature of this request comes down to: the body's and the canonical request's digest, the four links of the key, and
// the signature itself.
static void measure_bare(size_t canonical_n, double seconds)
{
        static const size_t texts[] = {8, 12, 3, 12, 138};
        char digest_name[] = "SHA256", text[4096] = "";
        const OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string("digest", digest_name, 0), OSSL_PARAM_construct_end()};
        EVP_MD *digest = EVP_MD_fetch(NULL, "SHA256", NULL);
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
        unsigned char out[32] = {0};
        unsigned long n = 0;
        double start, took;
        unsigned got;
        size_t len;

        must(EVP_MAC_CTX_set_params(c, params) != 1, "HMAC");
        start = cpu_s();
        do {
                for (int i = 0; i < 100; i++) {
                        must(EVP_Digest(BODY, sizeof BODY - 1, out, &got, digest, NULL) != 1, "SHA-256");
                        must(EVP_Digest(text, canonical_n, out, &got, digest, NULL) != 1, "SHA-256");
                        for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
                                must(EVP_MAC_init(c, out, sizeof out, NULL) != 1 ||
                                                EVP_MAC_update(c, (unsigned char *)text, texts[k]) != 1 ||
                                                EVP_MAC_final(c, out, &len, sizeof out) != 1,
                                        "HMAC");
                }
                n += 100;
                took = cpu_s() - start;
        } while (took < seconds);
        printf("bare - %.0f\n", (double)n / took);
        EVP_MAC_CTX_free(c);
        EVP_MAC_free(mac);
        EVP_MD_free(digest);
}

int main(int argc, char **argv)
{
        double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
        struct secret *key = NULL, *token = NULL;
        struct sigv4_credentials cred;
        size_t canonical_n;

        must(secret_new_str(&key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "key");
        must(secret_new_str(&token, TOKEN), "token");
        cred = (struct sigv4_credentials){"AKIDEXAMPLE", key, token};
        canonical_n = measure_signing("header", &cred, 0, seconds);
        (void)measure_signing("query", &cred, 900, seconds);
        measure_verifying(&cred, seconds);
        measure_bare(canonical_n, seconds);
        secret_free(key);
        secret_free(token);
        return 0;
}
