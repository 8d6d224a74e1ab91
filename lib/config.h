// SPDX-License-Identifier: Apache-2.0
//
// The configuration (/usr/lib < /run < /etc, each with .conf.d drop-ins, then the user's own). A strict reader:
// unknown sections and keys, duplicates, bad values and values over 4096 bytes are errors that name file and
// line. Documented in valetkey.conf(5); a test holds the key table against that page.
#pragma once

#include "app_id.h"
#include "err.h"
#include "grant.h"

// What a provider that refuses to renew a sign-in does to the account (config_identity.on_refused).
enum refused_refresh {
        REFUSED_REQUIRE_SIGN_IN, // no way in, by public key neither, until somebody signs in at the provider
        REFUSED_IGNORE,          // nothing
};

// What becomes of a sign-in when the user's last session ends.
enum logout_policy {
        LOGOUT_WIPE,   // it is forgotten
        LOGOUT_KEEP,   // it goes on, where the user lingers, to its max_grant_age
        LOGOUT_REVOKE, // it is forgotten, and the provider told (RFC 7009)
};
const char *logout_policy_name(enum logout_policy p); // "wipe"

struct config_identity {
        char *name;
        enum source_type type;
        char *issuer, *client_id;
        char *client_secret_file; // NULL; treated as public (Google's device flow)
        char *scopes;             // NULL: chosen from discovery
        char *ca_file;            // NULL: the system's trust store
        char *username_claim;     // NULL: users are bound in the table only
        bool username_claim_is_immutable;
        char *username_strip;   // NULL
        char *uid_number_claim; // NULL; the claim that gives a person's uid where he is made
        char **admit;           // patterns of names that may make themselves users; NULL: nobody
        unsigned admit_per_hour, admit_max;
        enum refused_refresh on_refused;
        char **allow_groups;       // NULL-terminated; NULL: no group rule
        char *groups_claim;        // "groups"
        char *roles_claim;         // NULL; the claim that names roles: config_claimed_role()
        bool id_token_file;        // its ID token is kept in a file for programs; one identity at most
        bool revocation_per_grant; // revocation = per-grant | none (default none)
        enum logout_policy logout;
        char *callback_host;    // of the address a browser comes back to; "127.0.0.1"
        unsigned callback_port; // 0: any
        bool any_person;        // require_matching_user = no
        int64_t max_grant_age_s; // longest time since the sign-in; 0: no limit, which is never so with LOGOUT_KEEP
};

enum config_choice {
        CONFIG_UNSAID, // never in a role that has been read
        CONFIG_NO,
        CONFIG_YES,
};

enum config_confirm {
        CONFIRM_NO,
        CONFIRM_NOTIFY, // the person is told afterwards
        CONFIRM_ASK,    // and asked before
};

struct config_role {
        char *name;
        char *identity;        // always set: its own, that of its source role, or the only one there is
        char *source_role;     // NULL: web identity; else AssumeRole with that role's session
        char *external_id;     // NULL; chained roles only
        char *source_identity; // NULL; chained roles only
        char *session_policy;  // path of a JSON file, or NULL
        char **policy_arns;    // managed policies that narrow the session; NULL-terminated, or NULL
        char **tags; // "key=value", the value a text_template.h; NULL-terminated, or NULL; chained roles only
        char **transitive_tags; // keys of those that go along; NULL-terminated, or NULL
        bool duration_capped;   // chained, and more than an hour was configured: AWS gives no more
        char *role_arn;
        int64_t duration_s; // 900–43200; from 1 where sts_endpoint names an STS with limits of its own
        char *session_name; // a text_template.h; NULL: the grant's display name
        char *region;       // the workload's; NULL
        char *sts_region;   // where not said, region; NULL only where sts_endpoint is set
        char *sts_endpoint; // NULL: by sts_region
        char *ca_file;      // for STS; NULL: the system's
        enum config_choice use_fips, use_dual_stack; // of the endpoint by sts_region
        bool by_name_only;                           // ambient = no: only for callers that name it
        enum config_confirm confirm;
        int64_t confirm_for_s; // how long a "yes" is remembered; 0: for that one hand-out
};

// What a sandboxed app gets, or programs of a systemd unit.
// [registry HOST]: whose credentials docker signs in there with.
struct config_registry {
        char *host;
        char *role;
};
struct config_app {
        char *name;
        char *flatpak, *snap; // what it is about: an app's id, a snap's name, …
        char *unit;           // … a pattern for the name of a unit; at least one of the three
        char **roles;         // patterns for the names of roles; NULL-terminated
        char *session_policy; // NULL; narrows its sessions, which are then its own
        char *session_name;   // NULL; of sessions of its own
};

// A local group of those who are in a group of the provider's, by its immutable id.
struct config_group {
        char *name, *id;
        uint32_t gid; // 0: derived
};

