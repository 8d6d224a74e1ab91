// SPDX-License-Identifier: Apache-2.0
//
// A request that is signed by us and can then be tampered with, for the tests of the SigV4 verifier.
#pragma once

#include "sigv4.h"

#include <assert.h>
#include <stdio.h>

#define WORLD_NOW 1440938160 // 2015-08-30T12:36:00Z

struct world {
        struct sigv4_header headers[300];
        struct sigv4_request q;
        struct sigv4_credentials cred;
        struct sigv4_params params;
        struct secret *key, *token;
        struct sigv4_result r;
};

static inline void world_header(struct world *w, const char *name, const char *value)
{
        assert(w->q.n_headers < ARRAY_SIZE(w->headers));
        w->headers[w->q.n_headers++] = (struct sigv4_header){name, value};
}

static inline void world_init(struct world *w, const char *token)
{
        memset(w, 0, sizeof *w);
        w->r = (struct sigv4_result)SIGV4_RESULT_INIT;
        assert(secret_new_str(&w->key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") == 0);
        if (token)
                assert(secret_new_str(&w->token, token) == 0);
        w->cred = (struct sigv4_credentials){"AKIDEXAMPLE", w->key, w->token};
        w->params = (struct sigv4_params){"us-east-1", "sts", WORLD_NOW, SIGV4_DEFAULT, 0};
        w->q = (struct sigv4_request){.method = "POST",
                .path = "/",
                .headers = w->headers,
                .body = "Action=GetCallerIdentity",
                .body_len = 24};
        world_header(w, "Host", "sts.us-east-1.amazonaws.com");
        world_header(w, "Content-Type", "application/x-www-form-urlencoded");
}

static inline void world_deinit(struct world *w)
{
        sigv4_result_deinit(&w->r);
        w->key = secret_free(w->key);
        w->token = secret_free(w->token);
}

static inline int world_sign_only(struct world *w, struct err *err)
{
        return sigv4_sign(&w->r, &w->q, &w->cred, &w->params, err);
}

// Signs and puts what signing made onto the request.
static inline void world_sign(struct world *w)
{
        int r = world_sign_only(w, NULL);

        assert(r == 0);
        if (w->params.expires_s) {
                w->q.query = buf_str(&w->r.signed_query);
                return;
        }
        world_header(w, "X-Amz-Date", w->r.amz_date);
        if (w->r.content_sha256[0])
                world_header(w, "X-Amz-Content-Sha256", w->r.content_sha256);
        if (w->token)
                world_header(w, "X-Amz-Security-Token", secret_str(w->token));
        world_header(w, "Authorization", buf_str(&w->r.authorization));
}

static inline int world_verify_at(const struct world *w, int64_t now_s, struct err *err)
{
        return sigv4_verify(&w->q, &w->cred, "us-east-1", "sts", now_s, w->params.flags, err);
}

static inline int world_verify(const struct world *w)
{
        struct err err = ERR_INIT;
        int r = world_verify_at(w, WORLD_NOW, &err);

        assert((r > 0) == (err.text[0] != 0)); // a refusal says why
        return r;
}

static inline void world_replace(struct world *w, const char *name, const char *value)
{
        for (size_t i = 0; i < w->q.n_headers; i++)
                if (strcasecmp(w->headers[i].name, name) == 0)
                        w->headers[i].value = value;
}

static inline void world_remove(struct world *w, const char *name)
{
        size_t o = 0;

        for (size_t i = 0; i < w->q.n_headers; i++)
                if (strcasecmp(w->headers[i].name, name) != 0)
                        w->headers[o++] = w->headers[i];
        w->q.n_headers = o;
}

#define cleanup_world _cleanup_(world_deinit)
