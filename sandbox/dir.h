// SPDX-License-Identifier: Apache-2.0
//
// The account as a directory of plain files: users, clients, providers and roles, the latter with the very
// JSON documents one gives to IAM. Read whole and checked whole: either everything is right or the file that
// is not is named. "${issuer}" in any file stands for the sandbox's own issuer without its scheme.
#pragma once

#include <jansson.h>

#include "err.h"
#include "policy.h"

#define DIR_ENTRIES_MAX 256 // of each kind

struct dir_user {
        char *name;
        const char *sub;
        json_t *claims; // all of them, sub included
};

struct dir_client {
        char *id;
        const char *alg;       // what its ID tokens are signed with
        const char *secret;    // NULL: a public client
        const char *azp;       // NULL: no azp in its ID tokens
        json_t *redirect_uris; // NULL: any path and port on the loopback interface (RFC 8252)
        json_t *doc;
};

struct dir_provider { // an IAM OpenID Connect provider
        char *arn;
        char *name; // host/path: what condition keys begin with
        char *url;  // the issuer
        char *account;
        char *ca_file; // NULL
        json_t *client_ids;
};

struct dir_policy {
        char *name;
        char *text; // as IAM hands it out
        struct policy *policy;
        unsigned level; // of a service control policy
};
struct dir_attachment { // of a managed policy
        char *arn;      // as role.json has it; NULL: none
        const struct dir_policy *managed;
};

struct dir_role {
        char *arn, *account, *name;
        char id[22]; // "AROA…"
        int64_t max_duration_s;
        struct policy *trust;
        char *trust_text;
        struct dir_policy *inlined; // the role's own permissions
        struct dir_attachment *attached, boundary;
        size_t n_inline, n_attached;
};

struct dir {
        char account[13];
        char *issuer_name;
        int64_t min_duration_s; // what STS grants at least: 900 as AWS does
        int64_t id_token_ttl_s, access_token_ttl_s, idle_s, grant_max_s, device_ttl_s, interval_s;
        struct dir_user *users;
        struct dir_client *clients;
        struct dir_provider *providers;
        struct dir_role *roles;
        struct dir_policy *policies; // managed ones
        struct dir_policy *controls; // the organisation's service control policies, of all levels
        size_t n_users, n_clients, n_providers, n_roles, n_policies, n_controls;
};

// issuer_name: "127.0.0.1:8080/oidc". 0; -ENOENT, -EBADMSG, -ENOMEM with the file and what is wrong in err.
int dir_load(struct dir **ret, const char *path, const char *issuer_name, struct err *err) _must_check_;
struct dir *dir_free(struct dir *d);
DEFINE_CLEANUP(struct dir *, dir_free);

// NULL when there is none.
const struct dir_user *dir_find_user(const struct dir *d, const char *name);
const struct dir_user *dir_find_subject(const struct dir *d, const char *sub);
const struct dir_client *dir_find_client(const struct dir *d, const char *id);
const struct dir_provider *dir_find_provider(const struct dir *d, const char *account, const char *issuer);
// A managed policy by its ARN; the file is found by the name at the end.
const struct dir_policy *dir_find_policy(const struct dir *d, const char *arn);
const struct dir_role *dir_find_role(const struct dir *d, const char *arn);

// Where the example stands: beside the program when it runs from a build tree, else where it is installed.
int dir_default_path(char **ret) _must_check_;
