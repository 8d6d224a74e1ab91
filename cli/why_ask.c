// SPDX-License-Identifier: Apache-2.0
//
// Nothing here changes anything at AWS: these are reads, and a simulation.
#include "why_ask.h"

#include "form.h"
#include "json.h"
#include "query_xml.h"
#include "sts_caller_identity.h"

#include <stdio.h>

#define FORM_MAX (128u << 10)

void why_ask_deinit(struct why_ask *a)
{
        free(a->user_id);
        a->user_id = NULL;
}

// ---- who ---------------------------------------------------------------------------------------------------------------

int why_ask_who(struct why_ask *a, struct why_facts *f)
{
        cleanup_buf struct buf form = BUF_INIT(256);
        struct sts_caller_identity id = {0};
        struct aws_answer answer = {0};
        int r = sts_caller_identity_request(&form);

        if (r < 0)
                return r;
        f->who_outcome = aws_query(&answer, &a->sts, &form, &f->who_err);
        f->who_error = answer.error.code;
        f->skew_s = a->sts.skew_s;
        a->iam.skew_s = a->sts.skew_s;
        if (f->who_outcome == OUTCOME_OK &&
                sts_caller_identity_parse(&id, answer.body.p, answer.body.n, &f->who_err) < 0)
                f->who_outcome = OUTCOME_BAD_ANSWER;
        if (f->who_outcome == OUTCOME_OK) {
                snprintf(f->caller_arn, sizeof f->caller_arn, "%s", id.arn);
                a->user_id = TAKE_PTR(id.user_id);
        }
        sts_caller_identity_deinit(&id);
        aws_answer_deinit(&answer);
        return f->who_outcome == OUTCOME_INTERNAL ? -ENOMEM : 0;
}

// ---- IAM ---------------------------------------------------------------------------------------------------------------

// 0; -EACCES: refused, or not to be had (err says why, and what permission lacks); -ENOENT: there is no such thing; -ENOMEM.
static int ask_iam(
        struct aws_answer *ret, struct why_ask *a, struct buf *form, const char *action, struct err *err)
{
        struct err said = ERR_INIT;
        enum outcome o;

        *ret = (struct aws_answer){0};
        if (!a->iam.endpoint) {
                err_set(err, "%s", a->iam_err.text);
                return -EACCES;
        }
        o = aws_query(ret, &a->iam, form, &said);
        if (o == OUTCOME_OK)
                return 0;
        if (o == OUTCOME_INTERNAL)
                return -ENOMEM;
        if (strcmp(ret->error.name, "NoSuchEntity") == 0) {
                err_set(err, "%s", said.text);
                return -ENOENT;
        }
        if (ret->error.code == STS_E_ACCESS_DENIED)
                err_set(err, "permission iam:%s missing", action);
        else
                err_set(err, "%s", said.text);
        return -EACCES;
}

// The content of the answer to an operation with up to two parameters. As ask_iam().
static int get(
        json_t **ret, struct why_ask *a, const char *action, const char *const *params, struct err *err)
{
        cleanup_buf struct buf form = BUF_INIT(FORM_MAX);
        struct aws_answer answer = {0};
        int r = iam_request(&form, action, params);

        if (r < 0)
                return -ENOMEM;
        r = ask_iam(&answer, a, &form, action, err);
        if (r == 0 && (r = iam_result_parse(ret, action, answer.body.p, answer.body.n, err)) == -EBADMSG)
                r = -EACCES;
        aws_answer_deinit(&answer);
        return r;
}

static int simulate(struct why_ask *a, struct why_facts *f, struct iam_simulation *ret, const char *role_arn,
        struct err *err)
{
        cleanup_buf struct buf form = BUF_INIT(FORM_MAX);
        struct aws_answer answer = {0};
        int r = iam_simulate_request(&form, role_arn, f->action, f->resource, f->args.context);

        if (r < 0)
                return -ENOMEM;
        r = ask_iam(&answer, a, &form, "SimulatePrincipalPolicy", err);
        if (r == 0 && (r = iam_simulation_parse(ret, answer.body.p, answer.body.n, err)) == -EBADMSG)
                r = -EACCES;
        else if (r == -EACCES)
                f->simulate_denied = answer.error.code == STS_E_ACCESS_DENIED;
        aws_answer_deinit(&answer);
        return r;
}

