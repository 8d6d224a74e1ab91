// SPDX-License-Identifier: Apache-2.0
//
// The begin line remembers what cannot be seen afterwards: whether the text before had a line end, whether there was a
// file. A profile that does not change keeps its bytes; one that does keeps the lines that are not ours, as they stand.
#include "awsblock.h"

#define BEGIN   "# >>> valetkey configure >>>"
#define END     "# <<< valetkey configure <<<"
#define NO_END  " (no line end before)"
#define NO_FILE " (no file before)"
#define PROCESS "credential_process"
#define REGION  "region"

struct line {
        const char *p;
        size_t n, full; // without and with its line end
        unsigned number;
};

// The line at *p, which moves on; false at the end.
static bool next_line(const char **p, const char *end, struct line *l)
{
        const char *eol = memchr(*p, '\n', (size_t)(end - *p));

        if (*p == end)
                return false;
        l->p = *p;
        l->full = eol ? (size_t)(eol + 1 - *p) : (size_t)(end - *p);
        l->n = eol ? l->full - 1 : l->full;
        if (l->n > 0 && l->p[l->n - 1] == '\r')
                l->n--;
        l->number++;
        *p += l->full;
        return true;
}

static bool starts(const struct line *l, const char *word)
{
        return l->n >= strlen(word) && memcmp(l->p, word, strlen(word)) == 0;
}

static bool contains(const struct line *l, const char *word)
{
        return memmem(l->p, l->n, word, strlen(word)) != NULL;
}

static int bad(unsigned *ret_line, unsigned line, struct err *err, const char *why)
{
        *ret_line = line;
        err_set(err, "%s", why);
        return -EBADMSG;
}

// "[default]", "[profile NAME]", as they are written here; NULL: something else.
static int header_name(char **ret, const struct line *l)
{
        static const char prefix[] = "[profile ";
        size_t skip = sizeof prefix - 1;

        *ret = NULL;
        if (l->n == strlen("[default]") && starts(l, "[default]"))
                *ret = strdup("default");
        else if (l->n > skip + 1 && starts(l, prefix) && l->p[l->n - 1] == ']')
                *ret = strndup(l->p + skip, l->n - skip - 1);
        else
                return 0;
        if (!*ret)
                return -ENOMEM;
        if (!awsblock_is_name(*ret))
                free(TAKE_PTR(*ret));
        return 0;
}

static int append_text(char **text, const char *p, size_t n)
{
        size_t old = strlen(*text);
        char *s = realloc(*text, old + n + 1);

        if (!s)
                return -ENOMEM;
        memcpy(s + old, p, n);
        s[old + n] = 0;
        *text = s;
        return 0;
}

// "KEY = VALUE", once; false: it is another line.
static bool take_value(const struct line *l, const char *key, char **value, bool *no_memory)
{
        size_t skip = strlen(key) + 3;

        if (*value || l->n <= skip || !starts(l, key) || memcmp(l->p + skip - 3, " = ", 3) != 0)
                return false;
        *value = strndup(l->p + skip, l->n - skip);
        *no_memory = *value == NULL;
        return true;
}

static int add_line(struct awsblock_profile *p, const struct line *l)
{
        bool no_memory = false, ours;

        ours = take_value(l, PROCESS, &p->process, &no_memory) ||
               take_value(l, REGION, &p->region, &no_memory);
        if (no_memory || append_text(&p->text, l->p, l->full) < 0)
                return -ENOMEM;
        if (ours || l->n == 0)
                return 0;
        if (!p->others[0])
                p->others_line = l->number;
        return append_text(&p->others, l->p, l->full);
}

static void profile_deinit(struct awsblock_profile *p)
{
        free(p->name);
        free(p->process);
        free(p->region);
        free(p->text);
        free(p->others);
}

// Takes name, also where it fails.
static struct awsblock_profile *add_profile(struct awsblock *b, char *name, unsigned line)
{
        struct awsblock_profile *all = reallocarray(b->profiles, b->n_profiles + 1, sizeof *all), *p;

