// SPDX-License-Identifier: Apache-2.0
//
// The serial form of a grant is one frame of its own type. Both directions go through one table of members
// and one check, so that what is written can be read, and what could not be read is not written. The bounds
// are those of the standards where these have some (RFC 7519 names none, STS takes tokens up to 20000
// characters) and the whole must leave room for the frame that carries it over claim.sock.
#include "grant.h"

#include "frame.h"
#include "name.h"

#define GRANT_MAX (FRAME_MAX - 1024u)

enum grant_tag {
        G_TYPE = 1,
        G_IDENTITY = 2,
        G_ISSUER = 3,
        G_CLIENT_ID = 4,
        G_SUBJECT = 5,
        G_USERNAME = 6,
        G_DISPLAY = 7,
        G_ID_TOKEN = 8,
        G_ACCESS_TOKEN = 9,
        G_REFRESH_TOKEN = 10,
        G_ID_TOKEN_EXP = 11,
        G_REFRESH_EXP = 12,
        G_SIGNED_IN_AT = 13,
        G_SCOPE = 14,
        G_SENDER_CONSTRAINT = 15,
};

struct member {
        enum grant_tag tag;
        const char *name;
        size_t offset, max;
        bool required;
};

// clang-format off
static const struct member texts[] = {
        {G_IDENTITY,          "identity",          offsetof(struct grant, identity),          255,   true},
        {G_ISSUER,            "issuer",            offsetof(struct grant, issuer),            2048,  true},
        {G_CLIENT_ID,         "client id",         offsetof(struct grant, client_id),         1024,  true},
        {G_SUBJECT,           "subject",           offsetof(struct grant, subject),           255,   true},
        {G_USERNAME,          "user name",         offsetof(struct grant, username),          NAME_MAX_USER, false},
        {G_DISPLAY,           "display name",      offsetof(struct grant, display),           1024,  true},
        {G_SCOPE,             "scope",             offsetof(struct grant, scope),             4096,  false},
        {G_SENDER_CONSTRAINT, "sender constraint", offsetof(struct grant, sender_constraint), 1024,  false},
};
static const struct member tokens[] = {
        {G_ID_TOKEN,      "ID token",      offsetof(struct grant, id_token),      20000, true},
        {G_ACCESS_TOKEN,  "access token",  offsetof(struct grant, access_token),  20000, false},
        {G_REFRESH_TOKEN, "refresh token", offsetof(struct grant, refresh_token), 20000, false},
};
static const struct member times[] = {
        {G_ID_TOKEN_EXP, "expiry of the ID token",      offsetof(struct grant, id_token_exp_s), 8, true},
        {G_REFRESH_EXP,  "expiry of the refresh token", offsetof(struct grant, refresh_exp_s),  8, true},
        {G_SIGNED_IN_AT, "time of the sign-in",         offsetof(struct grant, signed_in_at_s), 8, true},
};
// clang-format on

static void *at(const struct grant *g, const struct member *m)
{
        return (char *)(uintptr_t)g + m->offset;
}

static char **text_at(const struct grant *g, const struct member *m)
{
        return at(g, m);
}

static struct secret **token_at(const struct grant *g, const struct member *m)
{
        return at(g, m);
}

static int64_t *time_at(const struct grant *g, const struct member *m)
{
        return at(g, m);
}

// "oidc", "role"; NULL for a number that is no source.
const char *source_type_name(enum source_type t)
{
        return t == SOURCE_OIDC ? "oidc" : t == SOURCE_ROLE ? "role" : NULL;
}

// What an identity can be. 0 or -ENOENT.
int source_type_from_name(const char *s, enum source_type *ret)
{
        if (strcmp(s, "oidc") != 0)
                return -ENOENT;
        *ret = SOURCE_OIDC;
        return 0;
}

static int bad(struct err *err, const struct member *m, const char *what)
{
        err_set(err, "the grant's %s %s", m->name, what);
        return -EBADMSG;
}

static int check_text(const struct member *m, const char *s, size_t n, struct err *err)
{
        if (n == 0)
                return bad(err, m, "is empty");
        if (n > m->max)
                return bad(err, m, "is too long");
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return bad(err, m, "holds a control character");
        if (m->tag == G_USERNAME && !name_is_valid_user(s, n))
                return bad(err, m, "is not a legal one");
        return 0;
}

// A bound token without its proof is refused by the provider, which may end the grant for it: who cannot prove does not begin.
static int check_constraint(const struct member *m, const char *s, struct err *err)
{
        size_t n = strspn(s, "0123456789");

        if (n == 0 || n > 5 || s[0] == '0' || s[n] != ':' || !s[n + 1])
                return bad(err, m, "is not VERSION:VALUE");
        err_set(err, "the grant is bound to a key, in a way (version %.*s) that this version cannot prove",
                (int)n, s);
        return -EBADMSG;
}

