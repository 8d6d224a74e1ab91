// SPDX-License-Identifier: Apache-2.0
//
// Both directions go through one table of members, as with grants. The reader is as strict as if the bytes came from
// somebody else: they come from another version of this program, and through other processes' hands.
#include "state_form.h"

#include "frame.h"

enum {
        HEAD = 101,
        GRANT = 102,
        SESSION = 103,
        TYPE_OPTIONAL = 0x8000, // a frame whose type has this bit may be skipped
};

enum {
        H_FORM = 1,
        H_USED_ID = 2,
        H_USED_PRINT = 3,
        H_IN_SESSION = FRAME_TAG_OPTIONAL | 4,
};
#define FORM 1u

enum {
        K_GRANT = 1,
        K_TOKEN_SINCE = 2,
        K_NO_ID_TOKEN = 3,
        K_PENDING = 4,
        K_BEGAN_BOOT = FRAME_TAG_OPTIONAL | 5,
        K_WARNED_END_BOOT = FRAME_TAG_OPTIONAL | 6,
        K_TOKEN_ENDS_BOOT = FRAME_TAG_OPTIONAL | 7,
        K_REFRESH_ENDS_BOOT = FRAME_TAG_OPTIONAL | 8,
};

enum {
        S_ROLE = 1,
        S_PRINT = 2,
        S_ACCESS_KEY_ID = 3,
        S_SECRET_KEY = 4,
        S_SESSION_TOKEN = 5,
        S_EXPIRATION = 6,
        S_LIFETIME = 7,
        S_EXPIRES_BOOT = 8,
        S_NEXT_TRY_BOOT = 9,
        S_ASSUMED_ARN = 10,
        S_ASSUMED_ID = 11,
        S_ACCOUNT = 12,
        S_SUBJECT = 13,
        S_AUDIENCE = 14,
        S_PROVIDER = 15,
        S_SOURCE_IDENTITY = 16,
        S_REQUEST_ID = 17,
        S_PACKED = 18, // percent plus one; 0: not known
};

#define TEXT_MAX  4096
#define TOKEN_MAX 32768

struct member {
        uint16_t tag;
        size_t offset;
        bool required;
};
#define AT(m) offsetof(struct state_session, m)
static const struct member texts[] = {
        {S_ROLE, AT(role), true},
        {S_ACCESS_KEY_ID, AT(credentials.access_key_id), true},
        {S_ASSUMED_ARN, AT(credentials.assumed_role_arn), false},
        {S_ASSUMED_ID, AT(credentials.assumed_role_id), false},
        {S_SUBJECT, AT(credentials.subject), false},
        {S_AUDIENCE, AT(credentials.audience), false},
        {S_PROVIDER, AT(credentials.provider), false},
        {S_SOURCE_IDENTITY, AT(credentials.source_identity), false},
        {S_REQUEST_ID, AT(credentials.request_id), false},
};
static const struct member tokens[] = {
        {S_SECRET_KEY, AT(credentials.secret_access_key), true},
        {S_SESSION_TOKEN, AT(credentials.session_token), true},
};
static const struct member times[] = {
        {S_EXPIRATION, AT(credentials.expiration_s), true},
        {S_LIFETIME, AT(lifetime_ms), true},
        {S_EXPIRES_BOOT, AT(expires_boot_ms), true},
        {S_NEXT_TRY_BOOT, AT(next_try_boot_ms), true},
};

static void *at(const struct state_session *s, const struct member *m)
{
        return (char *)(uintptr_t)s + m->offset;
}

static char **text_at(const struct state_session *s, const struct member *m)
{
        return at(s, m);
}

static struct secret **token_at(const struct state_session *s, const struct member *m)
{
        return at(s, m);
}

static int64_t *time_at(const struct state_session *s, const struct member *m)
{
        return at(s, m);
}

static bool is_text(const char *s, size_t n, size_t max)
{
        if (n == 0 || n > max)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        return true;
}

