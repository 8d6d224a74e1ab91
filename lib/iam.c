// SPDX-License-Identifier: Apache-2.0
//
// Endpoints as botocore's data/endpoints.json and the partitions' user guides have them.
#include "iam.h"

#include "form.h"
#include "json.h"
#include "query_xml.h"

#include <stdio.h>
#include <strings.h>

#define VERSION "2010-05-08"

static const struct {
        const char *partition, *host, *region;
} places[] = {
        {"aws", "iam.amazonaws.com", "us-east-1"},
        {"aws-cn", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
        {"aws-us-gov", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
        {"aws-iso", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
        {"aws-iso-b", "iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
        {"aws-iso-e", "iam.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"},
        {"aws-iso-f", "iam.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"},
        {"aws-eusc", "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
};

int iam_endpoint(struct buf *out, char region[33], const char *partition)
{
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                if (strcmp(places[i].partition, partition) != 0)
                        continue;
                snprintf(region, 33, "%s", places[i].region);
                return buf_printf(out, "https://%s", places[i].host);
        }
        return -ENOENT;
}

int iam_request(struct buf *out, const char *action, const char *const *params)
{
        int r = form_add(out, "Action", action);

        if (r == 0)
                r = form_add(out, "Version", VERSION);
        for (; r == 0 && params && params[0]; params += 2)
                r = form_add(out, params[0], params[1]);
        return r;
}

struct entries {
        struct buf *out;
        size_t n;
};

// The simulator wants to be told a value's type: of the keys that every request may have they are known (IAM user guide, "AWS
// global condition context keys"), of the others a text is what most are.
static const char *type_of(const char *key, size_t n)
{
        static const struct {
                const char *key, *type;
        } known[] = {{"aws:CurrentTime", "date"}, {"aws:TokenIssueTime", "date"}, {"aws:EpochTime", "date"},
                {"aws:MultiFactorAuthAge", "numeric"}, {"aws:MultiFactorAuthPresent", "boolean"},
                {"aws:SecureTransport", "boolean"}, {"aws:ViaAWSService", "boolean"},
                {"aws:PrincipalIsAWSService", "boolean"}, {"aws:SourceIp", "ip"}, {"aws:VpcSourceIp", "ip"}};

        for (size_t i = 0; n == 1 && i < ARRAY_SIZE(known); i++)
                if (strcasecmp(known[i].key, key) == 0)
                        return known[i].type;
        return n > 1 ? "stringList" : "string";
}

static void add_entry(const char *key, const char *const *values, size_t n, void *arg)
{
        struct entries *e = arg;
        char name[80];

        e->n++;
        snprintf(name, sizeof name, "ContextEntries.member.%zu.ContextKeyName", e->n);
        form_add(e->out, name, key);
        snprintf(name, sizeof name, "ContextEntries.member.%zu.ContextKeyType", e->n);
        form_add(e->out, name, type_of(key, n));
        for (size_t i = 0; i < n; i++) {
                snprintf(name, sizeof name, "ContextEntries.member.%zu.ContextKeyValues.member.%zu", e->n,
                        i + 1);
                form_add(e->out, name, values[i]);
        }
}

int iam_simulate_request(struct buf *out, const char *role_arn, const char *action, const char *resource,
        const struct policy_context *context)
{
        const char *const params[] = {"PolicySourceArn", role_arn, "ActionNames.member.1", action,
                "ResourceArns.member.1", resource, NULL};
        struct entries e = {.out = out};
        int r = iam_request(out, "SimulatePrincipalPolicy", params);

        if (r == 0)
                policy_context_each(context, add_entry, &e);
        return r == 0 ? buf_error(out) : r;
}

// ---- answers -----------------------------------------------------------------------------------------------------------

int iam_result_parse(json_t **ret, const char *action, const void *xml, size_t n, struct err *err)
{
        cleanup_json json_t *doc = NULL;
        char root[256] = "", want[128], result[128];
        json_t *content;
        int r = query_xml_read(&doc, root, xml, n, IAM_ANSWER_MAX, err);

        if (r < 0)
                return r;
        snprintf(want, sizeof want, "%sResponse", action);
        snprintf(result, sizeof result, "%sResult", action);
        content = json_object_get(doc, result);
        if (strcmp(root, want) != 0 || !json_is_object(content)) {
                err_set(err, "the answer is not the one to %s", action);
                return -EBADMSG;
        }
        *ret = json_incref(content);
        return 0;
}

static void clean(char *dst, size_t size, const char *s)
{
        err_sanitise(dst, size, s, strlen(s));
}

// "true" or "false" of a detail; false: it was not said.
static bool detail(const json_t *of, const char *element, const char *name, bool *ret)
{
        const char *s = json_string_value(json_object_get(json_object_get(of, element), name));

        *ret = s && strcmp(s, "true") == 0;
        return s;
}

static int read_result(struct iam_simulation *ret, const json_t *o)
{
        static const struct {
                const char *name;
                enum policy_decision decision;
        } decisions[] = {{"allowed", POLICY_ALLOW}, {"explicitDeny", POLICY_EXPLICIT_DENY},
                {"implicitDeny", POLICY_IMPLICIT_DENY}};
        const char *decision = json_string_value(json_object_get(o, "EvalDecision")), *s;
        const json_t *list = json_object_get(o, "MatchedStatements");
        struct iam_simulation v = {0};

        for (size_t i = 0; decision && i < ARRAY_SIZE(decisions); i++)
                if (strcmp(decisions[i].name, decision) == 0)
                        v.decision = decisions[i].decision;
        if (!v.decision)
                return -EBADMSG;
        v.of_organization = detail(
                o, "OrganizationsDecisionDetail", "AllowedByOrganizations", &v.allowed_by_organization);
        v.of_boundary = detail(o, "PermissionsBoundaryDecisionDetail", "AllowedByPermissionsBoundary",
                &v.allowed_by_boundary);
        for (size_t i = 0; i < json_array_size(list) && v.n_matched < IAM_MATCHED_MAX; i++) {
                const json_t *m = json_array_get(list, i);
                const char *line =
                        json_string_value(json_object_get(json_object_get(m, "StartPosition"), "Line"));

                s = json_string_value(json_object_get(m, "SourcePolicyId"));
                if (!s)
                        continue;
                clean(v.matched[v.n_matched].policy, sizeof v.matched[0].policy, s);
                v.matched[v.n_matched++].line = line ? (unsigned)strtoul(line, NULL, 10) : 0;
        }
        list = json_object_get(o, "MissingContextValues");
        for (size_t i = 0; i < json_array_size(list) && v.n_missing < IAM_MISSING_MAX; i++)
                if ((s = json_string_value(json_array_get(list, i))))
                        clean(v.missing[v.n_missing++], sizeof v.missing[0], s);
        *ret = v;
        return 0;
}

int iam_simulation_parse(struct iam_simulation *ret, const void *xml, size_t n, struct err *err)
{
        cleanup_json json_t *doc = NULL;
        const json_t *list;
        int r = iam_result_parse(&doc, "SimulatePrincipalPolicy", xml, n, err);

        if (r < 0)
                return r;
        list = json_object_get(doc, "EvaluationResults");
        r = json_array_size(list) == 1 ? read_result(ret, json_array_get(list, 0)) : -EBADMSG;
        if (r < 0)
                err_set(err, "the simulator's answer says no decision");
        return r;
}

static int hex(char c)
{
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

int iam_document(struct buf *out, const char *text)
{
        for (; *text; text++) {
                char c = *text;

                if (c == '%') {
                        int high = hex(text[1]), low = high < 0 ? -1 : hex(text[2]);

                        if (low < 0 || (high == 0 && low == 0))
                                return -EBADMSG;
                        c = (char)(unsigned char)(high << 4 | low);
                        text += 2;
                }
                if (buf_append_char(out, c) < 0)
                        return buf_error(out);
        }
        return buf_error(out);
}