        if (!all) {
                free(name);
                return NULL;
        }
        b->profiles = all;
        p = &all[b->n_profiles++];
        *p = (struct awsblock_profile){.name = name, .line = line, .text = strdup(""), .others = strdup("")};
        if (p->text && p->others)
                return p;
        profile_deinit(p);
        b->n_profiles--;
        return NULL;
}

static int begin_profile(struct awsblock *b, struct awsblock_profile **ret, const struct line *l,
        unsigned *ret_line, struct err *err)
{
        char *name = NULL;
        int r = header_name(&name, l);

        if (r < 0)
                return r;
        if (!name)
                return bad(ret_line, l->number, err,
                        "this section stands in valetkey's block and is not valetkey's; move it out");
        if (awsblock_find(b, name)) {
                free(name);
                return bad(ret_line, l->number, err, "this profile stands twice in valetkey's block");
        }
        *ret = add_profile(b, name, l->number);
        return *ret ? append_text(&(*ret)->text, l->p, l->full) : -ENOMEM;
}

static int read_inside(struct awsblock *b, const char **at, const char *end, struct line *l,
        unsigned *ret_line, struct err *err)
{
        struct awsblock_profile *p = NULL;
        int r;

        while (next_line(at, end, l)) {
                if (memchr(l->p, 0, l->n))
                        return bad(ret_line, l->number, err, "there is a zero byte in this line");
                if (starts(l, END))
                        return 0;
                if (starts(l, BEGIN))
                        return bad(ret_line, l->number, err, "a second block of valetkey's begins here");
                if (l->n > 0 && l->p[0] == '[') {
                        r = begin_profile(b, &p, l, ret_line, err);
                        if (r < 0)
                                return r;
                } else if (p) {
                        r = add_line(p, l);
                        if (r < 0)
                                return r;
                } else if (l->n > 0) {
                        return bad(ret_line, l->number, err,
                                "this line stands in valetkey's block and is not valetkey's; move it out");
                }
        }
        return bad(ret_line, b->line, err, "valetkey's block begins here and has no end");
}

// A setting right behind the block would be one of its last profile's, and of another's when the block goes.
static int check_after(const struct awsblock *b, struct line l, unsigned *ret_line, struct err *err)
{
        const char *at = b->after;

        while (next_line(&at, b->after + b->n_after, &l)) {
                size_t blank = 0;

                while (blank < l.n && (l.p[blank] == ' ' || l.p[blank] == '\t'))
                        blank++;
                if (blank == l.n || l.p[blank] == '#' || l.p[blank] == ';')
                        continue;
                if (l.p[blank] == '[')
                        return 0;
                return bad(ret_line, l.number, err,
                        "this line belongs to the last profile of valetkey's block; move it");
        }
        return 0;
}

static int read_all(struct awsblock *b, const char *text, size_t n, unsigned *ret_line, struct err *err)
{
        const char *at = text, *end = text + n;
        struct line l = {0};
        int r = 0;

        while (r == 0 && next_line(&at, end, &l)) {
                if (memchr(l.p, 0, l.n))
                        return bad(ret_line, l.number, err, "there is a zero byte in this line");
                if (starts(&l, END))
                        return bad(ret_line, l.number, err, "valetkey's block ends here and begins nowhere");
                if (!starts(&l, BEGIN))
                        continue;
                if (b->line)
                        return bad(ret_line, l.number, err, "a second block of valetkey's begins here");
                b->line = l.number;
                b->n_before = (size_t)(l.p - text);
                b->made_end = contains(&l, NO_END);
                b->made_file = contains(&l, NO_FILE);
                b->crlf = l.full - l.n == 2;
                r = read_inside(b, &at, end, &l, ret_line, err);
                b->after = at;
                b->n_after = (size_t)(end - at);
                if (r == 0)
                        r = check_after(b, l, ret_line, err);
        }
        return r;
}

int awsblock_read(struct awsblock **ret, const char *text, size_t n, unsigned *ret_line, struct err *err)
{
        _cleanup_(awsblock_freep) struct awsblock *b = calloc(1, sizeof *b);
        const char *eol;
        int r;

        *ret_line = 0;
        if (!b)
                return -ENOMEM;
        b->before = text ? text : "";
        b->after = "";
        r = read_all(b, b->before, n, ret_line, err);
        if (r < 0)
                return r;
        if (!b->line) {
                eol = memchr(b->before, '\n', n);
                b->n_before = n;
                b->made_file = !text;
                b->made_end = n > 0 && b->before[n - 1] != '\n';
                b->crlf = eol && eol > b->before && eol[-1] == '\r';
        }
        *ret = TAKE_PTR(b);
        return 0;
}