static bool session_is_sound(const struct state_session *s)
{
        const struct sts_credentials *c = &s->credentials;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const char *t = *text_at(s, &texts[i]);

                if (t ? !is_text(t, strlen(t), TEXT_MAX) : texts[i].required)
                        return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                const struct secret *t = *token_at(s, &tokens[i]);

                if (!t || !is_text(secret_str(t), secret_len(t), TOKEN_MAX))
                        return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                if (*time_at(s, &times[i]) < 0)
                        return false;
        return is_text(s->print, strlen(s->print), STATE_PRINT_MAX - 1) && c->packed_policy_size >= -1 &&
               (!c->account_id[0] || is_text(c->account_id, strlen(c->account_id), sizeof c->account_id - 1));
}

// ---- writing

static int begin(struct frame_writer *w, struct buf *out, uint16_t type)
{
        char *room = buf_extend(out, FRAME_MAX);

        if (!room)
                return buf_error(out);
        frame_begin(w, room, FRAME_MAX, type);
        return 0;
}

static int end(struct frame_writer *w, struct buf *out)
{
        size_t n = frame_end(w);

        buf_cut(out, FRAME_MAX - n);
        return n ? 0 : -EINVAL;
}

int state_put_head(struct buf *out, const struct state_head *h)
{
        struct frame_writer w;
        int r = begin(&w, out, HEAD);

        if (r < 0)
                return r;
        frame_put_u32(&w, H_FORM, FORM);
        if (h->used_print[0]) {
                frame_put_u64(&w, H_USED_ID, h->used_id);
                frame_put_str(&w, H_USED_PRINT, h->used_print);
        }
        if (h->in_session)
                frame_put_u32(&w, H_IN_SESSION, 1);
        return end(&w, out);
}

int state_put_grant(struct buf *out, const struct state_grant *g)
{
        cleanup_secret struct secret *grant = NULL;
        struct frame_writer w;
        int r = grant_encode(&grant, &g->grant);

        if (r == -EMSGSIZE || g->token_since_s < 0 || g->began_boot_ms < 0 || g->warned_end_boot_ms < 0 ||
                g->token_ends_boot_ms < 0 || g->refresh_ends_boot_ms < 0)
                return -EINVAL;
        if (r == 0)
                r = begin(&w, out, GRANT);
        if (r < 0)
                return r;
        frame_put(&w, K_GRANT, secret_str(grant), secret_len(grant));
        frame_put_u64(&w, K_TOKEN_SINCE, (uint64_t)g->token_since_s);
        frame_put_u32(&w, K_NO_ID_TOKEN, g->no_id_token_on_refresh);
        if (g->pending)
                frame_put_u64(&w, K_PENDING, g->pending_id);
        if (g->began_boot_ms)
                frame_put_u64(&w, K_BEGAN_BOOT, (uint64_t)g->began_boot_ms);
        if (g->token_ends_boot_ms)
                frame_put_u64(&w, K_TOKEN_ENDS_BOOT, (uint64_t)g->token_ends_boot_ms);
        if (g->refresh_ends_boot_ms)
                frame_put_u64(&w, K_REFRESH_ENDS_BOOT, (uint64_t)g->refresh_ends_boot_ms);
        if (g->warned_end_boot_ms)
                frame_put_u64(&w, K_WARNED_END_BOOT, (uint64_t)g->warned_end_boot_ms);
        return end(&w, out);
}

int state_put_session(struct buf *out, const struct state_session *s)
{
        struct frame_writer w;
        int r;

        if (!session_is_sound(s))
                return -EINVAL;
        r = begin(&w, out, SESSION);
        if (r < 0)
                return r;
        frame_put_str(&w, S_PRINT, s->print);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                frame_put_str(&w, texts[i].tag, *text_at(s, &texts[i]));
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                const struct secret *t = *token_at(s, &tokens[i]);

                frame_put(&w, tokens[i].tag, secret_str(t), secret_len(t));
        }
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                frame_put_u64(&w, times[i].tag, (uint64_t)*time_at(s, &times[i]));
        if (s->credentials.account_id[0])
                frame_put_str(&w, S_ACCOUNT, s->credentials.account_id);
        frame_put_u32(&w, S_PACKED, (uint32_t)(s->credentials.packed_policy_size + 1));
        return end(&w, out);
}

