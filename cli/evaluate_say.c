// SPDX-License-Identifier: Apache-2.0
#include "evaluate_say.h"

#include "buf.h"
#include "cmd.h"
#include "columns.h"
#include "json.h"
#include "policy_obstacles.h"
#include "translate.h"

#include <stdio.h>

#define CELLS 4

static const char *decision_name(enum policy_decision d)
{
        return d == POLICY_ALLOW ? "allowed" : d == POLICY_EXPLICIT_DENY ? "explicitDeny" : "implicitDeny";
}

static const char *need_name(enum policy_need n)
{
        return n == POLICY_NEEDED           ? "needed"
               : n == POLICY_NOT_NEEDED     ? "notNeeded"
               : n == POLICY_NOT_APPLICABLE ? "notApplicable"
                                            : "notThere";
}

static const char *says(const struct policy_finding *f)
{
        if (f->need == POLICY_NOT_APPLICABLE)
                return _("does not concern it");
        if (f->document == SIZE_MAX)
                return f->need == POLICY_NEEDED ? _("missing") : _("not given");
        if (f->verdict.decision == POLICY_EXPLICIT_DENY)
                return _("denies");
        if (f->verdict.decision == POLICY_ALLOW)
                return _("allows");
        return f->need == POLICY_NEEDED ? _("does not allow") : _("does not allow, and need not");
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

static const char *name_of(const struct evaluate_case *e, enum policy_layer l)
{
        return policy_case_layer_name(&e->request, l);
}

static bool has_levels(enum policy_layer l)
{
        return l == POLICY_LAYER_SERVICE_CONTROL || l == POLICY_LAYER_RESOURCE_CONTROL;
}

static int propose(json_t **ret, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const char *const one[] = {e->request.request.action, NULL};

        return policy_propose(ret, &e->request, o, e->refused[0] ? e->refused : one);
}

int evaluate_actions(struct evaluate_case *e, const char *const *actions, struct policy_outcome *ret)
{
        size_t refused = 0;

        for (; *actions; actions++) {
                struct policy_outcome o;
                int r;

                e->request.request.action = *actions;
                r = policy_decide(&o, &e->request);
                if (r < 0)
                        return r;
                if (refused == 0)
                        *ret = o;
                if (o.decision != POLICY_ALLOW && refused + 1 < ARRAY_SIZE(e->refused))
                        e->refused[refused++] = *actions;
        }
        if (refused > 0)
                e->request.request.action = e->refused[0];
        return 0;
}

// ---- for people

static int say_table(struct buf *out, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const char *cells[(POLICY_LAYERS_ + 1) * CELLS] = {_("POLICY"), _("SAYS"), _("WHERE"), _("WHY")};
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
                row[0] = name_of(e, l);
                row[1] = says(f);
                row[2] = places[l];
                row[3] = f->document == SIZE_MAX ? "-" : f->verdict.why.text;
                rows++;
        }
        if (r == 0)
                r = columns_print(out, cells, rows, CELLS, NULL);
        for (size_t i = 0; i < POLICY_LAYERS_; i++)
                free(places[i]);
        return r;
}

struct telling {
        struct buf *out;
        json_t *list;
        const struct evaluate_case *e;
        bool failed;
};

static void say_obstacle(const struct policy_obstacle *b, void *arg)
{
        struct telling *t = arg;
        const char *name = name_of(t->e, b->layer);

        if (b->deny)
                buf_printf(t->out, _("  a Deny in the %s: %s:%u"), name, t->e->names[b->document], b->line);
        else if (b->document == SIZE_MAX)
                buf_printf(t->out, _("  no %s allows it"), name);
        else
                buf_printf(t->out, _("  no Allow in the %s: %s"), name, t->e->names[b->document]);
        if (has_levels(b->layer))
                buf_printf(t->out, _(" (level %u)"), b->level + 1);
        buf_append_char(t->out, '\n');
}

