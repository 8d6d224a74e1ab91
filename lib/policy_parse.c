// SPDX-License-Identifier: Apache-2.0
//
// Reading a policy document as strictly as IAM: every element is known, has the right type and stands where
// it may stand, or the document is refused with line and reason. Nothing is skipped, since a Deny that is
// skipped allows.
#include "policy_internal.h"

#include <ctype.h>
#include <strings.h>

#include "json.h"

#define STATEMENTS_MAX 1000

struct parser {
        struct policy *p;
        const struct policy_statement *at; // NULL before the first statement
        struct err *err;
};

static int bad(const struct parser *x, const char *fmt, ...) _printf_(2, 3);
static int bad(const struct parser *x, const char *fmt, ...)
{
        char text[ERR_MAX];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        if (x->at && x->at->place.line)
                err_set(x->err, "line %u: %s", x->at->place.line, text);
        else
                err_set(x->err, "%s", text);
        return -EBADMSG;
}

// ---- strings, alone or in a list -------------------------------------------------------------------------------------

// A string of the document; conditions may also write true and 7, which are made strings in place.
static int scalar(struct parser *x, const char *what, json_t **v, bool literals)
{
        char text[32];
        json_t *s;

        if (json_is_string(*v)) {
                if (strlen(json_string_value(*v)) != json_string_length(*v))
                        return bad(x, "%s holds a NUL character", what);
                // What stands for wildcards in a pattern that is ready must not come from outside.
                if (strpbrk(json_string_value(*v), (const char[]){POLICY_ANY_RUN, POLICY_ANY_CHAR, 0}))
                        return bad(x, "%s holds a control character", what);
                return 0;
        }
        if (literals && json_is_boolean(*v))
                s = json_string(json_is_true(*v) ? "true" : "false");
        else if (literals && json_is_integer(*v)) {
                snprintf(text, sizeof text, "%lld", (long long)json_integer_value(*v));
                s = json_string(text);
        } else if (literals && json_is_real(*v)) {
                snprintf(text, sizeof text, "%.17g", json_real_value(*v));
                s = json_string(text);
        } else
                return bad(x, "%s must be a string", what);
        if (!s)
                return -ENOMEM;
        *v = s;
        return 1; // replaced: the caller owns the new one
}

// Calls take for each; n: how many there will be.
static int each_string(struct parser *x, const char *what, json_t *owner, const char *key, bool literals,
        int (*room)(void *list, size_t n), void (*take)(void *list, const char *s), void *list)
{
        json_t *v = json_object_get(owner, key);
        size_t n = json_is_array(v) ? json_array_size(v) : 1;

        if (n == 0)
                return bad(x, "%s is an empty list", what);
        if (room(list, n) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
                int r = scalar(x, what, &e, literals);

                if (r < 0)
                        return r;
                if (r > 0 && (json_is_array(v) ? json_array_set_new(v, i, e)
                                               : json_object_set_new(owner, key, e)) < 0)
                        return -ENOMEM;
                take(list, json_string_value(e));
        }
        return 0;
}

static int room_strings(void *list, size_t n)
{
        struct policy_strings *l = list;

        l->v = calloc(n, sizeof *l->v);
        return l->v ? 0 : -ENOMEM;
}

static void take_string(void *list, const char *s)
{
        struct policy_strings *l = list;

        l->v[l->n++] = s;
}

static int room_patterns(void *list, size_t n)
{
        struct policy_patterns *l = list;

        l->v = calloc(n, sizeof *l->v);
        return l->v ? 0 : -ENOMEM;
}

static void take_pattern(void *list, const char *s)
{
        struct policy_patterns *l = list;

        l->v[l->n++].source = s;
}

static int patterns(struct parser *x, const char *what, json_t *owner, const char *key, bool literals,
        unsigned flags, struct policy_patterns *ret)
{
        int r = each_string(x, what, owner, key, literals, room_patterns, take_pattern, ret);

        if (r == 0)
                r = policy_patterns_prepare(ret, flags);
        return r == -EMSGSIZE ? bad(x, "%s is too long", what) : r;
}

