// SPDX-License-Identifier: Apache-2.0
//
// Discovery. The document decides where tokens and assertions are sent, so it is held against the issuer the
// administrator named: to the byte (OIDC Discovery 4.3), and never from a provider out there to this
// machine's own loopback, where other people's services listen.
#include "oidc.h"

#include "form.h"
#include "json.h"

#define URL_MAX       2048
#define SCOPE_MAX     128
#define SCOPES_MAX    256
#define SCOPE_ALL_MAX 4096

// The address of the document; *ret is the caller's. 0, -EINVAL (no issuer: not callable, or with a query or
// a fragment), -ENOMEM.
int oidc_discovery_url(const char *issuer, char **ret)
{
        cleanup_buf struct buf b = BUF_INIT(URL_MAX + 64);
        size_t n = strlen(issuer);

        if (url_check_callable(issuer, NULL) < 0 || strpbrk(issuer, "?#"))
                return -EINVAL;
        while (n > 0 && issuer[n - 1] == '/')
                n--;
        buf_append(&b, issuer, n);
        buf_append_str(&b, "/.well-known/openid-configuration");
        return buf_take_str(&b, ret);
}

static int wrong(struct err *err, const char *key, const char *what)
{
        err_set(err, "the provider's discovery document: %s %s", key, what);
        return -EBADMSG;
}

static int get_endpoint(
        const json_t *o, const char *key, bool required, bool loopback_too, char **ret, struct err *err)
{
        struct err why = ERR_INIT;
        const char *s;
        int r = json_get_string(o, key, URL_MAX, &s);

        if (r == -ENOENT)
                return required ? wrong(err, key, "is missing") : 0;
        if (r < 0)
                return wrong(err, key, "is not a string of at most 2048 characters");
        if (url_check_callable(s, &why) < 0) {
                err_set(err, "the provider's discovery document: %s: %.150s", key, why.text);
                return -EBADMSG;
        }
        if (!loopback_too && url_is_loopback(s))
                return wrong(err, key, "points to this machine although the issuer does not");
        if (strchr(s, '#'))
                return wrong(err, key, "has a fragment");
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

// RFC 6749 appendix A.4: %x21 / %x23-5B / %x5D-7E.
static bool is_scope_token(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] < 0x21 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\')
                        return false;
        return n > 0 && n <= SCOPE_MAX;
}

static int get_scopes(const json_t *o, char ***ret, struct err *err)
{
        const json_t *a = json_object_get(o, "scopes_supported");
        size_t n = json_array_size(a), have = 0;
        char **list;

        if (!a || json_is_null(a))
                return 0;
        if (!json_is_array(a))
                return wrong(err, "scopes_supported", "is not an array");
        if (n > SCOPES_MAX)
                n = SCOPES_MAX;
        list = calloc(n + 1, sizeof *list);
        if (!list)
                return -ENOMEM;
        *ret = list; // from here on the metadata's destructor frees what is there
        for (size_t i = 0; i < n; i++) {
                const json_t *v = json_array_get(a, i);

                // What could never be asked for is not offered.
                if (!json_is_string(v) || !is_scope_token(json_string_value(v), json_string_length(v)))
                        continue;
                list[have] = strdup(json_string_value(v));
                if (!list[have++])
                        return -ENOMEM;
        }
        return 0;
}

static bool array_has(const json_t *a, const char *s)
{
        for (size_t i = 0; i < json_array_size(a); i++) {
                const char *v = json_string_value(json_array_get(a, i));

                if (v && strcmp(v, s) == 0)
                        return true;
        }
        return false;
}

