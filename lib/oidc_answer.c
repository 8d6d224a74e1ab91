// SPDX-License-Identifier: Apache-2.0
//
// What a provider answers: a device authorization, tokens, an error. A provider is trusted to say who
// somebody is, and no further: what is shown to a person is refused when it holds anything a terminal would
// obey, numbers are bounded, and tokens are the characters RFC 6749 allows (appendix A), so that none can
// break out of a header or a log line later. Providers differ in what they leave out; tests/data/oidc has the
// answers of those we tried.
#include "oidc.h"

#include "form.h"
#include "json.h"

#define USER_CODE_MAX   64
#define URL_MAX         2048
#define ID_TOKEN_MAX    20000 // what STS takes
#define TOKEN_MAX       20000 // what a grant holds
#define SCOPE_MAX       4096
#define DEVICE_LIFE_MAX 3600
#define INTERVAL        5 // RFC 8628 3.2
#define INTERVAL_MAX    300

static int wrong(struct err *err, const char *answer, const char *key, const char *what)
{
        err_set(err, "the provider's %s answer: %s %s", answer, key, what);
        return -EBADMSG;
}

static int parse_object(json_t **ret, const char *answer, const void *p, size_t n, struct err *err)
{
        cleanup_json json_t *o = NULL;
        int r = json_parse(&o, p, n, err);

        if (r == -EBADMSG)
                err_prefix(err, "the provider's %s answer: ", answer);
        if (r < 0)
                return err_trace(r);
        if (!json_is_object(o))
                return wrong(err, answer, "it", "is not a JSON object");
        *ret = TAKE_PTR(o);
        return 0;
}

static bool printable(const char *s, char first)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if (*s < first || *s > '~')
                        return false;
        return true;
}

// A token of visible ASCII characters; absent leaves *ret NULL.
static int get_token(const json_t *o, const char *answer, const char *key, size_t max, struct secret **ret,
        struct err *err)
{
        const char *s;
        int r = json_get_string(o, key, max, &s);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return wrong(err, answer, key, "is not a string, or too long");
        if (!printable(s, '!'))
                return wrong(err, answer, key, "is empty or holds illegal characters");
        return secret_new_str(ret, s);
}

// Seconds as a number or, as some send them, as a string of digits. -ENOENT when absent.
static int get_seconds(const json_t *o, const char *key, int64_t *ret)
{
        const char *s;
        int64_t v = 0;

        if (json_get_string(o, key, 10, &s) == 0) {
                if (!*s || strspn(s, "0123456789") != strlen(s))
                        return -EBADMSG;
                for (; *s; s++)
                        v = v * 10 + (*s - '0');
        } else {
                int r = json_get_int64(o, key, &v);

                if (r < 0)
                        return r;
        }
        if (v < 0)
                return -EBADMSG;
        *ret = v;
        return 0;
}

static const char device[] = "device authorization";

