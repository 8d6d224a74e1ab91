// SPDX-License-Identifier: Apache-2.0
//
// The table of keys and the readers of their values. A reader knows one value and nothing else; what depends on
// other keys ("the role's identity exists") is checked when everything has been read (config_build.c).
#include "config_schema.h"

#include "config_read.h"
#include "form.h"
#include "sts.h"
#include "timefmt.h"

#include <stdio.h>

// What IAM takes for a path; the name behind it has its own bound of 64.
#define ROLE_PATH_MAX 511u

#define KEY_PREFIX(kind) (strlen(config_kind_name(kind)) + 1)

static int wrong(struct err *err, const char *what)
{
        err_set(err, "%s", what);
        return -EBADMSG;
}

static int set_text(void *field, const char *value, struct err *err)
{
        char **s = field;

        (void)err;
        *s = strdup(value);
        return *s ? 0 : -ENOMEM;
}

// One word of visible ASCII: client ids, claim names.
static int set_word(void *field, const char *value, struct err *err)
{
        for (const char *p = value; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return wrong(err, "must be one word of visible ASCII characters");
        return set_text(field, value, err);
}

static int set_url(void *field, const char *value, struct err *err)
{
        int r = url_check_callable(value, err);

        if (r < 0)
                return -EBADMSG;
        if (strpbrk(value, "?#"))
                return wrong(err, "must be a URL without a query or a fragment");
        return set_text(field, value, err);
}

static int set_path(void *field, const char *value, struct err *err)
{
        if (value[0] != '/')
                return wrong(err, "must be an absolute path");
        return set_text(field, value, err);
}

static int set_bool(void *field, const char *value, struct err *err)
{
        bool *b = field;

        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
                return wrong(err, "must be yes or no");
        *b = value[0] == 'y';
        return 0;
}

// A yes that is kept as what it rules out.
static int set_bool_not(void *field, const char *value, struct err *err)
{
        bool yes = true;
        int r = set_bool(&yes, value, err);

        *(bool *)field = !yes;
        return r;
}

// A yes or no that can also be left to the section above.
static int set_choice(void *field, const char *value, struct err *err)
{
        enum config_choice *c = field;
        bool yes = false;
        int r = set_bool(&yes, value, err);

        *c = yes ? CONFIG_YES : CONFIG_NO;
        return r;
}

static int set_span(
        int64_t *field, const char *value, int64_t min, int64_t max, const char *what, struct err *err)
{
        int64_t s;

        if (time_parse_duration(value, &s) < 0 || s < min || s > max)
                return wrong(err, what);
        *field = s;
        return 0;
}

// The lower bound of AWS is checked later: work-alikes on loopback may have another.
static int set_duration(void *field, const char *value, struct err *err)
{
        return set_span(
                field, value, 1, STS_DURATION_MAX_S, "must be a time like 900s, 15m or 1h, at most 12h", err);
}

static int set_life(void *field, const char *value, struct err *err)
{
        return set_span(field, value, 10, 3600, "must be a time from 10s to 1h", err);
}

static int set_age(void *field, const char *value, struct err *err)
{
        if (strcmp(value, "0") == 0)
                return set_span(field, value, 0, 0, "", err);
        return set_span(field, value, 60, INT32_MAX,
                "must be 0 (no limit) or a time like 12h or 30d, at least 60s", err);
}

static int set_number(
        void *field, const char *value, unsigned min, unsigned max, const char *what, struct err *err)
{
        unsigned v = 0, *u = field;
        size_t n = strspn(value, "0123456789");

        for (size_t i = 0; i < n && i < 6; i++)
                v = v * 10 + (unsigned)(value[i] - '0');
        if (value[n] || n == 0 || n > 5 || v < min || v > max)
                return wrong(err, what);
        *u = v;
        return 0;
}

static int set_count(void *field, const char *value, struct err *err)
{
        return set_number(field, value, 1, 4096, "must be a number from 1 to 4096", err);
}

static int set_many(void *field, const char *value, struct err *err)
{
        return set_number(field, value, 1, 99999, "must be a number from 1 to 99999", err);
}

static int set_starts(void *field, const char *value, struct err *err)
{
        return set_number(field, value, 1, CONFIG_STARTS_MAX, "must be a number from 1 to 1024", err);
}

// A user's program: the ports below are the system's.
static int set_port(void *field, const char *value, struct err *err)
{
        return set_number(field, value, 1024, 65535, "must be a port from 1024 to 65535", err);
}

// Words between blanks; at least one, none twice.
int config_set_words(void *field, const char *value, struct err *err)
{
        char ***ret = field, **list;
        size_t n = 0, room = strlen(value) / 2 + 2;

        list = calloc(room, sizeof *list);
        if (!list)
                return -ENOMEM;
        *ret = list;
        for (const char *s = value; *s;) {
                size_t len = strcspn(s, " \t");

                for (size_t i = 0; i < n; i++)
                        if (strlen(list[i]) == len && memcmp(list[i], s, len) == 0)
                                return wrong(err, "names something twice");
                list[n] = strndup(s, len);
                if (!list[n++])
                        return -ENOMEM;
                s += len;
                s += strspn(s, " \t");
        }
        return 0;
}

static int set_scopes(void *field, const char *value, struct err *err)
{
        for (const char *p = value; *p; p++)
                if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
                        return wrong(err, "must be scope names with spaces between them");
        return set_text(field, value, err);
}

static int set_region(void *field, const char *value, struct err *err)
{
        if (!sts_region_partition(value))
                return wrong(err, "must be the name of a region, like eu-central-1");
        return set_text(field, value, err);
}

static int set_role_arn(void *field, const char *value, struct err *err)
{
        if (sts_role_arn_parse(value, NULL, NULL, NULL) < 0)
                return wrong(err, "must be a role's ARN, like arn:aws:iam::123456789012:role/dev");
        return set_text(field, value, err);
}

// A role's name in IAM, with its path where it has one: what stands behind "role/" in its ARN.
static int set_role_name(void *field, const char *value, struct err *err)
{
        cleanup_free char *arn = NULL;
        bool ok = value[0] != '/' && !strstr(value, "//") && strlen(value) <= ROLE_PATH_MAX + 64;

        if (asprintf(&arn, "arn:aws:iam::123456789012:role/%s", value) < 0) {
                arn = NULL;
                return -ENOMEM;
        }
        if (!ok || sts_role_arn_parse(arn, NULL, NULL, NULL) < 0)
                return wrong(err, "must be a role's name in IAM, with its path if it has one, like team/dev");
        return set_text(field, value, err);
}

static int set_alias(void *field, const char *value, struct err *err)
{
        size_t n = config_name_span(value);

        if (value[n] || n == 0 || n > CONFIG_NAME_MAX)
                return wrong(err, "must be 1 to 64 of a-z 0-9 . _ / - and begin with a letter or digit");
        if (strcmp(value, "claim") == 0)
                return wrong(err, "must not be claim, which stands for something else in accounts");
        if (n == 12 && strspn(value, "0123456789") == 12)
                return wrong(err, "must not look like an account's id");
        return set_text(field, value, err);
}

// What roles' names are made by; whether it makes names is seen when they are made.
static int set_pattern(void *field, const char *value, struct err *err)
{
        for (const char *p = value; *p;) {
                size_t n = strcspn(p, "{}");

                p += n;
                if (strncmp(p, "{account}", 9) == 0)
                        p += 9;
                else if (strncmp(p, "{role}", 6) == 0)
                        p += 6;
                else if (*p)
                        return wrong(err, "must be made of {account}, {role} and what names are made of");
        }
        return set_text(field, value, err);
}

// Characters of STS's names and some more; STS looks at the length again.
static int set_matching(
        void *field, const char *value, const char *more, size_t max, const char *what, struct err *err)
{
        size_t n = 0;

        while ((value[n] >= 'a' && value[n] <= 'z') || (value[n] >= 'A' && value[n] <= 'Z') ||
                (value[n] >= '0' && value[n] <= '9') || (value[n] && strchr(more, value[n])))
                n++;
        if (value[n] || n < 2 || n > max)
                return wrong(err, what);
        return set_text(field, value, err);
}

static int set_external_id(void *field, const char *value, struct err *err)
{
        return set_matching(
                field, value, "_+=,.@:/-", 1224, "must be 2 to 1224 letters, digits or _+=,.@:/-", err);
}

static int set_source_identity(void *field, const char *value, struct err *err)
{
        return set_matching(field, value, "_+=,.@-", STS_SESSION_NAME_MAX,
                "must be 2 to 64 letters, digits or _+=,.@-", err);
}

static int set_policy_arns(void *field, const char *value, struct err *err)
{
        char ***list = field;
        int r = config_set_words(field, value, err);
        size_t n = 0;

        for (; r == 0 && (*list)[n]; n++)
                if (strncmp((*list)[n], "arn:", 4) != 0 || !strstr((*list)[n], ":policy/"))
                        return wrong(err, "must be ARNs of managed policies, like "
                                          "arn:aws:iam::aws:policy/ReadOnlyAccess");
        return r == 0 && n > 10 ? wrong(err, "names more than 10 policies") : r;
}

static int set_type(void *field, const char *value, struct err *err)
{
        enum source_type *t = field;

        return source_type_from_name(value, t) < 0 ? wrong(err, "must be oidc") : 0;
}

static int set_revocation(void *field, const char *value, struct err *err)
{
        bool *b = field;

        if (strcmp(value, "per-grant") != 0 && strcmp(value, "none") != 0)
                return wrong(err, "must be per-grant or none");
        *b = value[0] == 'p';
        return 0;
}

// How a loopback address may be written in a redirect URI (RFC 8252 7.3 and 8.3).
static int set_callback_host(void *field, const char *value, struct err *err)
{
        if (strcmp(value, "127.0.0.1") != 0 && strcmp(value, "localhost") != 0 && strcmp(value, "[::1]") != 0)
                return wrong(err, "must be 127.0.0.1, localhost or [::1]");
        return set_text(field, value, err);
}

static const char *const logout_names[] = {
        [LOGOUT_WIPE] = "wipe",
        [LOGOUT_KEEP] = "keep",
        [LOGOUT_REVOKE] = "revoke",
};

const char *logout_policy_name(enum logout_policy p)
{
        return logout_names[p];
}

static int set_logout(void *field, const char *value, struct err *err)
{
        enum logout_policy *p = field;

        for (size_t i = 0; i < ARRAY_SIZE(logout_names); i++) {
                if (strcmp(value, logout_names[i]) != 0)
                        continue;
                *p = (enum logout_policy)i;
                return 0;
        }
        return wrong(err, "must be wipe, keep or revoke");
}

static int set_grant_age(void *field, const char *value, struct err *err)
{
        return set_span(field, value, 60, INT32_MAX, "must be a time like 12h or 7d, at least 60s", err);
}

// A section's or role's name; whether it exists is checked later.
#define set_reference set_text

static const struct {
        const char *name;
        bool named;
} kinds[CONFIG_KINDS_] = {
        [CONFIG_DEFAULTS] = {"defaults", false},
        [CONFIG_IDENTITY] = {"identity", true},
        [CONFIG_ACCOUNT] = {"account", true},
        [CONFIG_ROLE] = {"role", true},
        [CONFIG_TEMPLATE] = {"role-template", true},
        [CONFIG_SIGNIN] = {"signin", false},
        [CONFIG_APP] = {"app", true},
        [CONFIG_ENDPOINT] = {"endpoint", false},
        [CONFIG_GROUP] = {"group", true},
        [CONFIG_SERVICE] = {"service", true},
        [CONFIG_REGISTRY] = {"registry", true},
};

// clang-format off
#define D(key, field, ...) {"defaults " key, CONFIG_DEFAULTS, offsetof(struct config_defaults, field), __VA_ARGS__}
#define I(key, field, ...) {"identity " key, CONFIG_IDENTITY, offsetof(struct config_identity, field), __VA_ARGS__}
#define R(key, field, ...) {"role " key,     CONFIG_ROLE,     offsetof(struct config_role, field),     __VA_ARGS__}
#define A(key, field, ...) {"account " key,  CONFIG_ACCOUNT,  offsetof(struct config_account, field),  __VA_ARGS__}
#define T(key, field, ...) \
        {"role-template " key, CONFIG_TEMPLATE, offsetof(struct config_template, field), __VA_ARGS__}
#define S(key, field, ...) {"signin " key,   CONFIG_SIGNIN,   offsetof(struct config_signin, field),   __VA_ARGS__}
#define P(key, field, ...) {"app " key,      CONFIG_APP,      offsetof(struct config_app, field),      __VA_ARGS__}
#define G(key, field, ...) {"group " key,    CONFIG_GROUP,    offsetof(struct config_group, field),    __VA_ARGS__}
#define E(key, field, ...) {"endpoint " key, CONFIG_ENDPOINT, offsetof(struct config_endpoint, field), __VA_ARGS__}
#define V(key, field, ...) {"service " key,  CONFIG_SERVICE,  offsetof(struct config_service, field),  __VA_ARGS__}
#define O(key, field, ...) {"registry " key, CONFIG_REGISTRY, offsetof(struct config_registry, field), __VA_ARGS__}

static const struct config_key keys[] = {
        // key                           field                        admin  inh.   reader
        D("duration",                    duration_s,                  false, false, set_duration),
        D("region",                      region,                      false, false, set_region),
        D("sts_region",                  sts_region,                  false, false, set_region),
        D("sts_endpoint",                sts_endpoint,                false, false, set_url),
        D("ca_file",                     ca_file,                     false, false, set_path),
        D("session_name",                session_name,                false, false, config_set_session_name),
        D("use_fips_endpoint",           use_fips,                    false, false, set_choice),
        D("use_dualstack_endpoint",      use_dual_stack,              false, false, set_choice),
        D("default_role",                default_role,                false, false, set_reference),
        D("notify_sign_in",              notify_sign_in,              false, false, set_choice),
        D("user_identities",             user_identities,             true,  false, set_bool),

        I("type",                        type,                        false, false, set_type),
        I("issuer",                      issuer,                      false, false, set_url),
        I("client_id",                   client_id,                   false, false, set_word),
        I("client_secret_file",          client_secret_file,          false, false, set_path),
        I("scopes",                      scopes,                      false, false, set_scopes),
        I("ca_file",                     ca_file,                     false, false, set_path),
        I("username_claim",              username_claim,              false, false, set_word),
        I("username_claim_is_immutable", username_claim_is_immutable, false, false, set_bool),
        I("username_strip",              username_strip,              false, false, set_word),
        I("uid_number_claim",            uid_number_claim,            true,  false, set_word),
        I("admit",                       admit,                       true,  false, config_set_admit),
        I("admit_per_hour",              admit_per_hour,              true,  false, set_count),
        I("admit_max",                   admit_max,                   true,  false, set_many),
        I("on_refused_refresh",          on_refused,                  true,  false, config_set_on_refused),
        I("allow_groups",                allow_groups,                false, false, config_set_words),
        I("groups_claim",                groups_claim,                false, false, set_word),
        I("roles_claim",                 roles_claim,                 false, false, set_word),
        I("revocation",                  revocation_per_grant,        false, false, set_revocation),
        I("logout",                      logout,                      false, false, set_logout),
        I("id_token_file",               id_token_file,               false, false, set_bool),
        I("callback_host",               callback_host,               false, false, set_callback_host),
        I("callback_port",               callback_port,               false, false, set_port),
        I("require_matching_user",       any_person,                  true,  false, set_bool_not),
        I("max_grant_age",               max_grant_age_s,             false, false, set_grant_age),

        A("alias",                       alias,                       false, false, set_alias),
        A("region",                      region,                      false, false, set_region),
        A("sts_region",                  sts_region,                  false, false, set_region),

        R("identity",                    identity,                    false, false, set_reference),
        R("source_role",                 source_role,                 false, false, set_reference),
        R("role_arn",                    role_arn,                    false, false, set_role_arn),
        R("external_id",                 external_id,                 false, false, set_external_id),
        R("source_identity",             source_identity,             false, false, set_source_identity),
        R("session_policy",              session_policy,              false, false, set_path),
        R("policy_arns",                 policy_arns,                 false, false, set_policy_arns),
        R("tags",                        tags,                        false, false, config_set_tags),
        R("transitive_tags",             transitive_tags,             false, false, config_set_words),
        R("duration",                    duration_s,                  false, true,  set_duration),
        R("session_name",                session_name,                false, true,  config_set_session_name),
        R("region",                      region,                      false, true,  set_region),
        R("sts_region",                  sts_region,                  false, true,  set_region),
        R("sts_endpoint",                sts_endpoint,                false, true,  set_url),
        R("use_fips_endpoint",           use_fips,                    false, true,  set_choice),
        R("use_dualstack_endpoint",      use_dual_stack,              false, true,  set_choice),
        R("ca_file",                     ca_file,                     false, true,  set_path),
        R("ambient",                     by_name_only,                false, false, config_set_by_name_only),
        R("confirm",                     confirm,                     false, false, config_set_confirm),
        R("confirm_for",                 confirm_for_s,               false, false, config_set_confirm_for),

        T("accounts",                    accounts,                    false, false, config_set_words),
        T("role_name",                   role_name,                   false, false, set_role_name),
        T("name",                        name,                        false, false, set_pattern),
        T("identity",                    role.identity,               false, false, set_reference),
        T("source_role",                 role.source_role,            false, false, set_reference),
        T("external_id",                 role.external_id,            false, false, set_external_id),
        T("source_identity",             role.source_identity,        false, false, set_source_identity),
        T("session_policy",              role.session_policy,         false, false, set_path),
        T("policy_arns",                 role.policy_arns,            false, false, set_policy_arns),
        T("tags",                        role.tags,                   false, false, config_set_tags),
        T("transitive_tags",             role.transitive_tags,        false, false, config_set_words),
        T("duration",                    role.duration_s,             false, true,  set_duration),
        T("session_name",                role.session_name,           false, true,  config_set_session_name),
        T("region",                      role.region,                 false, true,  set_region),
        T("sts_region",                  role.sts_region,             false, true,  set_region),
        T("sts_endpoint",                role.sts_endpoint,           false, true,  set_url),
        T("use_fips_endpoint",           role.use_fips,               false, true,  set_choice),
        T("use_dualstack_endpoint",      role.use_dual_stack,         false, true,  set_choice),
        T("ca_file",                     role.ca_file,                false, true,  set_path),
        T("ambient",                     role.by_name_only,           false, false, config_set_by_name_only),
        T("confirm",                     role.confirm,                false, false, config_set_confirm),
        T("confirm_for",                 role.confirm_for_s,          false, false, config_set_confirm_for),

        S("identity",                    identity,                    true,  false, set_reference),
        S("max_offline_age",                     max_offline_age_s,                   true,  false, set_age),
        S("handle_life",                 handle_life_s,               true,  false, set_life),
        S("grant_life",                  grant_life_s,                true,  false, set_life),
        S("max_flows",                   max_flows,                   true,  false, set_count),
        S("max_flows_per_rhost",         max_flows_per_rhost,         true,  false, set_count),
        S("max_starts_per_user",         max_starts_per_user,         true,  false, set_starts),
        S("max_starts_per_rhost",        max_starts_per_rhost,        true,  false, set_starts),
        S("lockers",                     lockers,                     true,  false, set_bool),

        V("flow",                        flow,                        true,  false, config_set_service_flow),
        V("require_prior",               require_prior,               true,  false, config_set_require_prior),
        V("reauth_for",                  reauth_for_s,                true,  false, config_set_reauth_for),

        O("role",                        role,                        false, false, set_reference),

        P("flatpak",                     flatpak,                     false, false, config_set_flatpak),
        P("snap",                        snap,                        false, false, config_set_snap),
        P("unit",                        unit,                        false, false, config_set_unit),
        P("roles",                       roles,                       false, false, config_set_role_patterns),
        P("session_policy",              session_policy,              false, false, set_path),
        P("session_name",                session_name,                false, false, config_set_session_name),

        E("imds",                        imds,                        false, false, set_bool),
        E("container",                   container,                   false, false, set_bool),
        E("allow_root_callers",          allow_root_callers,          false, false, set_bool),

        G("id",                          id,                          true,  false, set_word),
        G("gid",                         gid,                         true,  false, config_set_gid),
};
// clang-format on
_Static_assert(ARRAY_SIZE(keys) <= CONFIG_KEYS_MAX, "more keys than a section has room for");

const char *config_kind_name(enum config_kind k)
{
        return kinds[k].name;
}

bool config_kind_is_named(enum config_kind k)
{
        return kinds[k].named;
}

int config_kind_find(const char *name)
{
        for (int k = 0; k < CONFIG_KINDS_; k++)
                if (strcmp(kinds[k].name, name) == 0)
                        return k;
        return -1;
}

const struct config_key *config_key_at(size_t i)
{
        return i < ARRAY_SIZE(keys) ? &keys[i] : NULL;
}

int config_key_find(enum config_kind k, const char *key)
{
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i].kind == k && strcmp(keys[i].name + KEY_PREFIX(k), key) == 0)
                        return (int)i;
        return -1;
}