// Everything a grant must be, for both directions.
static int grant_check(const struct grant *g, struct err *err)
{
        int r = 0;

        if (g->type != SOURCE_OIDC) {
                err_set(err, "the grant is of an unknown type");
                return -EBADMSG;
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++) {
                const char *s = *text_at(g, &texts[i]);

                if (s)
                        r = check_text(&texts[i], s, strlen(s), err);
                else if (texts[i].required)
                        r = bad(err, &texts[i], "is missing");
                if (r == 0 && s && texts[i].tag == G_SENDER_CONSTRAINT)
                        r = check_constraint(&texts[i], s, err);
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tokens); i++) {
                const struct secret *s = *token_at(g, &tokens[i]);

                if (s)
                        r = check_text(&tokens[i], secret_str(s), secret_len(s), err);
                else if (tokens[i].required)
                        r = bad(err, &tokens[i], "is missing");
        }
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(times); i++)
                if (*time_at(g, &times[i]) < 0)
                        r = bad(err, &times[i], "is before 1970");
        return r;
}

// Writes the frame into a secret of just its size, owned by the caller. 0, -EINVAL for a grant that is not
// complete or over a bound, -EMSGSIZE, -ENOMEM.
int grant_encode(struct secret **ret, const struct grant *g)
{
        cleanup_secret struct secret *room = NULL;
        struct frame_writer w;
        size_t n;
        int r;

        if (grant_check(g, NULL) < 0)
                return -EINVAL;
        r = secret_new_room(&room, GRANT_MAX);
        if (r < 0)
                return err_trace(r);
        frame_begin(&w, secret_bytes_mutable(room), GRANT_MAX, GRANT_TYPE);
        frame_put_u32(&w, G_TYPE, g->type);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                frame_put_str(&w, (uint16_t)texts[i].tag, *text_at(g, &texts[i]));
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                const struct secret *s = *token_at(g, &tokens[i]);

                if (s)
                        frame_put(&w, (uint16_t)tokens[i].tag, secret_str(s), secret_len(s));
        }
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                frame_put_u64(&w, (uint16_t)times[i].tag, (uint64_t)*time_at(g, &times[i]));
        n = frame_end(&w);
        if (n == 0)
                return -EMSGSIZE;
        return secret_new(ret, secret_str(room), n);
}

static int read_fields(struct grant *g, const struct frame *f, struct err *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const struct frame_field *x = frame_find(f, (uint16_t)texts[i].tag);
                char **dst = text_at(g, &texts[i]);

                if (!x)
                        continue;
                if (check_text(&texts[i], (const char *)x->p, x->n, err) < 0)
                        return -EBADMSG;
                *dst = strndup((const char *)x->p, x->n);
                if (!*dst)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                const struct frame_field *x = frame_find(f, (uint16_t)tokens[i].tag);
                int r = x ? secret_new(token_at(g, &tokens[i]), x->p, x->n) : 0;

                if (r < 0)
                        return err_trace(r);
        }
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                uint64_t v;

                if (!frame_get_u64(f, (uint16_t)times[i].tag, &v) || v > INT64_MAX)
                        return bad(err, &times[i], "is missing or wrong");
                *time_at(g, &times[i]) = (int64_t)v;
        }
        return 0;
}

// Reads what grant_encode() wrote. ret is filled on success only. 0, -EBADMSG with err, -ENOMEM.
int grant_decode(struct grant *ret, const void *p, size_t n, struct err *err)
{
        uint16_t known[1 + ARRAY_SIZE(texts) + ARRAY_SIZE(tokens) + ARRAY_SIZE(times)] = {G_TYPE};
        struct grant g = {0};
        size_t n_known = 1;
        struct frame f;
        uint32_t type;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                known[n_known++] = (uint16_t)texts[i].tag;
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
                known[n_known++] = (uint16_t)tokens[i].tag;
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                known[n_known++] = (uint16_t)times[i].tag;
        if (n > GRANT_MAX || !frame_parse(&f, p, n) || f.type != GRANT_TYPE) {
                err_set(err, "not a grant");
                return -EBADMSG;
        }
        if (!frame_only_has(&f, known, n_known)) {
                err_set(err, "the grant holds something this version does not know");
                return -EBADMSG;
        }
        if (!frame_get_u32(&f, G_TYPE, &type) || type > INT32_MAX) {
                err_set(err, "the grant has no type");
                return -EBADMSG;
        }
        g.type = (enum source_type)type;
        r = read_fields(&g, &f, err);
        if (r == 0)
                r = grant_check(&g, err);
        if (r < 0) {
                grant_deinit(&g);
                return err_trace(r);
        }
        *ret = g;
        return 0;
}

// Frees and clears; legal on a zeroed struct and twice.
void grant_deinit(struct grant *g)
{
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(*text_at(g, &texts[i]));
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
                secret_free(*token_at(g, &tokens[i]));
        *g = (struct grant){0};
}