// ---- reading

static bool get_time(const struct frame *f, uint16_t tag, int64_t *ret)
{
        uint64_t v;

        if (!frame_get_u64(f, tag, &v) || v > INT64_MAX)
                return false;
        *ret = (int64_t)v;
        return true;
}

static bool get_optional_time(const struct frame *f, uint16_t tag, int64_t *ret)
{
        return !frame_find(f, tag) || get_time(f, tag, ret);
}

static int read_head(struct state_head *ret, const struct frame *f)
{
        static const uint16_t tags[] = {H_FORM, H_USED_ID, H_USED_PRINT};
        bool used = frame_find(f, H_USED_PRINT) != NULL, session = frame_find(f, H_IN_SESSION) != NULL;
        uint32_t form, in_session = 1;

        if (!frame_only_has(f, tags, ARRAY_SIZE(tags)) || !frame_get_u32(f, H_FORM, &form) || form != FORM ||
                used != (frame_find(f, H_USED_ID) != NULL))
                return -EBADMSG;
        if (session && (!frame_get_u32(f, H_IN_SESSION, &in_session) || in_session != 1))
                return -EBADMSG;
        ret->in_session = session;
        if (used && (!frame_get_u64(f, H_USED_ID, &ret->used_id) ||
                            !frame_get_str(f, H_USED_PRINT, ret->used_print, sizeof ret->used_print) ||
                            !ret->used_print[0]))
                return -EBADMSG;
        return 0;
}

static int read_grant(struct state_grant *ret, const struct frame *f, struct err *err)
{
        static const uint16_t tags[] = {K_GRANT, K_TOKEN_SINCE, K_NO_ID_TOKEN, K_PENDING};
        const struct frame_field *g = frame_find(f, K_GRANT);
        uint32_t no_id_token;

        if (!g || !frame_only_has(f, tags, ARRAY_SIZE(tags)) ||
                !get_time(f, K_TOKEN_SINCE, &ret->token_since_s) ||
                !frame_get_u32(f, K_NO_ID_TOKEN, &no_id_token) || no_id_token > 1)
                return -EBADMSG;
        ret->no_id_token_on_refresh = no_id_token;
        ret->pending = frame_find(f, K_PENDING) != NULL;
        if (ret->pending && !frame_get_u64(f, K_PENDING, &ret->pending_id))
                return -EBADMSG;
        if (!get_optional_time(f, K_BEGAN_BOOT, &ret->began_boot_ms) ||
                !get_optional_time(f, K_WARNED_END_BOOT, &ret->warned_end_boot_ms) ||
                !get_optional_time(f, K_TOKEN_ENDS_BOOT, &ret->token_ends_boot_ms) ||
                !get_optional_time(f, K_REFRESH_ENDS_BOOT, &ret->refresh_ends_boot_ms))
                return -EBADMSG;
        return grant_decode(&ret->grant, g->p, g->n, err);
}

static int read_values(struct state_session *s, const struct frame *f)
{
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const struct frame_field *x = frame_find(f, texts[i].tag);

                if (!x)
                        continue;
                if (!is_text((const char *)x->p, x->n, TEXT_MAX))
                        return -EBADMSG;
                *text_at(s, &texts[i]) = strndup((const char *)x->p, x->n);
                if (!*text_at(s, &texts[i]))
                        return -ENOMEM;
        }
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
                const struct frame_field *x = frame_find(f, tokens[i].tag);
                int r = x ? secret_new(token_at(s, &tokens[i]), x->p, x->n) : -EBADMSG;

                if (r < 0)
                        return err_trace(r);
        }
        return 0;
}