const char *config_known_key(size_t i)
{
        return i < ARRAY_SIZE(keys) ? keys[i].name : NULL;
}

static void free_words(char **list)
{
        for (char **w = list; w && *w; w++)
                free(*w);
        free(list);
}

void config_identity_deinit(struct config_identity *i)
{
        free(i->name);
        free(i->issuer);
        free(i->client_id);
        free(i->client_secret_file);
        free(i->scopes);
        free(i->ca_file);
        free(i->username_claim);
        free(i->username_strip);
        free(i->uid_number_claim);
        free_words(i->admit);
        free_words(i->allow_groups);
        free(i->groups_claim);
        free(i->callback_host);
        free(i->roles_claim);
}

void config_role_deinit(struct config_role *r)
{
        free(r->name);
        free(r->identity);
        free(r->source_role);
        free(r->external_id);
        free(r->source_identity);
        free(r->session_policy);
        free_words(r->policy_arns);
        free_words(r->tags);
        free_words(r->transitive_tags);
        free(r->role_arn);
        free(r->session_name);
        free(r->region);
        free(r->sts_region);
        free(r->sts_endpoint);
        free(r->ca_file);
}

void config_account_deinit(struct config_account *a)
{
        free(a->alias);
        free(a->region);
        free(a->sts_region);
}

void config_template_deinit(struct config_template *t)
{
        free_words(t->accounts);
        free(t->role_name);
        free(t->name);
        config_role_deinit(&t->role);
}

void config_defaults_deinit(struct config_defaults *d)
{
        free(d->region);
        free(d->sts_region);
        free(d->sts_endpoint);
        free(d->ca_file);
        free(d->session_name);
        free(d->default_role);
}

void config_signin_deinit(struct config_signin *s)
{
        free(s->identity);
}

void config_app_deinit(struct config_app *a)
{
        free(a->name);
        free(a->flatpak);
        free(a->snap);
        free(a->unit);
        free_words(a->roles);
        free(a->session_policy);
        free(a->session_name);
}

void config_group_deinit(struct config_group *g)
{
        free(g->name);
        free(g->id);
}
