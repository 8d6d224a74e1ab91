// SPDX-License-Identifier: Apache-2.0
//
// Claims come from the ID token that the grant holds, which was verified when it came; nothing a person or a program
// says is among them. What STS would not take is refused here, with the name of the key it comes from.
#include "sts_call.h"

#include "token_claim.h"
#include "policy_file.h"
#include "text_template.h"

#include <pwd.h>
#include <stdio.h>

#define EXPANDED_MAX 4096u

// What the words in braces stand for, looked up where a template has them.
struct words {
        struct text_words w;
        json_t *claims;
        char host[256];
};

static void words_deinit(struct words *w)
{
        json_decref(w->claims);
}

// Asked once: where users are kept elsewhere, the answer may take long, and everybody waits. Who this process is does not change.
static void look_up_user(struct words *w)
{
        static char user[256];
        char room[4096];
        struct passwd pw, *found = NULL;

        if (!user[0] && getpwuid_r(geteuid(), &pw, room, sizeof room, &found) == 0 && found)
                snprintf(user, sizeof user, "%s", pw.pw_name);
        w->w.user = user[0] ? user : NULL;
}

// Makes ready for one more template. 0, -ENOKEY, -EINVAL, -ENOMEM.
static int words_for(struct words *w, const char *template, const struct grant *g, struct err *err)
{
        int r = 0;

        if (!w->w.user && text_template_has(template, TEXT_USER))
                look_up_user(w);
        if (!w->w.host && gethostname(w->host, sizeof w->host) == 0) {
                w->host[sizeof w->host - 1] = 0;
                w->w.host = w->host;
        }
        if (w->claims || !text_template_has(template, TEXT_CLAIM))
                return 0;
        if (!g) {
                err_set(err,
                        "it needs a claim of the ID token, and nobody is signed in. Run: valetkey login");
                return -ENOKEY;
        }
        r = claims_of_token(&w->claims, g->id_token);
        if (r == -EBADMSG)
                err_set(err, "its claims cannot be read from the ID token");
        w->w.claims = w->claims;
        return r == -EBADMSG ? -EINVAL : r;
}

static bool says_something(const char *s)
{
        for (; *s; s++)
                if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9'))
                        return true;
        return false;
}

static int make_session_name(struct sts_call *c, struct words *w, const struct config_role *role,
        const struct grant *g, const char *otherwise, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(EXPANDED_MAX);
        int r;

        if (!role->session_name)
                return sts_session_name(c->session_name, g ? g->display : otherwise);
        r = words_for(w, role->session_name, g, err);
        if (r == 0)
                r = text_template_expand(&text, role->session_name, &w->w, err);
        if (r == 0)
                r = sts_session_name(c->session_name, buf_str(&text));
        if (r == 0 && !says_something(c->session_name)) {
                err_set(err, "nothing is left of it that STS takes in a name");
                r = -EINVAL;
        }
        if (r == -EINVAL || r == -ENOKEY)
                err_prefix(err, "session_name = %.80s: ", role->session_name);
        return r == -EMSGSIZE ? -EINVAL : r;
}

// The value is appended to the texts; where it begins is told, for the texts may still move.
static int add_tag(
        struct sts_call *c, struct words *w, const char *tag, const struct grant *g, struct err *err)
{
        size_t key = strcspn(tag, "="), at;
        int r;

        buf_append(&c->tag_texts, tag, key);
        buf_append_char(&c->tag_texts, 0);
        at = c->tag_texts.n;
        r = words_for(w, tag + key + 1, g, err);
        if (r == 0)
                r = text_template_expand(&c->tag_texts, tag + key + 1, &w->w, err);
        if (r == 0)
                r = buf_error(&c->tag_texts);
        if (r == -EMSGSIZE ||
                (r == 0 && sts_tag_length(c->tag_texts.p + at, c->tag_texts.n - at) > STS_TAG_VALUE_MAX)) {
                err_set(err, "the value is longer than 256 characters");
                r = -EINVAL;
        }
        for (size_t i = at; r == 0 && i < c->tag_texts.n; i++)
                if (!sts_is_tag_char(c->tag_texts.p[i])) {
                        err_set(err, "the value has characters that STS takes in no tag");
                        r = -EINVAL;
                }
        if (r == -EINVAL || r == -ENOKEY)
                err_prefix(err, "tag %.*s: ", (int)(key > 64 ? 64 : key), tag);
        return r < 0 ? r : buf_append_char(&c->tag_texts, 0);
}

