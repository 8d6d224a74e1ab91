// SPDX-License-Identifier: Apache-2.0
//
// Evaluations a second of CPU time over 500 statements, by all the kinds of policy a request of a role meets: policy [SECONDS].
// There is no other evaluator of IAM's policies in Debian to hold it against; so beside it stand, in the same run, what
// nobody gets around: looking at every pattern once with strncmp(3) as far as it is fixed, glibc's fnmatch(3) over the same
// patterns, and, for who would keep the documents as text, jansson reading them.
#include "policy_decide.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define DOCUMENTS  10
#define STATEMENTS 50 // of each
#define ACTION     "dynamodb:DeleteItem"
#define RESOURCE   "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-499"

static char *texts[DOCUMENTS];
static struct policy *policies[DOCUMENTS];
static const char *actions[DOCUMENTS * STATEMENTS * 3], *resources[DOCUMENTS * STATEMENTS * 2];
static size_t n_actions, n_resources;

static double cpu_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "bench/policy: %s\n", what);
        exit(1);
}

// Half the statements are about the service that is asked about; each hundredth denies; every second has a condition; the
// last one allows.
static json_t *statement(size_t i, bool last)
{
        static const char *const services[] = {"dynamodb", "s3", "dynamodb", "ec2"};
        static const char *const verbs[] = {"Get*", "*Item", "BatchWrite*"};
        const char *service = services[i % 4];
        json_t *s = json_pack("{s:s, s:[], s:[]}", "Effect", i % 100 == 99 && !last ? "Deny" : "Allow",
                "Action", "Resource");
        char text[200];

        for (size_t k = 0; k < 3; k++) {
                snprintf(text, sizeof text, "%s:%s", last ? "dynamodb" : service, verbs[k]);
                json_array_append_new(json_object_get(s, "Action"), json_string(text));
        }
        snprintf(text, sizeof text, "arn:aws:%s:*:123456789012:table/orders-%zu", last ? "dynamodb" : service,
                i);
        json_array_append_new(json_object_get(s, "Resource"), json_string(text));
        snprintf(text, sizeof text, "arn:aws:%s:eu-*:123456789012:table/${aws:PrincipalTag/team}-%zu/*",
                service, i);
        json_array_append_new(json_object_get(s, "Resource"), json_string(text));
        if (i % 2)
                json_object_set_new(s, "Condition",
                        json_pack("{s:{s:[s,s]}, s:{s:s}}", "StringLike", "aws:PrincipalTag/team", "web-*",
                                "pay*", "Bool", "aws:SecureTransport", "true"));
        return s;
}

static void collect(const json_t *s)
{
        json_t *v;
        size_t i;

        json_array_foreach(json_object_get(s, "Action"), i, v) actions[n_actions++] =
                strdup(json_string_value(v));
        json_array_foreach(json_object_get(s, "Resource"), i, v) resources[n_resources++] =
                strdup(json_string_value(v));
}

static void make(void)
{
        for (size_t d = 0; d < DOCUMENTS; d++) {
                json_t *doc = json_pack("{s:s, s:[]}", "Version", "2012-10-17", "Statement");
                struct err err = ERR_INIT;

                for (size_t i = 0; i < STATEMENTS; i++) {
                        json_t *s = statement(d * STATEMENTS + i, d == DOCUMENTS - 1 && i == STATEMENTS - 1);

                        collect(s);
                        json_array_append_new(json_object_get(doc, "Statement"), s);
                }
                texts[d] = json_dumps(doc, 0);
                json_decref(doc);
                must(texts[d] && policy_parse(&policies[d], POLICY_IDENTITY, texts[d], strlen(texts[d]),
                                         &err) == 0,
                        err.text);
        }
}

static void print(const char *name, unsigned long n, double took)
{
        printf("| %-44s | %10.0f | %9.1f |\n", name, (double)n / took, took * 1e6 / (double)n);
}

// ---- the engine ----------------------------------------------------------------------------------------------------------

static void decide(const struct policy_case *c, enum policy_decision want)
{
        struct policy_outcome o;

        must(policy_decide(&o, c) == 0 && o.decision == want, "another decision than it should be");
}

