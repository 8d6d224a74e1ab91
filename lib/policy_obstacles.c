// SPDX-License-Identifier: Apache-2.0
//
// A proposal is tried with the engine itself: it is a document more, and everything has to be allowed then.
#include "policy_obstacles.h"

struct tell {
        void (*cb)(const struct policy_obstacle *b, void *arg);
        void *arg;
        struct policy_obstacle at;
        bool allowed; // somebody of this level allows
};

static void on_deny(unsigned statement, const struct policy_place *place, void *arg)
{
        struct tell *t = arg;
        struct policy_obstacle b = t->at;

        b.deny = true;
        b.statement = statement;
        b.line = place->line;
        t->cb(&b, t->arg);
}

static void on_allow(unsigned statement, const struct policy_place *place, void *arg)
{
        struct tell *t = arg;

        (void)statement;
        (void)place;
        t->allowed = true;
}

// The documents of one level: what of them denies, and whether any allows.
static int each_of_level(const struct policy_case *c, const struct policy_request *q, struct tell *t)
{
        size_t some = SIZE_MAX;

        t->allowed = false;
        for (size_t i = 0; i < c->n_documents; i++) {
                const struct policy_document *d = &c->documents[i];
                int r;

                if (d->layer != t->at.layer || d->level != t->at.level)
                        continue;
                t->at.document = some = i;
                r = policy_each_match(d->policy, q, true, on_deny, t);
                if (r == 0)
                        r = policy_each_match(d->policy, q, false, on_allow, t);
                if (r < 0)
                        return r;
        }
        t->at.document = some;
        return 0;
}

int policy_each_obstacle(const struct policy_case *c, const struct policy_outcome *o,
        void (*cb)(const struct policy_obstacle *b, void *arg), void *arg)
{
        struct policy_request q = c->request;
        struct tell t = {.cb = cb, .arg = arg};

        for (size_t i = 0; i < c->n_documents; i++)
                q.has_boundary |= c->documents[i].layer == POLICY_LAYER_BOUNDARY;
        for (enum policy_layer l = 0; l < POLICY_LAYERS_; l++) {
                const struct policy_finding *f = &o->findings[l];

                if (f->need == POLICY_NOT_APPLICABLE || (f->need == POLICY_NOT_THERE && f->n_denies == 0))
                        continue;
                for (unsigned level = 0; level < POLICY_LEVELS_MAX; level++) {
                        int r;

                        t.at = (struct policy_obstacle){.layer = l, .level = level};
                        r = each_of_level(c, &q, &t);
                        if (r < 0)
                                return r;
                        // A level of which nothing was given asks for nothing, but for the only one there could be.
                        if (f->need == POLICY_NEEDED && !t.allowed &&
                                (t.at.document != SIZE_MAX || (level == 0 && f->document == SIZE_MAX)))
                                cb(&t.at, arg);
                }
        }
        return 0;
}

// ---- the one change that would do --------------------------------------------------------------------------------------

static json_t *write_statement(const struct policy_case *c, enum policy_layer l, json_t *action)
{
        const struct policy_principal *p = c->request.principal;
        const char *kind = p->type == POLICY_PRINCIPAL_FEDERATED ? "Federated"
                           : p->type == POLICY_PRINCIPAL_SERVICE ? "Service"
                                                                 : "AWS";
        json_t *s = json_pack("{s:s, s:o}", "Effect", "Allow", "Action", action);
        int r = s ? 0 : -1;

        if (r == 0 && l == POLICY_LAYER_RESOURCE)
                r = json_object_set_new(
                        s, "Principal", json_pack("{s:s}", kind, p->role_arn ? p->role_arn : p->arn));
        else if (r == 0 && l == POLICY_LAYER_VPC_ENDPOINT)
                r = json_object_set_new(s, "Principal", json_string("*"));
        if (r == 0 && !(l == POLICY_LAYER_RESOURCE && c->trust))
                r = json_object_set_new(s, "Resource", json_string(c->request.resource));
        if (r < 0) {
                json_decref(s);
                return NULL;
        }
        return s;
}

static int parse_statement(struct policy **ret, enum policy_kind kind, json_t *statement)
{
        json_t *document = json_pack("{s:s, s:O}", "Version", "2012-10-17", "Statement", statement);
        char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        int r = text ? policy_parse(ret, kind, text, strlen(text), NULL) : -ENOMEM;

        free(text);
        json_decref(document);
        return r;
}

// Would it do? 1, 0, -ENOMEM.
static int suffices(const struct policy_case *c, const struct policy_outcome *o, json_t *statement,
        const char *const *actions)
{
        struct policy_document *documents = calloc(c->n_documents + 1, sizeof *documents);
        struct policy *p = NULL;
        struct policy_case with = *c;
        int r = documents ? parse_statement(&p, policy_layer_kind(o->decided, c->trust), statement) : -ENOMEM;

        if (r == 0) {
                if (c->n_documents)
                        memcpy(documents, c->documents, c->n_documents * sizeof *documents);
                documents[with.n_documents++] =
                        (struct policy_document){p, o->decided, o->findings[o->decided].level};
                with.documents = documents;
        }
        for (; r == 0 && *actions; actions++) {
                struct policy_outcome then;

                with.request.action = *actions;
                r = policy_decide(&then, &with);
                if (r == 0 && then.decision != POLICY_ALLOW)
                        break;
        }
        policy_free(p);
        free(documents);
        return r == 0 ? !*actions : r == -ENOMEM ? r : 0;
}

int policy_propose(
        json_t **ret, const struct policy_case *c, const struct policy_outcome *o, const char *const *actions)
{
        json_t *action = NULL, *s;
        int r = 0;

        *ret = NULL;
        if (o->decision == POLICY_ALLOW || o->n_denies != 0 || o->n_missing != 1)
                return 0;
        if (actions[0] && !actions[1]) {
                action = json_string(actions[0]);
        } else {
                action = json_array();
                for (size_t i = 0; action && actions[i] && r == 0; i++)
                        r = json_array_append_new(action, json_string(actions[i]));
        }
        s = action && r == 0 ? write_statement(c, o->decided, action) : NULL;
        if (!s)
                return -ENOMEM;
        r = suffices(c, o, s, actions);
        if (r == 1)
                *ret = s;
        else
                json_decref(s);
        return r < 0 ? r : 0;
}
