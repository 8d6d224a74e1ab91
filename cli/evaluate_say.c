// SPDX-License-Identifier: Apache-2.0
#include "evaluate_say.h"

#include "buf.h"
#include "cmd.h"
#include "columns.h"
#include "json.h"

#include <stdio.h>

#define CELLS 4

static const char *decision_name(enum policy_decision d)
{
        return d == POLICY_ALLOW ? "allowed" : d == POLICY_EXPLICIT_DENY ? "explicitDeny" : "implicitDeny";
}

static const char *need_name(enum policy_need n)
{
        return n == POLICY_NEEDED ? "needed" : n == POLICY_NOT_NEEDED ? "notNeeded" : "notThere";
}

static const char *says(const struct policy_finding *f)
{
        if (f->document == SIZE_MAX)
                return f->need == POLICY_NEEDED ? "missing" : "not given";
        if (f->verdict.decision == POLICY_EXPLICIT_DENY)
                return "denies";
        if (f->verdict.decision == POLICY_ALLOW)
                return "allows";
        return f->need == POLICY_NEEDED ? "does not allow" : "does not allow, and need not";
}

static char *where(const struct evaluate_case *e, const struct policy_finding *f)
{
        char *s = NULL;

        if (f->document == SIZE_MAX)
                return strdup("-");
        if (f->verdict.line == 0)
                return strdup(e->names[f->document]);
        return asprintf(&s, "%s:%u", e->names[f->document], f->verdict.line) < 0 ? NULL : s;
}

// The statement whose absence is all that is in the way; NULL (and 0) where it is not that simple.
static int propose(json_t **ret, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const struct policy_request *q = &e->request.request;
        const struct policy_principal *p = q->principal;
        const char *kind = p->type == POLICY_PRINCIPAL_FEDERATED ? "Federated"
                           : p->type == POLICY_PRINCIPAL_SERVICE ? "Service"
                                                                 : "AWS";
        json_t *s;

        *ret = NULL;
        if (o->n_denies != 0 || o->n_missing != 1 || o->decision == POLICY_ALLOW)
                return 0;
        s = json_pack("{s:s, s:s}", "Effect", "Allow", "Action", q->action);
        if (s && o->decided == POLICY_LAYER_RESOURCE)
                json_object_set_new(
                        s, "Principal", json_pack("{s:s}", kind, p->role_arn ? p->role_arn : p->arn));
        else if (s &&
                 (o->decided == POLICY_LAYER_VPC_ENDPOINT || o->decided == POLICY_LAYER_RESOURCE_CONTROL))
                json_object_set_new(s, "Principal", json_string("*"));
        if (s && !(o->decided == POLICY_LAYER_RESOURCE && e->trust))
                json_object_set_new(s, "Resource", json_string(q->resource));
        *ret = s;
        return s ? 0 : -ENOMEM;
}

// ---- for people

static int say_table(struct buf *out, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const char *cells[(POLICY_LAYERS_ + 1) * CELLS] = {"POLICY", "SAYS", "WHERE", "WHY"};
        char *places[POLICY_LAYERS_] = {0};
        size_t rows = 1;
        int r = 0;

        for (enum policy_layer l = 0; l < POLICY_LAYERS_ && r == 0; l++) {
                const struct policy_finding *f = &o->findings[l];
                const char **row = &cells[rows * CELLS];

                if (f->need == POLICY_NOT_THERE)
                        continue;
                places[l] = where(e, f);
                if (!places[l])
                        r = -ENOMEM;
                row[0] = l == POLICY_LAYER_RESOURCE && e->trust ? "trust policy" : policy_layer_name(l);
                row[1] = says(f);
                row[2] = places[l];
                row[3] = f->document == SIZE_MAX ? "-" : f->verdict.why.text;
                rows++;
        }
        if (r == 0)
                r = columns_print(out, cells, rows, CELLS);
        for (size_t i = 0; i < POLICY_LAYERS_; i++)
                free(places[i]);
        return r;
}

static int say_change(struct buf *out, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const struct policy_finding *f = &o->findings[o->decided];
        const char *name = o->decided == POLICY_LAYER_RESOURCE && e->trust ? "trust policy"
                                                                           : policy_layer_name(o->decided);
        cleanup_json json_t *statement = NULL;
        cleanup_free char *text = NULL;
        int r = propose(&statement, e, o);

        if (r < 0)
                return r;
        if (o->n_denies == 1 && o->n_missing == 0)
                return buf_printf(out, "\nOnly the Deny at %s:%u is in the way.\n", e->names[f->document],
                        f->verdict.line);
        if (!statement)
                return 0;
        text = json_dumps(statement, 0);
        if (!text)
                return -ENOMEM;
        return buf_printf(out, "\nOnly an Allow in the %s is missing. This statement would be one:\n  %s\n",
                name, text);
}

int evaluate_say(const struct evaluate_case *e, const struct policy_outcome *o)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 20);
        int r;

        buf_printf(&out, "%s: %s\n\n",
                o->decision == POLICY_ALLOW           ? "allowed"
                : o->decision == POLICY_EXPLICIT_DENY ? "denied explicitly"
                                                      : "not allowed",
                o->why.text);
        r = say_table(&out, e, o);
        if (r == 0)
                r = say_change(&out, e, o);
        for (size_t i = 0; i < json_array_size(e->notes); i++)
                buf_printf(&out, "\nNote: %s\n", json_string_value(json_array_get(e->notes, i)));
        if (r == 0)
                r = buf_error(&out);
        return r < 0 ? r : cmd_write(buf_str(&out), out.n) ? 0 : -EIO;
}

// ---- for programs

static json_t *layer_json(const struct evaluate_case *e, const struct policy_outcome *o, enum policy_layer l)
{
        const struct policy_finding *f = &o->findings[l];
        json_t *j = json_pack("{s:s, s:s}", "policy", policy_layer_name(l), "need", need_name(f->need));

        if (!j || f->document == SIZE_MAX)
                return j;
        json_object_set_new(j, "decision", json_string(decision_name(f->verdict.decision)));
        json_object_set_new(j, "file", json_string(e->names[f->document]));
        if (f->verdict.line) {
                json_object_set_new(j, "statement", json_integer(f->verdict.statement));
                json_object_set_new(j, "line", json_integer(f->verdict.line));
        }
        if (l == POLICY_LAYER_SERVICE_CONTROL || l == POLICY_LAYER_RESOURCE_CONTROL)
                json_object_set_new(j, "level", json_integer(f->level));
        json_object_set_new(j, "why", json_string(f->verdict.why.text));
        return j;
}

int evaluate_say_json(const struct evaluate_case *e, const struct policy_outcome *o)
{
        cleanup_json json_t *j = json_pack("{s:s, s:s, s:b, s:[]}", "decision", decision_name(o->decision),
                "why", o->why.text, "across_accounts", (int)o->across_accounts, "policies");
        json_t *statement = NULL;
        int r = propose(&statement, e, o);

        for (enum policy_layer l = 0; j && r == 0 && l < POLICY_LAYERS_; l++)
                if (json_array_append_new(json_object_get(j, "policies"), layer_json(e, o, l)) < 0)
                        r = -ENOMEM;
        if (r == 0 && e->notes && (!j || json_object_set(j, "notes", e->notes) < 0))
                r = -ENOMEM;
        if (statement && (!j || json_object_set_new(j, "proposal", statement) < 0))
                r = -ENOMEM;
        if (!j || r < 0)
                return r < 0 ? r : -ENOMEM;
        return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ? -EIO : 0;
}