static void measure_engine(const char *name, const char *resource, enum policy_decision want, double seconds)
{
        static const char *const keys[][2] = {{"aws:PrincipalTag/team", "payments"},
                {"aws:SecureTransport", "true"}, {"aws:SourceIp", "192.0.2.1"},
                {"aws:RequestedRegion", "eu-central-1"}, {"aws:userid", "AROAX:alice"},
                {"aws:PrincipalArn", "arn:aws:iam::123456789012:role/dev"},
                {"aws:CurrentTime", "2026-11-22T02:22:04Z"}};
        const struct policy_principal who = {.type = POLICY_PRINCIPAL_AWS,
                .arn = "arn:aws:sts::123456789012:assumed-role/dev/alice",
                .role_arn = "arn:aws:iam::123456789012:role/dev",
                .account = "123456789012"};
        struct policy_document documents[DOCUMENTS];
        struct policy_context *context = NULL;
        struct policy_case c = {.documents = documents,
                .n_documents = DOCUMENTS,
                .request = {.principal = &who, .action = ACTION, .resource = resource}};
        unsigned long n = 0;
        double start;

        must(policy_context_new(&context) == 0, "no memory");
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                must(policy_context_add(context, keys[i][0], keys[i][1]) == 0, "no memory");
        c.request.context = context;
        for (size_t i = 0; i < DOCUMENTS; i++)
                documents[i] = (struct policy_document){policies[i], POLICY_LAYER_IDENTITY, 0};
        decide(&c, want);
        start = cpu_s();
        do
                decide(&c, want);
        while (++n % 8 != 0 || cpu_s() - start < seconds);
        print(name, n, cpu_s() - start);
        policy_context_free(context);
}

// ---- what stands beside it -----------------------------------------------------------------------------------------------

static volatile size_t sink;

static void bare_compare(void)
{
        size_t equal = 0;

        for (size_t i = 0; i < n_actions; i++)
                equal += strncasecmp(actions[i], ACTION, strcspn(actions[i], "*")) == 0;
        for (size_t i = 0; i < n_resources; i++)
                equal += strncmp(resources[i], RESOURCE, strcspn(resources[i], "*$")) == 0;
        sink = equal;
}

static void match_by_glibc(void)
{
        size_t equal = 0;

        for (size_t i = 0; i < n_actions; i++)
                equal += fnmatch(actions[i], ACTION, FNM_CASEFOLD) == 0;
        for (size_t i = 0; i < n_resources; i++)
                equal += fnmatch(resources[i], RESOURCE, 0) == 0;
        sink = equal;
}

static void read_documents(void)
{
        for (size_t i = 0; i < DOCUMENTS; i++) {
                json_t *j = json_loads(texts[i], 0, NULL);

                must(j, "jansson");
                json_decref(j);
        }
}

static void parse_documents(void)
{
        for (size_t i = 0; i < DOCUMENTS; i++) {
                struct policy *p = NULL;

                must(policy_parse(&p, POLICY_IDENTITY, texts[i], strlen(texts[i]), NULL) == 0, "parse");
                policy_free(p);
        }
}

static void measure(const char *name, void (*work)(void), double seconds)
{
        unsigned long n = 0;
        double start = cpu_s();

        do
                work();
        while (++n % 8 != 0 || cpu_s() - start < seconds);
        print(name, n, cpu_s() - start);
}

int main(int argc, char *argv[])
{
        double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;

        make();
        printf("500 statements, %zu patterns of actions, %zu of resources\n\n", n_actions, n_resources);
        printf("| %-44s | %10s | %9s |\n| %.44s | %.9s: | %.8s: |\n", "", "per second", "each, us",
                "--------------------------------------------", "----------", "---------");
        measure_engine("allowed by the last statement", RESOURCE, POLICY_ALLOW, seconds);
        measure_engine("allowed by none", "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-9999",
                POLICY_IMPLICIT_DENY, seconds);
        measure("strncmp of each pattern's fixed beginning", bare_compare, seconds);
        measure("fnmatch(3) of each pattern", match_by_glibc, seconds);
        measure("the documents read: policy_parse", parse_documents, seconds);
        measure("the documents read: jansson alone", read_documents, seconds);
        for (size_t i = 0; i < DOCUMENTS; i++) {
                policy_free(policies[i]);
                free(texts[i]);
        }
        for (size_t i = 0; i < n_actions; i++)
                free((void *)(uintptr_t)actions[i]);
        for (size_t i = 0; i < n_resources; i++)
                free((void *)(uintptr_t)resources[i]);
        return 0;
}