static int read_session(struct state_session *s, const struct frame *f)
{
        uint16_t tags[ARRAY_SIZE(texts) + ARRAY_SIZE(tokens) + ARRAY_SIZE(times) + 3] = {
                S_PRINT, S_ACCOUNT, S_PACKED};
        size_t n = 3;
        uint32_t packed;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                tags[n++] = texts[i].tag;
        for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
                tags[n++] = tokens[i].tag;
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                tags[n++] = times[i].tag;
                if (!get_time(f, times[i].tag, time_at(s, &times[i])))
                        return -EBADMSG;
        }
        if (!frame_only_has(f, tags, n) || !frame_get_u32(f, S_PACKED, &packed) || packed > INT32_MAX ||
                !frame_get_str(f, S_PRINT, s->print, sizeof s->print) ||
                (frame_find(f, S_ACCOUNT) && !frame_get_str(f, S_ACCOUNT, s->credentials.account_id,
                                                     sizeof s->credentials.account_id)))
                return -EBADMSG;
        s->credentials.packed_policy_size = (int)packed - 1;
        r = read_values(s, f);
        if (r < 0)
                return err_trace(r);
        return session_is_sound(s) && (!frame_find(f, S_ACCOUNT) || s->credentials.account_id[0]) ? 0
                                                                                                  : -EBADMSG;
}

// One more element at the end of an array, zeroed; NULL: out of memory. Elements hold pointers to secrets, no secrets.
static void *grow(void **array, size_t *n, size_t size)
{
        void *p = (*n & (*n - 1)) == 0 ? reallocarray(*array, *n ? *n * 2 : 1, size) : *array;

        if (!p)
                return NULL;
        *array = p;
        return memset((char *)p + (*n)++ * size, 0, size);
}

static int read_frame(struct state_data *d, const struct frame *f, struct err *err)
{
        void *p;

        if (f->type == GRANT) {
                p = d->grants;
                if (!grow(&p, &d->n_grants, sizeof *d->grants))
                        return -ENOMEM;
                d->grants = p;
                return read_grant(&d->grants[d->n_grants - 1], f, err);
        }
        if (f->type == SESSION) {
                p = d->sessions;
                if (!grow(&p, &d->n_sessions, sizeof *d->sessions))
                        return -ENOMEM;
                d->sessions = p;
                return read_session(&d->sessions[d->n_sessions - 1], f);
        }
        return f->type & TYPE_OPTIONAL ? 0 : -EBADMSG;
}

// The length of the frame that begins at p; 0: none does.
static size_t frame_length(const uint8_t *p, size_t n)
{
        size_t rest;

        if (n < FRAME_HEADER)
                return 0;
        rest = p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
        return rest <= n - FRAME_HEADER && rest <= FRAME_MAX - FRAME_HEADER ? FRAME_HEADER + rest : 0;
}

int state_parse(struct state_data *ret, const void *bytes, size_t n, struct err *err)
{
        struct state_data d = {.n_grants = 0};
        const uint8_t *p = bytes;
        bool has_head = false;
        int r = 0;

        while (r == 0 && n > 0) {
                size_t length = frame_length(p, n);
                struct frame f;

                if (length == 0 || !frame_parse(&f, p, length) || (f.type == HEAD) == has_head)
                        r = -EBADMSG;
                else if (f.type == HEAD)
                        r = read_head(&d.head, &f);
                else
                        r = read_frame(&d, &f, err);
                has_head = true;
                p += length;
                n -= length;
        }
        if (r == 0 && !has_head)
                r = -EBADMSG;
        if (r < 0) {
                state_data_deinit(&d);
                if (r == -EBADMSG && err && !err->text[0])
                        err_set(err, "the stored state is not one of this version");
                return r;
        }
        *ret = d;
        return 0;
}

void state_data_deinit(struct state_data *d)
{
        for (size_t i = 0; i < d->n_grants; i++)
                grant_deinit(&d->grants[i].grant);
        for (size_t i = 0; i < d->n_sessions; i++) {
                free(d->sessions[i].role);
                sts_credentials_deinit(&d->sessions[i].credentials);
        }
        free(d->grants);
        free(d->sessions);
        *d = (struct state_data){.n_grants = 0};
}
