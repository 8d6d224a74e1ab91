// SPDX-License-Identifier: Apache-2.0
//
// SimulatePrincipalPolicy, by the engine that decides real requests, with the limits that AWS's has: identity policies, one
// boundary and the organisation's policies, of the latter those without conditions; no resource policies for roles, no trust
// policies, no VPC endpoint's. Condition keys are those that are given, and what is missing is told.
#include "iam_internal.h"

#include <stdio.h>

#include "json.h"
#include <strings.h>

#define ACTIONS_MAX   64u
#define RESOURCES_MAX 64u
#define INPUTS_MAX    16u

struct simulation {
        const struct iam_call *c;
        const struct dir_role *role;
        struct policy_context *context;
        struct policy *inputs[INPUTS_MAX];
        struct policy *boundary; // instead of the role's; NULL
        size_t n_inputs;
        struct policy_document *docs;
        struct policy_case case_;
        char session[192];
        struct policy_principal principal;
        struct buf out;
};

static const char *member(const struct iam_call *c, const char *list, size_t n, const char *rest)
{
        char key[96];

        snprintf(key, sizeof key, "%s.member.%zu%s", list, n, rest);
        return web_param(c->r, key);
}

static void invalid(const struct iam_call *c, const char *message)
{
        sts_refuse(c->r, 400, "InvalidInput", message, NULL);
}

// ---- what is asked -----------------------------------------------------------------------------------------------------

static int read_context(struct simulation *s)
{
        int r = policy_context_new(&s->context);
        const char *key, *value;

        for (size_t n = 1; r == 0 && (key = member(s->c, "ContextEntries", n, ".ContextKeyName")); n++) {
                for (size_t k = 1;; k++) {
                        char rest[48];

                        snprintf(rest, sizeof rest, ".ContextKeyValues.member.%zu", k);
                        value = member(s->c, "ContextEntries", n, rest);
                        if (!value || r < 0)
                                break;
                        r = policy_context_add(s->context, key, value);
                }
        }
        return r;
}

// True, or answered.
static bool read_inputs(struct simulation *s)
{
        struct err err = ERR_INIT;
        const char *text;
        int r = 0;

        for (size_t n = 1; r == 0 && (text = member(s->c, "PolicyInputList", n, "")); n++) {
                if (s->n_inputs == INPUTS_MAX) {
                        invalid(s->c, "Too many policies in PolicyInputList.");
                        return false;
                }
                r = policy_parse(&s->inputs[s->n_inputs], POLICY_IDENTITY, text, strlen(text), &err);
                s->n_inputs += r == 0;
        }
        text = r == 0 ? member(s->c, "PermissionsBoundaryPolicyInputList", 1, "") : NULL;
        if (text)
                r = policy_parse(&s->boundary, POLICY_IDENTITY, text, strlen(text), &err);
        if (r == -EBADMSG)
                invalid(s->c, err.text);
        else if (r < 0)
                sts_out_of_memory(s->c->r);
        return r == 0;
}

static int gather(struct simulation *s)
{
        size_t n;
        int r = access_role_documents(&s->docs, &n, s->c->r->cloud->dir, s->role, true, INPUTS_MAX + 1);

        if (r < 0)
                return r;
        for (size_t i = 0; i < s->n_inputs; i++)
                s->docs[n++] = (struct policy_document){s->inputs[i], POLICY_LAYER_IDENTITY, 0};
        for (size_t i = 0; s->boundary && i < n; i++)
                if (s->docs[i].layer == POLICY_LAYER_BOUNDARY)
                        s->docs[i--] = s->docs[--n];
        if (s->boundary)
                s->docs[n++] = (struct policy_document){s->boundary, POLICY_LAYER_BOUNDARY, 0};
        s->case_.documents = s->docs;
        s->case_.n_documents = n;
        snprintf(s->session, sizeof s->session, "arn:aws:sts::%s:assumed-role/%s/simulated", s->role->account,
                s->role->name);
        s->principal = (struct policy_principal){.type = POLICY_PRINCIPAL_AWS,
                .arn = s->session,
                .role_arn = s->role->arn,
                .account = s->role->account};
        s->case_.request.principal = &s->principal;
        s->case_.request.context = s->context;
        return 0;
}

// ---- what is answered --------------------------------------------------------------------------------------------------