static int check_issuer(const json_t *o, const char *issuer, char **ret, struct err *err)
{
        char theirs[128];
        const char *s;
        int r = json_get_string(o, "issuer", URL_MAX, &s);

        if (r == -ENOENT)
                return wrong(err, "issuer", "is missing");
        if (r < 0)
                return wrong(err, "issuer", "is not a string of at most 2048 characters");
        if (strcmp(s, issuer) != 0) {
                err_sanitise(theirs, sizeof theirs, s, strlen(s));
                err_set(err, "the provider says its issuer is %s, the configuration says %.100s", theirs,
                        issuer);
                return -EBADMSG;
        }
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_metadata(struct oidc_metadata *m, const char *issuer, const json_t *o, struct err *err)
{
        const struct {
                const char *key;
                bool required;
                char **dst;
        } endpoints[] = {
                {"authorization_endpoint", false, &m->authorization_endpoint},
                {"token_endpoint", true, &m->token_endpoint},
                {"jwks_uri", true, &m->jwks_uri},
                {"device_authorization_endpoint", false, &m->device_authorization_endpoint},
                {"revocation_endpoint", false, &m->revocation_endpoint},
                {"userinfo_endpoint", false, &m->userinfo_endpoint},
        };
        bool loopback = url_is_loopback(issuer);
        int r;

        r = check_issuer(o, issuer, &m->issuer, err);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(endpoints); i++)
                r = get_endpoint(o, endpoints[i].key, endpoints[i].required, loopback, endpoints[i].dst, err);
        if (r == 0)
                r = get_scopes(o, &m->scopes_supported, err);
        if (r < 0)
                return err_trace(r);
        m->pkce_s256 = array_has(json_object_get(o, "code_challenge_methods_supported"), "S256");
        if (json_get_bool(o, "authorization_response_iss_parameter_supported", &m->iss_parameter) == -EBADMSG)
                return wrong(
                        err, "authorization_response_iss_parameter_supported", "is neither true nor false");
        return 0;
}

// Reads a discovery document fetched for issuer. ret is filled on success only and then the caller's to
// deinit.
int oidc_metadata_parse(
        struct oidc_metadata *ret, const char *issuer, const void *json, size_t n, struct err *err)
{
        struct oidc_metadata m = {0};
        cleanup_json json_t *o = NULL;
        int r = json_parse(&o, json, n, err);

        if (r == -EBADMSG)
                err_prefix(err, "the provider's discovery document: ");
        if (r < 0)
                return err_trace(r);
        if (!json_is_object(o))
                return wrong(err, "it", "is not a JSON object");
        r = read_metadata(&m, issuer, o, err);
        if (r < 0) {
                oidc_metadata_deinit(&m);
                return err_trace(r);
        }
        *ret = m;
        return 0;
}

// Legal on a zeroed struct and twice.
void oidc_metadata_deinit(struct oidc_metadata *m)
{
        free(m->issuer);
        free(m->authorization_endpoint);
        free(m->token_endpoint);
        free(m->jwks_uri);
        free(m->device_authorization_endpoint);
        free(m->revocation_endpoint);
        free(m->userinfo_endpoint);
        for (char **s = m->scopes_supported; s && *s; s++)
                free(*s);
        free(m->scopes_supported);
        *m = (struct oidc_metadata){0};
}

static bool list_has(char *const *list, const char *s, size_t n)
{
        for (; list && *list; list++)
                if (strlen(*list) == n && memcmp(*list, s, n) == 0)
                        return true;
        return false;
}

// The scope parameter to send; *ret is the caller's: "openid", then what is wanted as it stands, or, where
// nothing is wanted, those of the usual ones that the provider lists. 0, -EINVAL for an illegal scope,
// -EMSGSIZE, -ENOMEM.
int oidc_choose_scope(const struct oidc_metadata *m, const char *wanted, char **ret)
{
        const char *list = wanted                ? wanted
                           : m->scopes_supported ? "openid profile email offline_access groups"
                                                 : "openid offline_access";
        cleanup_buf struct buf b = BUF_INIT(SCOPE_ALL_MAX);

        buf_append_str(&b, "openid");
        while (*list) {
                size_t n = strcspn(list, " ");

                if (n > 0 && !is_scope_token(list, n))
                        return -EINVAL;
                if (n > 0 && !(n == 6 && memcmp(list, "openid", 6) == 0) &&
                        (wanted || !m->scopes_supported || list_has(m->scopes_supported, list, n))) {
                        buf_append_char(&b, ' ');
                        buf_append(&b, list, n);
                }
                list += n + (list[n] == ' ');
        }
        return buf_take_str(&b, ret);
}
