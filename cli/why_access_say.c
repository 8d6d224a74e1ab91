// SPDX-License-Identifier: Apache-2.0
//
// What came from outside was made fit for a terminal where it was read, or is here.
#include "why_access_say.h"

#include "cmd.h"
#include "columns.h"
#include "json.h"
#include "translate.h"
#include "wrap.h"

#include <stdio.h>

#define HEAD_WIDTH  10u
#define CAUSE_WIDTH 18u // number, state: what stands in front of a cause's text

static const char simulator_note[] = N_("AWS's simulator evaluates the role's policies, its permissions "
                                        "boundary and, without conditions, service control policies. It "
                                        "knows no resource policy of a role's request, no role trust policy, "
                                        "no VPC endpoint policy, no resource control policy and no "
                                        "session policy, and no condition key but those it is given.");

static const char *mark(enum why_state s)
{
        return s == WHY_FOUND ? _("FOUND") : s == WHY_RULED_OUT ? _("ruled out") : _("not checkable");
}

static void paragraph(const char *s)
{
        char clean[1600];

        wrap_print_from(stdout, err_sanitise(clean, sizeof clean, s, strlen(s)), CAUSE_WIDTH);
        putchar('\n');
}

static void say_cause(size_t i, const struct why_cause *c)
{
        char whole[1600];

        printf("%zu  %-13s  ", i + 1, mark(c->state));
        snprintf(whole, sizeof whole, "%s: %s", _(c->title), c->text);
        paragraph(whole);
        if (!c->mend[0] || c->state == WHY_RULED_OUT)
                return;
        snprintf(whole, sizeof whole, _("mend: %s"), c->mend);
        printf("%*s", (int)CAUSE_WIDTH, "");
        paragraph(whole);
}

static int say(const struct why_facts *f, const struct why_cause *causes, const char *decision)
{
        char asked[2400];

        columns_line(_("Who"), HEAD_WIDTH, f->caller_arn[0] ? f->caller_arn : f->who_err.text);
        if (f->request_region)
                snprintf(
                        asked, sizeof asked, _("%s on %s, in %s"), f->action, f->resource, f->request_region);
        else
                snprintf(asked, sizeof asked, _("%s on %s"), f->action, f->resource);
        columns_line(_("Asked"), HEAD_WIDTH, asked);
        columns_line(_("Decision"), HEAD_WIDTH,
                !decision                               ? _("not known")
                : strcmp(decision, "allowed") == 0      ? _("allowed, as far as it could be looked at")
                : strcmp(decision, "explicitDeny") == 0 ? _("denied explicitly")
                                                        : _("not allowed"));
        putchar('\n');
        for (size_t i = 0; i < WHY_CAUSES_; i++)
                say_cause(i, &causes[i]);
        if (f->decode_err.text[0])
                printf(_("\nThe encoded message could not be read: %s\n"), f->decode_err.text);
        if (f->simulated) {
                printf("\n%-*s", (int)CAUSE_WIDTH, _("Note"));
                paragraph(_(simulator_note));
        }
        return ferror(stdout) ? 1 : 0;
}

// ---- for programs ------------------------------------------------------------------------------------------------------

static json_t *cause_json(const struct why_cause *c)
{
        char text[sizeof c->text], mend[sizeof c->mend];

        err_sanitise(text, sizeof text, c->text, strlen(c->text));
        err_sanitise(mend, sizeof mend, c->mend, strlen(c->mend));
        return json_pack("{s:s, s:s, s:s, s:s?}", "cause", c->id, "state", why_state_name(c->state), "text",
                text, "mend", mend[0] && c->state != WHY_RULED_OUT ? mend : NULL);
}

static json_t *simulation_json(const struct iam_simulation *s)
{
        json_t *matched = json_array(), *missing = json_array(), *j;

        for (size_t i = 0; i < s->n_matched; i++)
                (void)json_array_append_new(matched, json_pack("{s:s, s:i}", "policy", s->matched[i].policy,
                                                             "line", (int)s->matched[i].line));
        for (size_t i = 0; i < s->n_missing; i++)
                (void)json_array_append_new(missing, json_string(s->missing[i]));
        j = json_pack("{s:s, s:o, s:o, s:o, s:o}", "decision",
                s->decision == POLICY_ALLOW           ? "allowed"
                : s->decision == POLICY_EXPLICIT_DENY ? "explicitDeny"
                                                      : "implicitDeny",
                "statements", matched, "missing_context", missing, "allowed_by_organization",
                s->of_organization ? json_boolean(s->allowed_by_organization) : json_null(),
                "allowed_by_boundary", s->of_boundary ? json_boolean(s->allowed_by_boundary) : json_null());
        // A list that lost an entry to a lack of memory is no list.
        if (json_array_size(json_object_get(j, "statements")) != s->n_matched ||
                json_array_size(json_object_get(j, "missing_context")) != s->n_missing) {
                json_decref(j);
                return NULL;
        }
        return j;
}

static json_t *refusal_json(const struct authz *a)
{
        return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s?}", "principal", a->principal, "action", a->action,
                "resource", a->resource, "explicit_deny", (int)a->explicit_deny, "policy",
                a->layer < POLICY_LAYERS_ ? policy_layer_name(a->layer) : NULL, "statement",
                a->statement[0] ? a->statement : NULL);
}

static int say_json(const struct why_facts *f, const struct why_cause *causes, const char *decision)
{
        cleanup_json json_t *j = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:I, s:[]}", "role",
                f->role, "role_arn", f->role_arn, "action", f->action, "resource", f->resource, "region",
                f->request_region, "decision", decision, "caller", f->caller_arn[0] ? f->caller_arn : NULL,
                "clock_skew", (json_int_t)f->skew_s, "causes");
        int r = j ? 0 : -1;

        for (size_t i = 0; r == 0 && i < WHY_CAUSES_; i++)
                r = json_array_append_new(json_object_get(j, "causes"), cause_json(&causes[i]));
        if (r == 0)
                r = json_object_set_new(
                        j, "simulation", f->simulated ? simulation_json(&f->simulation) : json_null());
        if (r == 0)
                r = json_object_set_new(j, "refusal", f->refused ? refusal_json(&f->refusal) : json_null());
        if (r == 0 && f->decode_err.text[0])
                r = json_object_set_new(j, "not_decoded", json_string(f->decode_err.text));
        if (r == 0 && f->simulated)
                r = json_object_set_new(j, "notes", json_pack("[s]", simulator_note));
        return r < 0 || json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ? 1 : 0;
}

int why_access_say(const struct cli *cli, const struct why_facts *f)
{
        struct why_cause *causes = calloc(WHY_CAUSES_, sizeof *causes);
        const char *decision;
        enum outcome o = OUTCOME_OK;
        int code;

        if (!causes)
                return cmd_fail(cli, OUTCOME_INTERNAL, NULL);
        why_causes(causes, f);
        decision = why_decision(f, causes);
        code = cli->json ? say_json(f, causes, decision) : say(f, causes, decision);
        if (!decision)
                o = OUTCOME_MISCONFIGURED;
        for (size_t i = 0; i < WHY_CAUSES_; i++)
                if (causes[i].state == WHY_FOUND)
                        o = OUTCOME_ACCESS_DENIED;
        free(causes);
        return code ? code : outcome_info(o)->exit_code;
}
