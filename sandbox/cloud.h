// SPDX-License-Identifier: Apache-2.0
//
// One running sandbox: what its provider, its STS and its control share. Everything lives in memory and on
// one thread.
#pragma once

#include <jansson.h>

#include "err.h"
#include "util.h"

struct dir;
struct faults;
struct http;
struct keyring;
struct loop;
struct op;
struct sts;
struct web;

struct cloud {
        struct loop *loop;
        struct http *http; // for foreign providers' keys
        struct web *web;
        struct faults *faults;
        struct dir *dir; // users, clients, providers, roles
        char *dir_path;
        struct keyring *keys;
        struct op *op;   // the provider's state
        struct sts *sts; // sessions
        json_t *stats;   // operation name → how often
        char base[40];   // "http://127.0.0.1:PORT"
        char issuer[48]; // base and "/oidc"
};

// The wall clock as this service shows it to the world: seconds, the clock_skew switch included.
int64_t cloud_now_s(const struct cloud *c, const char *service);
// Counts one more of that name.
void cloud_count(struct cloud *c, const char *name);
// The issuer without its scheme: how IAM names a provider and begins its condition keys.
const char *cloud_issuer_name(const struct cloud *c);

#define SERVICE_OIDC "oidc"
#define SERVICE_STS  "sts"