// The role's ARN as IAM has it: with its path, which a configuration may have wrong.
static int find_role_arn(struct why_ask *a, const struct why_facts *f, char *ret, size_t n)
{
        const char *const params[] = {"RoleName", f->role_name, NULL};
        cleanup_json json_t *doc = NULL;
        const char *arn;
        int r = get(&doc, a, "GetRole", params, NULL);

        if (r == 0 && json_get_string(json_object_get(doc, "Role"), "Arn", n - 1, &arn) == 0) {
                snprintf(ret, n, "%s", arn);
                return 0;
        }
        return r == -ENOMEM ? r : -ENOENT;
}

// Denied where the request goes: would it be allowed in the role's own region?
static int try_at_home(struct why_ask *a, struct why_facts *f, const char *role_arn)
{
        struct policy_context *given = f->args.context, *home = NULL;
        struct iam_simulation s;
        int r;

        if (!f->role_region || !f->request_region || strcmp(f->role_region, f->request_region) == 0 ||
                f->simulation.decision == POLICY_ALLOW)
                return 0;
        r = policy_context_copy(&home, given, "aws:RequestedRegion", f->role_region);
        if (r < 0)
                return r;
        f->args.context = home;
        r = simulate(a, f, &s, role_arn, NULL);
        f->args.context = given;
        policy_context_free(home);
        f->allowed_at_home = r == 0 && s.decision == POLICY_ALLOW;
        return r == -ENOMEM ? r : 0;
}

int why_ask_simulator(struct why_ask *a, struct why_facts *f)
{
        char arn[AUTHZ_ARN_MAX];
        int r;

        snprintf(arn, sizeof arn, "%s", a->role_arn);
        r = simulate(a, f, &f->simulation, arn, &f->simulate_err);
        if (r == -ENOENT && (r = find_role_arn(a, f, arn, sizeof arn)) == 0) {
                err_clear(&f->simulate_err);
                r = simulate(a, f, &f->simulation, arn, &f->simulate_err);
        }
        f->simulated = r == 0;
        if (r == 0)
                r = try_at_home(a, f, arn);
        return r == -ENOMEM ? r : 0;
}

// ---- the policies themselves -------------------------------------------------------------------------------------------

// A document as IAM hands it out, into the facts' policies.
static int take_document(struct why_facts *f, enum policy_layer layer, const char *name, const char *encoded)
{
        cleanup_buf struct buf text = BUF_INIT(POLICY_SIZE_MAX);
        int r = encoded ? iam_document(&text, encoded) : -EBADMSG;

        if (r == 0)
                r = policy_args_add_text(&f->args, layer, false, name, buf_str(&text), text.n, &f->read_err);
        else if (r != -ENOMEM)
                err_set(&f->read_err, "policy %.100s cannot be read", name);
        return r == 0 || r == -ENOMEM ? r : -EACCES;
}

static int read_managed(struct why_ask *a, struct why_facts *f, enum policy_layer layer, const char *arn)
{
        const char *const policy[] = {"PolicyArn", arn, NULL};
        const char *name = strrchr(arn, '/'), *version = "", *document = NULL;
        cleanup_json json_t *doc = NULL, *content = NULL;
        int r = get(&doc, a, "GetPolicy", policy, &f->read_err);

        if (r == 0 && json_get_string(json_object_get(doc, "Policy"), "DefaultVersionId", 32, &version) < 0)
                r = -EACCES;
        if (r == 0) {
                const char *const params[] = {"PolicyArn", arn, "VersionId", version, NULL};

                r = get(&content, a, "GetPolicyVersion", params, &f->read_err);
        }
        if (r == 0)
                document = json_string_value(
                        json_object_get(json_object_get(content, "PolicyVersion"), "Document"));
        return r == 0 ? take_document(f, layer, name ? name + 1 : arn, document) : r;
}

static bool is_truncated(const json_t *doc, struct err *err)
{
        const char *s = json_string_value(json_object_get(doc, "IsTruncated"));

        if (!s || strcmp(s, "true") != 0)
                return false;
        err_set(err, "the role has more policies than one answer holds");
        return true;
}

static int read_inlined(struct why_ask *a, struct why_facts *f)
{
        const char *const role[] = {"RoleName", f->role_name, NULL};
        cleanup_json json_t *list = NULL;
        const json_t *names;
        int r = get(&list, a, "ListRolePolicies", role, &f->read_err);

        names = json_object_get(list, "PolicyNames");
        if (r == 0 && is_truncated(list, &f->read_err))
                r = -EACCES;
        for (size_t i = 0; r == 0 && i < json_array_size(names); i++) {
                const char *name = json_string_value(json_array_get(names, i));
                const char *const params[] = {"RoleName", f->role_name, "PolicyName", name, NULL};
                cleanup_json json_t *doc = NULL;

                if (!name)
                        err_set(&f->read_err, "IAM's list of policies holds something else");
                r = name ? get(&doc, a, "GetRolePolicy", params, &f->read_err) : -EACCES;
                if (r == 0)
                        r = take_document(f, POLICY_LAYER_IDENTITY, name,
                                json_string_value(json_object_get(doc, "PolicyDocument")));
        }
        return r;
}