struct config_signin {             // valetkeyd
        char *identity;            // which identity PAM sign-ins use; default: the only one
        int64_t max_offline_age_s; // account: longest time since the last successful sign-in; 0: no limit
        int64_t handle_life_s;     // how long an uncommitted handle lives (120 s)
        int64_t grant_life_s;      // how long an unclaimed grant lives (10 min)
        unsigned max_flows, max_flows_per_rhost; // concurrent sign-ins (64, 4); one per user always
        unsigned max_starts_per_user, max_starts_per_rhost; // in a minute (10, 30)
        bool lockers; // a program of the user's may ask whether it is that user who sits there (yes)
};
#define CONFIG_STARTS_MAX 1024u

enum config_flow {
        FLOW_UNSAID,
        FLOW_DEVICE,
        FLOW_NONE,
};

enum config_prior {
        PRIOR_UNSAID,
        PRIOR_NONE,
        PRIOR_PUBLICKEY,
};

// What a PAM service may ask valetkeyd for.
struct config_service {
        char *name; // "*": what the others do not say themselves
        enum config_flow flow;
        enum config_prior require_prior; // of remote sign-ins, before a flow begins
        int64_t reauth_for_s;            // how long a sign-in counts for the next one; -1: not said
};

struct config_endpoint {         // the user's loopback port
        bool imds, container;    // which services are there; both unless told
        bool allow_root_callers; // programs of root's get what this user's do
};

struct config_shared;
struct config {
        struct config_identity *identities;
        size_t n_identities;
        struct config_role *roles;
        size_t n_roles;
        struct config_role **by_name; // the same roles in order of their names
        char *default_role; // NULL; of the configuration or, where an identity has roles_claim, of a claim
        bool no_sign_in_notices;      // a person is not told on the desktop that somebody should sign in
        struct config_shared *shared; // what roles that a claim names are made of
        struct config_app *apps;
        size_t n_apps;
        struct config_group *groups;
        size_t n_groups;
        struct config_service *services;
        size_t n_services;
        struct config_registry *registries;
        size_t n_registries;
        struct config_signin signin;
        struct config_endpoint endpoint;
};

// How the files are found: DIR/valetkey.conf, then DIR/valetkey.conf.d/*.conf in byte order; later files win key
// by key over earlier *files*, but inside one file a duplicate is an error.
struct config_source {
        const char *file;        // NULL, or exactly this one file (--config); the rest is not looked at
        const char *const *dirs; // NULL-terminated, lowest first; or NULL
        const char
                *user_file; // NULL, or ~/.config/valetkey/valetkey.conf: roles and defaults; identities only
                            // where the system's files say user_identities = yes
        // NULL, or what [defaults] sts_endpoint is where no file says so, and where it comes from, for messages.
        const char *sts_endpoint, *sts_endpoint_from;
        bool check_owner; // files (and dirs) must be owned by root or the reader and writable by no other
};
extern const char *const config_dirs_system[]; // /usr/lib, /run, /etc

// 0; -ENOENT when there is no file at all; -EBADMSG with "FILE:LINE: what is wrong"; -EPERM with "FILE: …" for an
// owner, a mode, a symbolic link or a kind of file that is not accepted, or one that may not be read; -errno.
int config_load(struct config **ret, const struct config_source *src, struct err *err) _must_check_;
// The same from memory, for tests and fuzzing; name stands for the file's name in messages.
int config_parse(
        struct config **ret, const char *name, const char *text, size_t n, struct err *err) _must_check_;
struct config *config_ref(struct config *c);
struct config *config_unref(struct config *c);
DEFINE_CLEANUP(struct config *, config_unref);

const struct config_role *config_find_role(const struct config *c, const char *name);
const struct config_identity *config_find_identity(const struct config *c, const char *name);

// The role that an ARN in an identity's roles_claim becomes. The configuration is not changed by it, and must outlive it.
// 0; -EEXIST: that role is configured, by that name; -EBADMSG: it cannot be one (err names it and says why); -ENOMEM.
int config_claimed_role(struct config_role **ret, const struct config *c, const struct config_identity *id,
        const char *arn, struct err *err) _must_check_;
struct config_role *config_role_free(struct config_role *r); // of config_claimed_role()

// The tag of a key in a list like config_role's, "key=value"; STS ignores case. NULL where there is none.
const char *config_find_tag(char *const *tags, const char *key);

// [app …] of a sandboxed app or, for APP_NONE, of a systemd unit's name; the first in the files' order. NULL: none.
const struct config_app *config_find_app(const struct config *c, enum app_kind kind, const char *name);
bool config_app_grants(const struct config_app *a, const char *role);
// The role that an app means which names none: the default role where it is granted, else the only one its section names.
const char *config_app_default_role(const struct config *c, const struct config_app *a); // NULL: none

// What holds for a PAM service: its own section's word, else that of [service *], else ours. Everything is said; the name
// is the caller's.
struct config_service config_service_policy(const struct config *c, const char *service);

// The key table, for the test that holds the man page against it: "section key", NULL behind the last.
const char *config_known_key(size_t i);