static int say_change(struct buf *out, const struct evaluate_case *e, const struct policy_outcome *o)
{
        const struct policy_finding *f = &o->findings[o->decided];
        cleanup_json json_t *statement = NULL;
        cleanup_free char *text = NULL;
        int r = propose(&statement, e, o);

        if (r < 0)
                return r;
        for (size_t i = 1; e->refused[0] && e->refused[i]; i++)
                buf_printf(out, _("\n%s is not allowed either.\n"), e->refused[i]);
        if (o->n_denies + o->n_missing > 1) {
                struct telling t = {.out = out, .e = e};

                buf_append_str(out, _("\nIn the way, each by itself:\n"));
                return policy_each_obstacle(&e->request, o, say_obstacle, &t);
        }
        if (o->n_denies == 1 && !(e->refused[0] && e->refused[1]))
                return buf_printf(out, _("\nOnly the Deny at %s:%u is in the way.\n"), e->names[f->document],
                        f->verdict.line);
        if (!statement)
                return 0;
        text = json_dumps(statement, JSON_ENSURE_ASCII);
        if (!text)
                return -ENOMEM;
        if (has_levels(o->decided))
                buf_printf(out, _("\nOnly an Allow in the %s is missing (level %u)."), name_of(e, o->decided),
                        f->level + 1);
        else
                buf_printf(out, _("\nOnly an Allow in the %s is missing."), name_of(e, o->decided));
        return buf_printf(out, _(" This statement would be one:\n  %s\n"), text);
}

int evaluate_say(const struct evaluate_case *e, const struct policy_outcome *o)
{
        cleanup_buf struct buf out = BUF_INIT(1u << 20);
        int r;

        buf_printf(&out, "%s: %s\n\n",
                o->decision == POLICY_ALLOW           ? _("allowed")
                : o->decision == POLICY_EXPLICIT_DENY ? _("denied explicitly")
                                                      : _("not allowed"),
                o->why.text);
        r = say_table(&out, e, o);
        if (r == 0)
                r = say_change(&out, e, o);
        for (size_t i = 0; i < json_array_size(e->notes); i++)
                buf_printf(&out, _("\nNote: %s\n"), json_string_value(json_array_get(e->notes, i)));
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
        if (has_levels(l))
                json_object_set_new(j, "level", json_integer(f->level));
        json_object_set_new(j, "why", json_string(f->verdict.why.text));
        return j;
}

static void add_obstacle(const struct policy_obstacle *b, void *arg)
{
        struct telling *t = arg;
        json_t *j = json_pack(
                "{s:s, s:s}", "policy", policy_layer_name(b->layer), "what", b->deny ? "deny" : "missing");

        if (!j)
                t->failed = true;
        if (j && b->document != SIZE_MAX)
                t->failed |= json_object_set_new(j, "file", json_string(t->e->names[b->document])) < 0;
        if (j && b->deny)
                t->failed |= json_object_set_new(j, "statement", json_integer(b->statement)) < 0 ||
                             json_object_set_new(j, "line", json_integer(b->line)) < 0;
        if (j && has_levels(b->layer))
                t->failed |= json_object_set_new(j, "level", json_integer(b->level)) < 0;
        if (json_array_append_new(t->list, j) < 0)
                t->failed = true;
}

int evaluate_say_json(const struct evaluate_case *e, const struct policy_outcome *o)
{
        cleanup_json json_t *j =
                json_pack("{s:s, s:s, s:b, s:[], s:[]}", "decision", decision_name(o->decision), "why",
                        o->why.text, "across_accounts", (int)o->across_accounts, "policies", "in_the_way");
        struct telling t = {.list = json_object_get(j, "in_the_way"), .e = e};
        json_t *statement = NULL;
        int r = j ? propose(&statement, e, o) : -ENOMEM;

        for (enum policy_layer l = 0; r == 0 && l < POLICY_LAYERS_; l++)
                if (json_array_append_new(json_object_get(j, "policies"), layer_json(e, o, l)) < 0)
                        r = -ENOMEM;
        if (r == 0 && o->decision != POLICY_ALLOW)
                r = policy_each_obstacle(&e->request, o, add_obstacle, &t);
        if (r == 0 && e->notes && json_object_set(j, "notes", e->notes) < 0)
                r = -ENOMEM;
        if (statement && (!j || json_object_set_new(j, "proposal", statement) < 0))
                r = -ENOMEM;
        if (r < 0 || t.failed)
                return r < 0 ? r : -ENOMEM;
        return json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ? -EIO : 0;
}