static int make_tags(struct sts_call *c, struct words *w, const struct config_role *role,
        const struct grant *g, struct err *err)
{
        const char *p;
        int r = 0;

        for (char **tag = role->tags; r == 0 && tag && *tag; tag++)
                r = add_tag(c, w, *tag, g, err);
        p = buf_str(&c->tag_texts);
        for (char **tag = role->tags; r == 0 && tag && *tag; tag++) {
                struct sts_session_tag *t = &c->tags[c->n_tags++];

                t->key = p;
                t->value = p + strlen(p) + 1;
                p = t->value + strlen(t->value) + 1;
                t->transitive = config_find_tag(role->transitive_tags, t->key) != NULL;
        }
        return r;
}

int sts_call_endpoint(const char **ret, struct buf *room, const struct config_role *role)
{
        unsigned variant = (role->use_fips == CONFIG_YES ? STS_FIPS : 0u) |
                           (role->use_dual_stack == CONFIG_YES ? STS_DUAL_STACK : 0u);
        int r = 0;

        if (!role->sts_endpoint)
                r = role->sts_region ? sts_endpoint(room, role->sts_region, variant) : -EINVAL;
        if (r == 0)
                *ret = role->sts_endpoint ? role->sts_endpoint : buf_str(room);
        return r;
}

static int make_endpoint(struct sts_call *c, const struct config_role *role, struct err *err)
{
        int r = sts_call_endpoint(&c->target.endpoint, &c->endpoint, role);

        c->target.ca_file = role->ca_file;
        if (r == -EINVAL)
                err_set(err, "it has neither sts_endpoint nor an sts_region that is one");
        return r;
}

int sts_call_make(struct sts_call *ret, const struct config_role *role, const struct grant *g,
        const char *otherwise, struct err *err)
{
        struct words w = {.claims = NULL};
        int r;

        *ret = (struct sts_call){
                .endpoint = BUF_INIT(512),
                .tag_texts = BUF_INIT(STS_SESSION_TAGS_MAX * EXPANDED_MAX),
        };
        r = policy_file_read(&ret->policy, role->session_policy, err);
        if (r == 0)
                r = make_endpoint(ret, role, err);
        if (r == 0)
                r = make_session_name(ret, &w, role, g, otherwise, err);
        if (r == 0)
                r = make_tags(ret, &w, role, g, err);
        words_deinit(&w);
        if (r < 0)
                sts_call_deinit(ret);
        return r;
}

void sts_call_deinit(struct sts_call *c)
{
        free(c->policy);
        buf_deinit(&c->endpoint);
        buf_deinit(&c->tag_texts);
        *c = (struct sts_call){0};
}

enum outcome sts_call_outcome(int r)
{
        return r == -EINVAL ? OUTCOME_MISCONFIGURED : r == -ENOKEY ? OUTCOME_NEEDS_LOGIN : OUTCOME_INTERNAL;
}

bool sts_call_say_too_large(const struct config_role *role, const struct sts_error_answer *e, struct err *err)
{
        const char *percent = strchr(e->message, '%'), *from = percent;

        if (e->code != STS_E_POLICY || strcmp(e->name, "PackedPolicyTooLarge") != 0)
                return false;
        while (from && from > e->message && from[-1] >= '0' && from[-1] <= '9')
                from--;
        if (from == percent)
                err_set(err,
                        "role %s: STS finds its session policy, policy_arns and tags together too large (%s, "
                        "request "
                        "id %s)",
                        role->name, e->name, e->request_id);
        else
                err_set(err,
                        "role %s: its session policy, policy_arns and tags take %.*s %% of the room STS "
                        "gives them; "
                        "shorten them (%s, request id %s)",
                        role->name, (int)(percent - from > 9 ? 9 : percent - from), from, e->name,
                        e->request_id);
        return true;
}
