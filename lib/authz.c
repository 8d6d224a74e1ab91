// SPDX-License-Identifier: Apache-2.0
//
// The sentence is read from its fixed words; what stands between them is taken as it is and made fit for a terminal.
#include "authz.h"

#include "buf.h"
#include "json.h"

#include <stdio.h>
#include <strings.h>

// ---- the sentence ------------------------------------------------------------------------------------------------------

static const struct {
        const char *words;
        enum policy_layer layer;
} kinds[] = {
        {"identity-based policy", POLICY_LAYER_IDENTITY},
        {"resource-based policy", POLICY_LAYER_RESOURCE},
        {"role trust policy", POLICY_LAYER_RESOURCE},
        {"permissions boundary", POLICY_LAYER_BOUNDARY},
        {"session policy", POLICY_LAYER_SESSION},
        {"service control policy", POLICY_LAYER_SERVICE_CONTROL},
        {"resource control policy", POLICY_LAYER_RESOURCE_CONTROL},
        {"VPC endpoint policy", POLICY_LAYER_VPC_ENDPOINT},
};

static enum policy_layer kind_of(const char *s)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strncasecmp(s, kinds[i].words, strlen(kinds[i].words)) == 0)
                        return kinds[i].layer;
        return POLICY_LAYERS_;
}

// The word behind a mark, to the next white space; a full stop at its end is the sentence's.
static const char *word_after(char *dst, size_t size, const char *text, const char *mark)
{
        const char *s = strstr(text, mark);
        size_t n;

        if (!s)
                return NULL;
        s += strlen(mark);
        n = strcspn(s, " \t\r\n\"'");
        if (n > 0 && s[n - 1] == '.')
                n--;
        err_sanitise(dst, size, s, n);
        return s + n;
}

static void read_reason(struct authz *a, const char *s)
{
        static const char deny[] = "with an explicit deny in ", lack[] = "because no ";
        const char *p = strstr(s, deny);

        if (p) {
                p += sizeof deny - 1;
                p += strncmp(p, "a ", 2) == 0     ? 2
                     : strncmp(p, "an ", 3) == 0  ? 3
                     : strncmp(p, "the ", 4) == 0 ? 4
                                                  : 0;
                a->layer = kind_of(p);
                a->explicit_deny = a->has_decision = true;
        } else if ((p = strstr(s, lack))) {
                a->layer = kind_of(p + sizeof lack - 1);
                a->has_decision = a->layer != POLICY_LAYERS_;
        } else if (strstr(s, "with an explicit deny")) {
                a->explicit_deny = a->has_decision = true;
        }
}

static char *copy_text(const char *text, size_t n)
{
        return n <= AUTHZ_TEXT_MAX && !memchr(text, 0, n) ? strndup(text, n) : NULL;
}

bool authz_text_parse(struct authz *ret, const char *text, size_t n)
{
        cleanup_free char *s = copy_text(text, n);
        struct authz a = {.layer = POLICY_LAYERS_};
        const char *p;

        *ret = a;
        if (!s)
                return false;
        (void)word_after(a.principal, sizeof a.principal, s, "User: ");
        p = word_after(a.action, sizeof a.action, s, "not authorized to perform: ");
        if (p)
                (void)word_after(a.resource, sizeof a.resource, p, "on resource: ");
        read_reason(&a, p ? p : s);
        *ret = a;
        return a.action[0] || a.has_decision;
}

bool authz_find_encoded(char dst[AUTHZ_ENCODED_MAX + 1], const char *text, size_t n)
{
        static const char mark[] = "failure message: ",
                          alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_+/=";
        cleanup_free char *s = copy_text(text, n);
        const char *p = s ? strstr(s, mark) : NULL;
        size_t len;

        if (!s)
                return false;
        p = p ? p + sizeof mark - 1 : s + strspn(s, " \t\r\n");
        len = strspn(p, alphabet);
        // Without the words around it, it is all there is, and long.
        if (len < 32 || len > AUTHZ_ENCODED_MAX || (!strstr(s, mark) && p[len + strspn(p + len, " \t\r\n")]))
                return false;
        memcpy(dst, p, len);
        dst[len] = 0;
        return true;
}

// ---- the document ------------------------------------------------------------------------------------------------------

static const char *text_of(const json_t *o, const char *key)
{
        const char *s;

        return json_get_string(o, key, AUTHZ_ARN_MAX - 1, &s) == 0 ? s : "";
}

static int add_condition(struct authz *a, const json_t *condition)
{
        const char *key = text_of(condition, "key"), *value;
        const json_t *values = json_object_get(json_object_get(condition, "values"), "items");
        int r = 0;

        for (size_t i = 0; *key && r == 0 && i < json_array_size(values); i++) {
                value = text_of(json_array_get(values, i), "value");
                r = policy_context_add(a->context, key, value);
                if (strcasecmp(key, "aws:SourceVpce") == 0)
                        err_sanitise(a->endpoint, sizeof a->endpoint, value, strlen(value));
        }
        return r == -E2BIG ? -EBADMSG : r;
}

static void copy(char *dst, size_t size, const char *s)
{
        err_sanitise(dst, size, s, strlen(s));
}

static int read_document(struct authz *a, const json_t *doc)
{
        const json_t *context = json_object_get(doc, "context"),
                     *conditions = json_object_get(json_object_get(context, "conditions"), "items"),
                     *matched = json_object_get(json_object_get(doc, "matchedStatements"), "items");
        bool allowed;
        int r;

        if (!json_is_object(context) || json_get_bool(doc, "allowed", &allowed) < 0 ||
                json_get_bool(doc, "explicitDeny", &a->explicit_deny) < 0)
                return -EBADMSG;
        a->has_decision = !allowed;
        copy(a->principal, sizeof a->principal, text_of(json_object_get(context, "principal"), "arn"));
        copy(a->action, sizeof a->action, text_of(context, "action"));
        copy(a->resource, sizeof a->resource, text_of(context, "resource"));
        copy(a->statement, sizeof a->statement, text_of(json_array_get(matched, 0), "statementId"));
        r = policy_context_new(&a->context);
        for (size_t i = 0; r == 0 && i < json_array_size(conditions); i++)
                r = add_condition(a, json_array_get(conditions, i));
        return r;
}

int authz_document_parse(struct authz *ret, const char *json, size_t n, struct err *err)
{
        cleanup_json json_t *doc = NULL;
        struct authz a = {.layer = POLICY_LAYERS_};
        int r = json_parse(&doc, json, n, err);

        if (r == 0)
                r = read_document(&a, doc);
        if (r < 0) {
                if (r == -EBADMSG)
                        err_set(err, "the decoded message is not one of a refusal");
                authz_deinit(&a);
                return r;
        }
        *ret = a;
        return 0;
}

void authz_deinit(struct authz *a)
{
        policy_context_free(a->context);
        *a = (struct authz){0};
}