// How the policy of a document is called: its own name, or its place among those that were given.
static void name_of(const struct simulation *s, const struct policy *p, char ret[160])
{
        for (size_t i = 0; i < s->n_inputs; i++)
                if (s->inputs[i] == p) {
                        snprintf(ret, 160, "PolicyInputList.%zu", i + 1);
                        return;
                }
        for (size_t i = 0; i < s->role->n_inline; i++)
                if (s->role->inlined[i].policy == p)
                        snprintf(ret, 160, "%s", s->role->inlined[i].name);
        for (size_t i = 0; i < s->role->n_attached; i++)
                if (s->role->attached[i].managed->policy == p)
                        snprintf(ret, 160, "%s", s->role->attached[i].managed->name);
}

struct matched {
        struct simulation *s;
        const char *name;
};

static void position(struct buf *b, const char *element, unsigned line, unsigned column)
{
        buf_printf(b, "<%s>", element);
        xml_int(b, "Line", line);
        xml_int(b, "Column", column);
        buf_printf(b, "</%s>", element);
}

static void on_match(unsigned statement, const struct policy_place *place, void *arg)
{
        struct matched *m = arg;
        struct buf *b = &m->s->out;

        (void)statement;
        buf_append_str(b, "<member>");
        xml_text(b, "SourcePolicyId", m->name);
        xml_text(b, "SourcePolicyType", "IAM Policy");
        position(b, "StartPosition", place->line, place->column);
        position(b, "EndPosition", place->end_line, place->end_column);
        buf_append_str(b, "</member>");
}

// The identity's statements that decided. The organisation's and the boundary's are told by a word only, as AWS does.
static int matched_statements(struct simulation *s, enum policy_decision decision)
{
        int r = 0;

        buf_append_str(&s->out, "<MatchedStatements>");
        for (size_t i = 0; r == 0 && decision != POLICY_IMPLICIT_DENY && i < s->case_.n_documents; i++) {
                char name[160] = "";
                struct matched m = {s, name};

                if (s->docs[i].layer != POLICY_LAYER_IDENTITY)
                        continue;
                name_of(s, s->docs[i].policy, name);
                r = policy_each_match(
                        s->docs[i].policy, &s->case_.request, decision == POLICY_EXPLICIT_DENY, on_match, &m);
        }
        buf_append_str(&s->out, "</MatchedStatements>");
        return r;
}

struct keys {
        struct simulation *s;
        json_t *seen;
        bool all; // not only those that were not given
};

static void on_key(const char *key, unsigned line, void *arg)
{
        struct keys *k = arg;
        char lower[256];
        size_t n = strlen(key);

        (void)line;
        if (n >= sizeof lower || (!k->all && policy_context_has(k->s->context, key)))
                return;
        for (size_t i = 0; i <= n; i++)
                lower[i] = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] + 32) : key[i];
        if (json_object_get(k->seen, lower) || json_object_set_new(k->seen, lower, json_true()) < 0)
                return;
        xml_text(&k->s->out, "member", key);
}

static int keys_of(struct simulation *s, const char *element, bool all)
{
        cleanup_json json_t *seen = json_object();
        struct keys k = {s, seen, all};

        buf_printf(&s->out, "<%s>", element);
        for (size_t i = 0; i < s->case_.n_documents; i++)
                policy_each_key(s->docs[i].policy, on_key, &k);
        buf_printf(&s->out, "</%s>", element);
        return seen ? 0 : -ENOMEM;
}

static bool is_there(const struct simulation *s, enum policy_layer l)
{
        for (size_t i = 0; i < s->case_.n_documents; i++)
                if (s->docs[i].layer == l)
                        return true;
        return false;
}

// <element><name>true</name></element>, where there is such a policy.
static void layer_detail(struct simulation *s, const struct policy_outcome *o, enum policy_layer l,
        const char *element, const char *name)
{
        if (!is_there(s, l))
                return;
        buf_printf(&s->out, "<%s>", element);
        xml_text(&s->out, name, o->findings[l].verdict.decision == POLICY_ALLOW ? "true" : "false");
        buf_printf(&s->out, "</%s>", element);
}