struct awsblock *awsblock_free(struct awsblock *b)
{
        if (!b)
                return NULL;
        for (size_t i = 0; i < b->n_profiles; i++)
                profile_deinit(&b->profiles[i]);
        free(b->profiles);
        free(b);
        return NULL;
}

struct awsblock_profile *awsblock_find(const struct awsblock *b, const char *name)
{
        for (size_t i = 0; i < b->n_profiles; i++)
                if (strcmp(b->profiles[i].name, name) == 0)
                        return &b->profiles[i];
        return NULL;
}

bool awsblock_is_name(const char *name)
{
        static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-@+.%:/";

        return *name && name[strspn(name, chars)] == 0 && strcmp(name, "DEFAULT") != 0;
}

static bool is_same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

int awsblock_print(
        struct buf *out, const char *name, const char *process, const char *region, const char *eol)
{
        buf_printf(out, strcmp(name, "default") == 0 ? "[%s]%s" : "[profile %s]%s", name, eol);
        buf_printf(out, PROCESS " = %s%s", process, eol);
        if (region)
                buf_printf(out, REGION " = %s%s", region, eol);
        return buf_error(out);
}

int awsblock_set(struct awsblock *b, const char *name, const char *process, const char *region)
{
        cleanup_buf struct buf text = BUF_INIT(1u << 20);
        struct awsblock_profile *p = awsblock_find(b, name), fresh = {0};

        if (p && is_same(p->process, process) && is_same(p->region, region))
                return 0;
        if (awsblock_print(&text, name, process, region, b->crlf ? "\r\n" : "\n") == 0)
                buf_append_str(&text, p ? p->others : "");
        fresh.name = strdup(name);
        fresh.process = strdup(process);
        fresh.region = region ? strdup(region) : NULL;
        fresh.others = strdup(p ? p->others : "");
        if (!fresh.name || !fresh.process || (region && !fresh.region) || !fresh.others ||
                buf_take_str(&text, &fresh.text) < 0)
                goto fail;
        if (!p)
                p = add_profile(b, NULL, 0);
        if (!p)
                goto fail;
        fresh.line = p->line;
        fresh.others_line = p->others_line;
        profile_deinit(p);
        *p = fresh;
        return 1;
fail:
        profile_deinit(&fresh);
        return -ENOMEM;
}

bool awsblock_drop(struct awsblock *b, const char *name)
{
        struct awsblock_profile *p = awsblock_find(b, name);

        if (!p)
                return false;
        profile_deinit(p);
        b->n_profiles--;
        memmove(p, p + 1, (size_t)(b->profiles + b->n_profiles - p) * sizeof *p);
        return true;
}

int awsblock_write(const struct awsblock *b, struct buf *out, bool *ret_gone)
{
        const char *eol = b->crlf ? "\r\n" : "\n";
        size_t n = b->n_before;

        *ret_gone = false;
        if (b->n_profiles == 0) {
                // The line end that was made stays where somebody has written on behind it.
                if (b->line && b->made_end && b->n_after == 0)
                        n -= n >= 2 && b->crlf && b->before[n - 2] == '\r'
                                     ? 2
                                     : n >= 1 && b->before[n - 1] == '\n';
                *ret_gone = b->made_file && n + b->n_after == 0;
                buf_append(out, b->before, n);
                return buf_append(out, b->after, b->n_after);
        }
        buf_append(out, b->before, n);
        if (!b->line && b->made_end)
                buf_append_str(out, eol);
        buf_printf(out, BEGIN "%s%s%s", b->made_end ? NO_END : "", b->made_file ? NO_FILE : "", eol);
        for (size_t i = 0; i < b->n_profiles; i++)
                buf_append_str(out, b->profiles[i].text);
        buf_printf(out, END "%s", eol);
        return buf_append(out, b->after, b->n_after);
}