// ---- the elements of a statement -------------------------------------------------------------------------------------

// What a role's trust policy may speak of; a pattern that reaches one of them will do.
static bool is_assumption(const char *action)
{
        static const char *const known[] = {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity",
                "TagSession", "SetSourceIdentity", "SetContext"};

        if (strncasecmp(action, "sts:", 4) != 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strcasecmp(action + 4, known[i]) == 0)
                        return true;
        return strpbrk(action, "*?");
}

static int check_action(const struct parser *x, const char *key, const char *a)
{
        const char *colon = strchr(a, ':');

        for (const char *p = a; *p; p++)
                if (!isalnum((unsigned char)*p) && !strchr(":*?-_.", *p))
                        return bad(x, "%s holds a character that no action has", key);
        if (x->p->kind == POLICY_TRUST && !is_assumption(a))
                return bad(x, "AssumeRole policy may only specify STS AssumeRole actions.");
        if (strcmp(a, "*") == 0)
                return 0;
        if (!colon || colon == a || !colon[1])
                return bad(x, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
        return strchr(colon + 1, ':') ? bad(x, "Actions/Condition can contain only one colon.") : 0;
}

static int parse_actions(struct parser *x, struct policy_statement *s, json_t *o)
{
        bool has = json_object_get(o, "Action"), has_not = json_object_get(o, "NotAction");
        const char *key = has ? "Action" : "NotAction";
        int r;

        if (has == has_not)
                return bad(x, "a statement has either Action or NotAction");
        if (has_not && x->p->kind == POLICY_CONTROL)
                return bad(x, "a resource control policy has no NotAction");
        s->not_action = has_not;
        r = patterns(x, key, o, key, false, POLICY_WILDCARDS, &s->actions);
        for (size_t i = 0; r == 0 && i < s->actions.n; i++)
                r = check_action(x, key, s->actions.v[i].source);
        return r;
}

static int check_resource(const struct parser *x, const char *s)
{
        const char *partition = s + 4;
        size_t n, vendor;
        unsigned colons = 0;

        if (strcmp(s, "*") == 0)
                return 0;
        for (const char *q = s; *q; q++)
                colons += *q == ':';
        if (strncmp(s, "arn:", 4) != 0 || colons < 5)
                return bad(x, "Resource %.100s must be in ARN format or \"*\".", s);
        n = strcspn(partition, ":");
        vendor = strcspn(partition + n + 1, ":");
        if (strncmp(partition, "aws", 3) != 0 && !memchr(partition, '*', n) && !memchr(partition, '$', n))
                return bad(
                        x, "Partition \"%.*s\" is not valid for resource \"%.100s\".", (int)n, partition, s);
        // Services look at their own resources' policies less closely.
        if (x->p->kind == POLICY_IDENTITY && (vendor == 0 || memchr(partition + n + 1, '*', vendor) ||
                                                     memchr(partition + n + 1, '?', vendor)))
                return bad(x, "Resource vendor must be fully qualified and cannot contain regexes.");
        return 0;
}

static int parse_resources(struct parser *x, struct policy_statement *s, json_t *o)
{
        bool has = json_object_get(o, "Resource"), has_not = json_object_get(o, "NotResource");
        const char *key = has ? "Resource" : "NotResource";
        int r;

        if (x->p->kind == POLICY_TRUST) {
                if (has || has_not)
                        return bad(x, "Has prohibited field %s", key);
                return 0;
        }
        // A repository's policy names none: it is about the repository.
        if (!has && !has_not && x->p->kind == POLICY_RESOURCE)
                return 0;
        if (has == has_not)
                return bad(x, "a statement has either Resource or NotResource");
        s->not_resource = has_not;
        r = patterns(x, key, o, key, false, POLICY_WILDCARDS | (x->p->variables ? POLICY_VARIABLES : 0u),
                &s->resources);
        for (size_t i = 0; r == 0 && i < s->resources.n; i++)
                r = check_resource(x, s->resources.v[i].source);
        return r;
}

// "AROA…", "AIDA…": what IAM shows in place of a role or user that is gone. It names nobody any more.
static bool is_unique_id(const char *s)
{
        size_t n = strlen(s);

        return n >= 16 && n <= 128 && s[0] == 'A' && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
}

static int check_principals(struct parser *x, const struct policy_strings *l, bool aws)
{
        for (size_t i = 0; i < l->n; i++) {
                const char *s = l->v[i];
                bool account = strlen(s) == 12 && strspn(s, "0123456789") == 12;

                if (strcmp(s, "*") == 0)
                        continue;
                if (strpbrk(s, "*?"))
                        return bad(x, "Invalid principal in policy: a principal is named whole or \"*\"");
                if (aws && !account && !is_unique_id(s) && strncmp(s, "arn:", 4) != 0)
                        return bad(x, "Invalid principal in policy: AWS takes an account number or an ARN");
        }
        return 0;
}

static int parse_principal(struct parser *x, struct policy_statement *s, json_t *o)
{
        json_t *p = json_object_get(o, "Principal"), *not = json_object_get(o, "NotPrincipal");
        const char *key;
        json_t *v;
        int r;

        if (x->p->kind == POLICY_IDENTITY)
                return p || not ? bad(x, "Policy document should not specify a principal.") : 0;
        if (not ) {
                if (p)
                        return bad(x, "a statement has either Principal or NotPrincipal");
                if (x->p->kind != POLICY_RESOURCE)
                        return bad(x, "Has prohibited field NotPrincipal");
                if (!s->deny)
                        return bad(x, "NotPrincipal can be used with \"Effect\": \"Deny\" only");
                s->not_principal = true;
                p = not ;
        }
        if (!p)
                return bad(x, "Missing required field Principal");
        if (json_is_string(p) && strcmp(json_string_value(p), "*") == 0) {
                s->any_principal = true;
                return 0;
        }
        if (x->p->kind == POLICY_CONTROL)
                return bad(x, "Principal of a resource control policy must be \"*\"");
        if (!json_is_object(p) || json_object_size(p) == 0)
                return bad(x, "Principal must be \"*\" or an object");
        json_object_foreach(p, key, v)
        {
                bool aws = strcmp(key, "AWS") == 0;
                struct policy_strings *l =
                        aws                                                                  ? &s->aws
                        : strcmp(key, "Federated") == 0                                      ? &s->federated
                        : strcmp(key, "Service") == 0                                        ? &s->service
                        : strcmp(key, "CanonicalUser") == 0 && x->p->kind == POLICY_RESOURCE ? &s->canonical
                                                                                             : NULL;

                if (!l)
                        return bad(x, "unknown kind of principal \"%.40s\"", key);
                r = each_string(x, s->not_principal ? "NotPrincipal" : "Principal", p, key, false,
                        room_strings, take_string, l);
                if (r == 0)
                        r = check_principals(x, l, aws);
                if (r < 0)
                        return r;
        }
        return 0;
}

// ---- conditions ------------------------------------------------------------------------------------------------------

// "ForAnyValue:StringLikeIfExists" → qualifier, operator, suffix.
static int parse_operator(struct parser *x, struct policy_condition *c, const char *name)
{
        static const char any[] = "ForAnyValue:", all[] = "ForAllValues:", if_exists[] = "IfExists";
        const char *s = name;
        size_t n;

        if (strncmp(s, any, sizeof any - 1) == 0) {
                c->set = POLICY_SET_ANY;
                s += sizeof any - 1;
        } else if (strncmp(s, all, sizeof all - 1) == 0) {
                c->set = POLICY_SET_ALL;
                s += sizeof all - 1;
        }
        n = strlen(s);
        if (n > sizeof if_exists - 1 && strcmp(s + n - (sizeof if_exists - 1), if_exists) == 0) {
                c->if_exists = true;
                n -= sizeof if_exists - 1;
        }
        if (!policy_operator_find(c, s, n) || (c->op == POLICY_OP_NULL && (c->if_exists || c->set)))
                return bad(x, "Invalid Condition type : %.60s.", name);
        c->name = name;
        return 0;
}

static int parse_condition_keys(
        struct parser *x, struct policy_statement *s, const struct policy_condition *proto, json_t *keys)
{
        const char *key;
        json_t *v;
        void *next;

        json_object_foreach_safe(keys, next, key, v)
        {
                struct policy_condition *c = &s->conditions[s->n_conditions];
                int r;

                *c = *proto;
                c->key = key;
                s->n_conditions++;
                if (!strchr(key, ':'))
                        return bad(x,
                                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
                r = patterns(x, "Condition", keys, key, true, policy_condition_flags(c, x->p->variables),
                        &c->values);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < c->values.n; i++) {
                        const char *wants = policy_operator_wants(c, c->values.v[i].source, x->p->variables);

                        if (wants)
                                return bad(
                                        x, "condition %s on %.80s: a value is not %s", c->name, key, wants);
                }
        }
        return 0;
}

static int parse_conditions(struct parser *x, struct policy_statement *s, json_t *o)
{
        json_t *all = json_object_get(o, "Condition"), *keys;
        const char *name;
        size_t n = 0;

        if (!all)
                return 0;
        if (!json_is_object(all))
                return bad(x, "Condition must be an object");
        json_object_foreach(all, name, keys)
        {
                if (!json_is_object(keys))
                        return bad(x, "condition %.60s must be an object of keys", name);
                n += json_object_size(keys);
        }
        if (n == 0)
                return 0;
        s->conditions = calloc(n, sizeof *s->conditions);
        if (!s->conditions)
                return -ENOMEM;
        json_object_foreach(all, name, keys)
        {
                struct policy_condition proto = {0};
                int r = parse_operator(x, &proto, name);

                if (r == 0)
                        r = parse_condition_keys(x, s, &proto, keys);
                if (r < 0)
                        return r;
        }
        return 0;
}

// ---- statements and the document -------------------------------------------------------------------------------------

static int only_known(struct parser *x, json_t *o, const char *const *known, const char *where)
{
        const char *key;
        json_t *v;

        json_object_foreach(o, key, v)
        {
                bool found = false;

                for (const char *const *k = known; *k; k++)
                        found |= strcmp(*k, key) == 0;
                if (!found)
                        return bad(x, "unknown element \"%.60s\" in %s", key, where);
        }
        return 0;
}

static int parse_sid(struct parser *x, struct policy_statement *s, json_t *o)
{
        json_t *v = json_object_get(o, "Sid");

        if (!v)
                return 0;
        if (!json_is_string(v))
                return bad(x, "Sid must be a string");
        s->sid = json_string_value(v);
        for (const char *p = s->sid; *p; p++)
                if (!isalnum((unsigned char)*p) && x->p->kind != POLICY_RESOURCE)
                        return bad(x, "Statement IDs (SID) must be alpha-numeric.");
        for (const struct policy_statement *q = x->p->statements; q < s; q++)
                if (*s->sid && q->sid && strcmp(q->sid, s->sid) == 0)
                        return bad(x, "Statement IDs (SID) in a single policy must be unique.");
        return 0;
}

// The one Allow that a resource control policy may have: AWS's own, which lets everything through.
static bool is_full_access(const json_t *o)
{
        const char *action = json_string_value(json_object_get(o, "Action")),
                   *resource = json_string_value(json_object_get(o, "Resource"));

        return action && resource && strcmp(action, "*") == 0 && strcmp(resource, "*") == 0 &&
               !json_object_get(o, "Condition");
}

static int parse_statement(struct parser *x, struct policy_statement *s, json_t *o)
{
        static const char *const known[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
                "NotAction", "Resource", "NotResource", "Condition", NULL};
        const char *effect = json_string_value(json_object_get(o, "Effect"));
        int r;

        if (!json_is_object(o))
                return bad(x, "a statement must be an object");
        r = only_known(x, o, known, "a statement");
        if (r < 0)
                return r;
        if (!effect || (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0))
                return bad(x, "Effect must be \"Allow\" or \"Deny\"");
        s->deny = effect[0] == 'D';
        if ((r = parse_sid(x, s, o)) < 0 || (r = parse_principal(x, s, o)) < 0 ||
                (r = parse_actions(x, s, o)) < 0 || (r = parse_resources(x, s, o)) < 0)
                return r;
        if (!s->deny && x->p->kind == POLICY_CONTROL && !is_full_access(o))
                return bad(x, "a resource control policy only denies (but RCPFullAWSAccess)");
        return parse_conditions(x, s, o);
}

static int find_places(struct policy *p, const char *text, size_t text_n)
{
        struct policy_place *places = calloc(p->n_statements, sizeof *places);

        if (!places)
                return -ENOMEM;
        policy_find_places(text, text_n, places, p->n_statements);
        for (size_t i = 0; i < p->n_statements; i++)
                p->statements[i].place = places[i];
        free(places);
        return 0;
}

static int parse_document(struct parser *x, const char *text, size_t text_n)
{
        static const char *const known[] = {"Version", "Id", "Statement", NULL};
        struct policy *p = x->p;
        json_t *version = json_object_get(p->doc, "Version"), *all = json_object_get(p->doc, "Statement"),
               *id = json_object_get(p->doc, "Id");
        const char *v = json_string_value(version);
        size_t n = json_is_array(all) ? json_array_size(all) : 1;
        int r;

        if (!json_is_object(p->doc))
                return bad(x, "a policy must be a JSON object");
        r = only_known(x, p->doc, known, "the policy");
        if (r < 0)
                return r;
        if (version && (!v || (strcmp(v, "2012-10-17") != 0 && strcmp(v, "2008-10-17") != 0)))
                return bad(x, "Version must be \"2012-10-17\" or \"2008-10-17\"");
        p->variables = v && strcmp(v, "2012-10-17") == 0;
        if (id && !json_is_string(id))
                return bad(x, "Id must be a string");
        if (!all)
                return bad(x, "Missing required field Statement");
        if (n == 0 || n > STATEMENTS_MAX)
                return bad(x, "a policy has 1 to %d statements", STATEMENTS_MAX);
        p->statements = calloc(n, sizeof *p->statements);
        if (!p->statements)
                return -ENOMEM;
        p->n_statements = n;
        r = find_places(p, text, text_n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                x->at = &p->statements[i];
                r = parse_statement(x, &p->statements[i], json_is_array(all) ? json_array_get(all, i) : all);
        }
        return r;
}

int policy_parse(struct policy **ret, enum policy_kind kind, const void *text, size_t n, struct err *err)
{
        struct policy *p = NULL;
        struct parser x = {.err = err};
        int r;

        if (n > POLICY_SIZE_MAX) {
                err_set(err, "a policy of more than %u bytes", POLICY_SIZE_MAX);
                return -EBADMSG;
        }
        p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        p->kind = kind;
        x.p = p;
        r = json_parse(&p->doc, text, n, err);
        if (r == 0)
                r = parse_document(&x, text, n);
        if (r < 0) {
                policy_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

json_t *policy_statement_json(const struct policy *p, unsigned n)
{
        json_t *all = json_object_get(p->doc, "Statement");

        return json_is_array(all) ? json_array_get(all, n - 1) : all;
}

struct policy *policy_free(struct policy *p)
{
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_statements; i++) {
                struct policy_statement *s = &p->statements[i];

                for (size_t k = 0; k < s->n_conditions; k++)
                        policy_patterns_deinit(&s->conditions[k].values);
                free(s->conditions);
                free(s->aws.v);
                free(s->federated.v);
                free(s->service.v);
                free(s->canonical.v);
                policy_patterns_deinit(&s->actions);
                policy_patterns_deinit(&s->resources);
        }
        free(p->statements);
        json_decref(p->doc);
        free(p);
        return NULL;
}