static int simulate(struct simulation *s, const char *action, const char *resource)
{
        struct policy_outcome o;
        int r;

        s->case_.request.action = action;
        s->case_.request.resource = resource;
        r = policy_decide(&o, &s->case_);
        if (r < 0)
                return r;
        buf_append_str(&s->out, "<member>");
        xml_text(&s->out, "EvalActionName", action);
        xml_text(&s->out, "EvalResourceName", resource);
        xml_text(&s->out, "EvalDecision",
                o.decision == POLICY_ALLOW           ? "allowed"
                : o.decision == POLICY_EXPLICIT_DENY ? "explicitDeny"
                                                     : "implicitDeny");
        r = matched_statements(s, o.decision);
        if (r == 0)
                r = keys_of(s, "MissingContextValues", false);
        layer_detail(
                s, &o, POLICY_LAYER_SERVICE_CONTROL, "OrganizationsDecisionDetail", "AllowedByOrganizations");
        layer_detail(s, &o, POLICY_LAYER_BOUNDARY, "PermissionsBoundaryDecisionDetail",
                "AllowedByPermissionsBoundary");
        buf_append_str(&s->out, "</member>");
        return r;
}

static bool is_action(const char *s)
{
        const char *colon = strchr(s, ':');

        return colon && colon > s && colon[1] && !strpbrk(s, "*? ") && strlen(s) <= 128;
}

static void answer(struct simulation *s)
{
        const char *action, *resource;
        int r = 0;

        buf_append_str(&s->out, "<EvaluationResults>");
        for (size_t i = 1; r == 0 && i <= ACTIONS_MAX && (action = member(s->c, "ActionNames", i, "")); i++) {
                if (!is_action(action)) {
                        invalid(s->c, "Invalid action name: an action is service:name, without wildcards.");
                        return;
                }
                if (!member(s->c, "ResourceArns", 1, ""))
                        r = simulate(s, action, "*");
                for (size_t k = 1;
                        r == 0 && k <= RESOURCES_MAX && (resource = member(s->c, "ResourceArns", k, "")); k++)
                        r = simulate(s, action, resource);
        }
        buf_append_str(&s->out, "</EvaluationResults>");
        xml_text(&s->out, "IsTruncated", "false");
        if (r < 0 || buf_error(&s->out))
                sts_out_of_memory(s->c->r);
        else
                xml_reply_result(s->c->r, "SimulatePrincipalPolicy", &s->out);
}

// ---- the operations ----------------------------------------------------------------------------------------------------

// False: answered.
static bool begin(struct simulation *s, const struct iam_call *c, const char *action)
{
        const char *source = iam_need(c, "PolicySourceArn");

        *s = (struct simulation){.c = c, .out = BUF_INIT(IAM_ANSWER_MAX)};
        if (!source || !access_check(c->r, c->caller, c->region, action, source, source))
                return false;
        s->role = dir_find_role(c->r->cloud->dir, source);
        if (!s->role) {
                char what[320], clean[256];

                snprintf(what, sizeof what, "%s", err_sanitise(clean, sizeof clean, source, strlen(source)));
                iam_no_such_entity(c, what);
                return false;
        }
        return true;
}

static void end(struct simulation *s)
{
        for (size_t i = 0; i < s->n_inputs; i++)
                policy_free(s->inputs[i]);
        policy_free(s->boundary);
        policy_context_free(s->context);
        free(s->docs);
        buf_deinit(&s->out);
}

void iam_simulate_principal_policy(const struct iam_call *c)
{
        struct simulation s;
        int r;

        if (!begin(&s, c, "iam:SimulatePrincipalPolicy")) {
                end(&s);
                return;
        }
        if (!member(c, "ActionNames", 1, "")) {
                (void)iam_need(c, "ActionNames.member.1");
        } else if (web_param(c->r, "ResourcePolicy")) {
                invalid(c, "Simulation of resource-based policies isn't supported for IAM roles.");
        } else if (read_inputs(&s)) {
                r = read_context(&s);
                if (r == 0)
                        r = gather(&s);
                if (r == 0)
                        answer(&s);
                else if (r == -E2BIG)
                        invalid(c, "Too many context entries.");
                else
                        sts_out_of_memory(c->r);
        }
        end(&s);
}

void iam_get_context_keys_for_principal_policy(const struct iam_call *c)
{
        struct simulation s;

        if (begin(&s, c, "iam:GetContextKeysForPrincipalPolicy") && read_inputs(&s)) {
                if (gather(&s) < 0 || keys_of(&s, "ContextKeyNames", true) < 0)
                        sts_out_of_memory(c->r);
                else
                        xml_reply_result(c->r, "GetContextKeysForPrincipalPolicy", &s.out);
        }
        end(&s);
}