static int get_uri(const json_t *o, const char *key, char **ret, struct err *err)
{
        struct err why = ERR_INIT;
        const char *s;
        int r = json_get_string(o, key, URL_MAX, &s);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                return wrong(err, device, key, "is not a string of at most 2048 characters");
        if (url_check_callable(s, &why) < 0) {
                err_set(err, "the provider's %s answer: %s: %.150s", device, key, why.text);
                return -EBADMSG;
        }
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int get_uris(struct oidc_device *d, const json_t *o, struct err *err)
{
        int r = get_uri(o, "verification_uri", &d->verification_uri, err);

        if (r == -ENOENT) // Google's name for it, from a draft of RFC 8628
                r = get_uri(o, "verification_url", &d->verification_uri, err);
        if (r == -ENOENT)
                return wrong(err, device, "verification_uri", "is missing");
        if (r < 0)
                return err_trace(r);
        r = get_uri(o, "verification_uri_complete", &d->verification_uri_complete, err);
        return r == -ENOENT ? 0 : r;
}

static int get_user_code(struct oidc_device *d, const json_t *o, struct err *err)
{
        const char *s;
        int r = json_get_string(o, "user_code", USER_CODE_MAX, &s);

        if (r == -ENOENT)
                return wrong(err, device, "user_code", "is missing");
        if (r < 0)
                return wrong(err, device, "user_code", "is not a string of at most 64 characters");
        if (!printable(s, ' '))
                return wrong(err, device, "user_code", "is empty or holds characters a terminal would obey");
        d->user_code = strdup(s);
        return d->user_code ? 0 : -ENOMEM;
}

static int get_times(struct oidc_device *d, const json_t *o, struct err *err)
{
        int r = get_seconds(o, "expires_in", &d->expires_in_s);

        if (r == -ENOENT)
                return wrong(err, device, "expires_in", "is missing");
        if (r < 0 || d->expires_in_s == 0)
                return wrong(err, device, "expires_in", "is not a positive number");
        if (d->expires_in_s > DEVICE_LIFE_MAX)
                d->expires_in_s = DEVICE_LIFE_MAX;
        d->interval_s = INTERVAL;
        r = get_seconds(o, "interval", &d->interval_s);
        if (r == -EBADMSG || d->interval_s > INTERVAL_MAX)
                return wrong(err, device, "interval", "is not a number from 0 to 300");
        if (d->interval_s == 0)
                d->interval_s = 1;
        return 0;
}

// Reads a device authorization (RFC 8628 3.2). ret is filled on success only.
int oidc_device_parse(struct oidc_device *ret, const void *json, size_t n, struct err *err)
{
        struct oidc_device d = {0};
        cleanup_json json_t *o = NULL;
        int r = parse_object(&o, device, json, n, err);

        if (r == 0)
                r = get_token(o, device, "device_code", TOKEN_MAX, &d.device_code, err);
        if (r == 0 && !d.device_code)
                r = wrong(err, device, "device_code", "is missing");
        if (r == 0)
                r = get_user_code(&d, o, err);
        if (r == 0)
                r = get_uris(&d, o, err);
        if (r == 0)
                r = get_times(&d, o, err);
        if (r < 0) {
                oidc_device_deinit(&d);
                return err_trace(r);
        }
        *ret = d;
        return 0;
}

// Legal on a zeroed struct and twice.
void oidc_device_deinit(struct oidc_device *d)
{
        secret_free(d->device_code);
        free(d->user_code);
        free(d->verification_uri);
        free(d->verification_uri_complete);
        *d = (struct oidc_device){0};
}

static const char tokens[] = "token";

static int get_token_extras(struct oidc_tokens *t, const json_t *o, struct err *err)
{
        const char *s;
        int r = json_get_string(o, "scope", SCOPE_MAX, &s);

        if (r == -EBADMSG || (r == 0 && *s && !printable(s, ' ')))
                return wrong(err, tokens, "scope", "is not a string of printable characters");
        if (r == 0 && *s) {
                t->scope = strdup(s);
                if (!t->scope)
                        return -ENOMEM;
        }
        if (get_seconds(o, "expires_in", &t->expires_in_s) == -EBADMSG)
                return wrong(err, tokens, "expires_in", "is not a number of seconds");
        if (get_seconds(o, "refresh_expires_in", &t->refresh_expires_in_s) == -EBADMSG)
                return wrong(err, tokens, "refresh_expires_in", "is not a number of seconds");
        if (t->expires_in_s > INT32_MAX)
                t->expires_in_s = INT32_MAX;
        if (t->refresh_expires_in_s > INT32_MAX)
                t->refresh_expires_in_s = INT32_MAX;
        return 0;
}

static int read_tokens(struct oidc_tokens *t, const json_t *o, struct err *err)
{
        const char *type;
        int r = json_get_string(o, "token_type", 64, &type);

        if (r == -ENOENT)
                return wrong(err, tokens, "token_type", "is missing");
        // Compared without regard to case: RFC 6749 5.1. A token bound to a key would be of no use to us.
        if (r < 0 || strcasecmp(type, "Bearer") != 0)
                return wrong(err, tokens, "token_type", "is not Bearer");
        r = get_token(o, tokens, "id_token", ID_TOKEN_MAX, &t->id_token, err);
        if (r == 0)
                r = get_token(o, tokens, "access_token", TOKEN_MAX, &t->access_token, err);
        if (r == 0)
                r = get_token(o, tokens, "refresh_token", TOKEN_MAX, &t->refresh_token, err);
        if (r == 0 && !t->access_token && !t->id_token)
                r = wrong(err, tokens, "access_token", "is missing");
        return r == 0 ? get_token_extras(t, o, err) : r;
}

// Reads a token answer (RFC 6749 5.1, OIDC Core 3.1.3.3). ret is filled on success only.
int oidc_tokens_parse(struct oidc_tokens *ret, const void *json, size_t n, struct err *err)
{
        struct oidc_tokens t = {0};
        cleanup_json json_t *o = NULL;
        int r = parse_object(&o, tokens, json, n, err);

        if (r == 0)
                r = read_tokens(&t, o, err);
        if (r < 0) {
                oidc_tokens_deinit(&t);
                return err_trace(r);
        }
        *ret = t;
        return 0;
}

// Legal on a zeroed struct and twice.
void oidc_tokens_deinit(struct oidc_tokens *t)
{
        secret_free(t->id_token);
        secret_free(t->access_token);
        secret_free(t->refresh_token);
        free(t->scope);
        *t = (struct oidc_tokens){0};
}

// RFC 6749 5.2 and 4.1.2.1, RFC 8628 3.5, OIDC Core 3.1.2.6; the last three are Microsoft Entra's names.
static const struct {
        const char *name;
        enum oidc_error code;
} error_codes[] = {
        {"authorization_pending", OIDC_E_AUTHORIZATION_PENDING},
        {"slow_down", OIDC_E_SLOW_DOWN},
        {"access_denied", OIDC_E_ACCESS_DENIED},
        {"expired_token", OIDC_E_EXPIRED_TOKEN},
        {"invalid_grant", OIDC_E_INVALID_GRANT},
        {"invalid_client", OIDC_E_INVALID_CLIENT},
        {"unauthorized_client", OIDC_E_INVALID_CLIENT},
        {"invalid_scope", OIDC_E_INVALID_SCOPE},
        {"interaction_required", OIDC_E_INTERACTION_REQUIRED},
        {"login_required", OIDC_E_INTERACTION_REQUIRED},
        {"consent_required", OIDC_E_INTERACTION_REQUIRED},
        {"account_selection_required", OIDC_E_INTERACTION_REQUIRED},
        {"mfa_required", OIDC_E_INTERACTION_REQUIRED},                      // Auth0
        {"unmet_authentication_requirements", OIDC_E_INTERACTION_REQUIRED}, // its own specification
        {"temporarily_unavailable", OIDC_E_TEMPORARILY_UNAVAILABLE},
        {"server_error", OIDC_E_TEMPORARILY_UNAVAILABLE},
        {"authorization_declined", OIDC_E_ACCESS_DENIED},
        {"code_expired", OIDC_E_EXPIRED_TOKEN},
        {"bad_verification_code", OIDC_E_INVALID_GRANT},
};

// Reads an error body; whatever it is, ret is whole afterwards.
void oidc_error_parse(struct oidc_error_answer *ret, const void *json, size_t n)
{
        cleanup_json json_t *o = NULL;
        const char *s;

        *ret = (struct oidc_error_answer){.code = OIDC_E_UNREADABLE};
        if (json_parse(&o, json, n, NULL) < 0 || json_get_string(o, "error", 4096, &s) < 0 || !*s)
                return;
        ret->code = OIDC_E_OTHER;
        for (size_t i = 0; i < ARRAY_SIZE(error_codes); i++)
                if (strcmp(s, error_codes[i].name) == 0)
                        ret->code = error_codes[i].code;
        err_sanitise(ret->error, sizeof ret->error, s, strlen(s));
        if (json_get_string(o, "error_description", JSON_SIZE_MAX, &s) == 0)
                err_sanitise(ret->description, sizeof ret->description, s, strlen(s));
}