static int read_attached(struct why_ask *a, struct why_facts *f)
{
        const char *const role[] = {"RoleName", f->role_name, NULL};
        cleanup_json json_t *list = NULL;
        const json_t *attached;
        int r = get(&list, a, "ListAttachedRolePolicies", role, &f->read_err);

        attached = json_object_get(list, "AttachedPolicies");
        if (r == 0 && is_truncated(list, &f->read_err))
                r = -EACCES;
        for (size_t i = 0; r == 0 && i < json_array_size(attached); i++) {
                const char *arn =
                        json_string_value(json_object_get(json_array_get(attached, i), "PolicyArn"));

                r = arn ? read_managed(a, f, POLICY_LAYER_IDENTITY, arn) : -EACCES;
        }
        return r;
}

static int read_boundary(struct why_ask *a, struct why_facts *f)
{
        const char *const role[] = {"RoleName", f->role_name, NULL};
        cleanup_json json_t *doc = NULL;
        const char *arn;
        int r = get(&doc, a, "GetRole", role, &f->read_err);

        if (r < 0)
                return r;
        arn = json_string_value(
                json_object_get(json_object_get(json_object_get(doc, "Role"), "PermissionsBoundary"),
                        "PermissionsBoundaryArn"));
        return arn ? read_managed(a, f, POLICY_LAYER_BOUNDARY, arn) : 0;
}

int why_ask_policies(struct why_ask *a, struct why_facts *f)
{
        int r = read_boundary(a, f);

        if (r == 0)
                r = read_inlined(a, f);
        if (r == 0)
                r = read_attached(a, f);
        f->identity_read = r == 0;
        return r == -ENOMEM ? r : 0;
}

int why_ask_session_policies(struct why_ask *a, struct why_facts *f, char *const *arns)
{
        int r = 0;

        for (; r == 0 && arns && *arns; arns++)
                r = read_managed(a, f, POLICY_LAYER_SESSION, *arns);
        f->session_unknown |= r != 0;
        return r == -ENOMEM ? r : 0;
}

// ---- the encoded message -----------------------------------------------------------------------------------------------

static int read_message(struct why_facts *f, const struct buf *body)
{
        cleanup_json json_t *doc = NULL;
        struct authz said = f->refusal, decoded;
        const char *text;
        int r = query_xml_read(&doc, NULL, body->p, body->n, IAM_ANSWER_MAX, &f->decode_err);

        if (r < 0)
                return r;
        text = json_string_value(
                json_object_get(json_object_get(doc, "DecodeAuthorizationMessageResult"), "DecodedMessage"));
        if (!text) {
                err_set(&f->decode_err, "STS's answer has no message");
                return -EBADMSG;
        }
        r = authz_document_parse(&decoded, text, strlen(text), &f->decode_err);
        if (r < 0)
                return r;
        // The kind of policy stands in the sentence only, the rest in the document.
        decoded.layer = f->refused ? said.layer : POLICY_LAYERS_;
        f->refusal = decoded;
        f->refused = true;
        return 0;
}

int why_ask_decode(struct why_ask *a, struct why_facts *f, const char *encoded)
{
        cleanup_buf struct buf form = BUF_INIT(FORM_MAX);
        struct aws_answer answer = {0};
        enum outcome o;
        int r = form_add(&form, "Action", "DecodeAuthorizationMessage");

        if (r == 0)
                r = form_add(&form, "Version", "2011-06-15");
        if (r == 0)
                r = form_add(&form, "EncodedMessage", encoded);
        if (r < 0)
                return r;
        o = aws_query(&answer, &a->sts, &form, &f->decode_err);
        if (o == OUTCOME_OK)
                r = read_message(f, &answer.body);
        else if (answer.error.code == STS_E_ACCESS_DENIED) {
                err_clear(&f->decode_err);
                err_set(&f->decode_err, "permission sts:DecodeAuthorizationMessage missing");
        }
        aws_answer_deinit(&answer);
        return o == OUTCOME_INTERNAL || r == -ENOMEM ? -ENOMEM : 0;
}
