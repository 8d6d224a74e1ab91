// SPDX-License-Identifier: Apache-2.0
#include "curl_words.h"

#include "curl_options.h"
#include "form.h"

#include <stdio.h>
#include <strings.h>

struct reader {
        struct curl_words *w;
        char *const *next; // word
        struct err *err;
};

static int refuse(const struct reader *r, const char *why, const char *word)
{
        char clean[100];

        err_set(r->err, "%s: %s", err_sanitise(clean, sizeof clean, word, strlen(word)), why);
        return -EINVAL;
}

static int push(struct curl_words *w, const char *word)
{
        char **v = realloc(w->argv, (w->n + 2) * sizeof *v), *copy;

        if (!v)
                return -ENOMEM;
        w->argv = v;
        copy = strdup(word);
        v[w->n] = copy;
        v[w->n + 1] = NULL;
        w->n += copy != NULL;
        return copy ? 0 : -ENOMEM;
}

// What leads to our socket, and through no proxy, whatever the environment or ~/.curlrc say: that is for the connection behind us. --next
// forgets it with all other options.
static int push_way(struct curl_words *w)
{
        const char *const way[] = {"--noproxy", "*", "--unix-socket", w->socket};
        int k = 0;

        for (size_t i = 0; k == 0 && i < ARRAY_SIZE(way); i++)
                k = push(w, way[i]);
        return k;
}

// ---- URLs

// "HOST[:PORT]" of a URL, and how it was to be reached.
static int add_target(struct reader *r, const char *scheme, const char *authority)
{
        struct curl_words *w = r->w;
        struct curl_target t = {0};
        cleanup_buf struct buf origin = BUF_INIT(GATEWAY_NAME - 1), host = BUF_INIT(GATEWAY_NAME - 1);
        char text[GATEWAY_NAME + 16];
        struct url u;

        snprintf(text, sizeof text, "%s://%s", scheme, authority);
        if (url_check_callable(text, r->err) < 0 || url_parse(&u, text, r->err) < 0)
                return -EINVAL;
        if (strcmp(scheme, "https") == 0 && u.port == 80)
                return refuse(r, "port 80 speaks no TLS", text);
        buf_printf(&origin, "%s://", scheme);
        if (url_host_header(&origin, &u) < 0)
                return refuse(r, "not a usable URL", text);
        memcpy(u.scheme, "http", 5); // as curl sees it
        if (url_host_header(&host, &u) < 0)
                return refuse(r, "not a usable URL", text);
        if (strcmp(scheme, "https") == 0 && u.port == 443 && !strstr(authority + (u.ipv6 ? 1 : 0), ":443"))
                buf_cut(&host, 4); // ":443", which nobody wrote
        snprintf(t.origin, sizeof t.origin, "%s", buf_str(&origin));
        snprintf(t.host, sizeof t.host, "%s", buf_str(&host));
        for (size_t i = 0; i < w->n_targets; i++)
                if (strcmp(w->targets[i].host, t.host) == 0)
                        return strcmp(w->targets[i].origin, t.origin) == 0
                                       ? 0
                                       : refuse(r, "with TLS, or without?", t.host);
        if (w->n_targets == CURL_TARGETS_MAX)
                return refuse(r, "too many hosts", t.host);
        w->targets[w->n_targets++] = t;
        return 0;
}

static int push_url(struct reader *r, const char *word)
{
        static const char plain[] = "http://", tls[] = "https://";
        const char *scheme = "https", *rest = word, *colon = strstr(word, "://");
        char authority[GATEWAY_NAME];
        cleanup_free char *out = NULL;
        size_t n;
        int k = 0;

        if (strncasecmp(word, tls, sizeof tls - 1) == 0) {
                rest = word + sizeof tls - 1;
        } else if (strncasecmp(word, plain, sizeof plain - 1) == 0) {
                rest = word + sizeof plain - 1;
                scheme = "http";
        } else if (colon && colon < word + strcspn(word, "/?#")) {
                return refuse(r, "only https:// is signed", word);
        }
        n = strcspn(rest, "/?#");
        if (n == 0 || n >= sizeof authority || memchr(rest, '@', n))
                return refuse(r, "not a usable URL", word);
        memcpy(authority, rest, n);
        authority[n] = 0;
        if (rest == word) {
                char probe[GATEWAY_NAME + 8];

                snprintf(probe, sizeof probe, "%s%s", plain, authority);
                scheme = url_is_loopback(probe) ? "http" : "https";
        }
        r->w->n_urls++;
        if (strpbrk(authority, "{}") || (strchr(authority, '[') && authority[0] != '[')) {
                if (strcmp(scheme, "https") != 0)
                        return refuse(r, "a pattern of hosts wants https://", word);
                r->w->any_host = true;
        } else {
                k = add_target(r, scheme, authority);
        }
        if (k == 0 && asprintf(&out, "%s%s", plain, rest) < 0) {
                out = NULL;
                k = -ENOMEM;
        }
        return k ? k : push(r->w, out);
}

// ---- options

static int push_value(struct reader *r, const char *name, const char *value)
{
        bool header = strcmp(name, "header") == 0 || strcmp(name, "H") == 0;

        if (strcmp(name, "url") == 0)
                return push_url(r, value);
        if (header && value[0] == '@')
                return refuse(r, "headers are not read from a file here", value);
        if (header && strncasecmp(value, "Host", 4) == 0 && value[4 + strspn(value + 4, " \t")] == ':')
                r->w->custom_host = true;
        return push(r->w, value);
}

static int take_value(struct reader *r, const char *name, const char **ret)
{
        *ret = *r->next;
        if (!*ret)
                return refuse(r, "this option of curl's wants a value", name);
        r->next++;
        return 0;
}

static int read_long(struct reader *r, const char *word)
{
        enum curl_option kind = curl_option_long(word + 2);
        const char *value;
        int k;

        if (kind == CURL_OPTION_OTHER)
                return refuse(r,
                        "this option of curl's is not passed on: valetkey makes the connection, and signs",
                        word);
        r->w->follows |= strcmp(word, "--location") == 0 || strcmp(word, "--location-trusted") == 0;
        if (kind == CURL_OPTION_FLAG) {
                k = push(r->w, word);
                return k == 0 && strcmp(word, "--next") == 0 ? push_way(r->w) : k;
        }
        k = take_value(r, word, &value);
        if (k == 0 && strcmp(word, "--cacert") == 0) {
                r->w->ca_file = value;
                return 0;
        }
        if (k == 0)
                k = push(r->w, word);
        return k < 0 ? k : push_value(r, word + 2, value);
}

// -sSXPOST: flags, and a value that ends it.
static int read_short(struct reader *r, const char *word)
{
        if (strcmp(word, "-:") == 0)
                return read_long(r, "--next");
        for (const char *s = word + 1; *s; s++) {
                enum curl_option kind = curl_option_short(*s);
                char name[3] = {'-', *s, 0}, flags[128];
                const char *value = s + 1;
                int k = 0;

                if (kind == CURL_OPTION_OTHER)
                        return refuse(r,
                                "this option of curl's is not passed on: valetkey makes the connection, and "
                                "signs",
                                name);
                r->w->follows |= *s == 'L';
                if (kind == CURL_OPTION_FLAG)
                        continue;
                if (!*value)
                        k = take_value(r, name, &value);
                if (k == 0 && (size_t)snprintf(flags, sizeof flags, "%.*s", (int)(s + 1 - word), word) >=
                                      sizeof flags)
                        return refuse(r, "too many options in one word", word);
                if (k == 0)
                        k = push(r->w, flags);
                return k < 0 ? k : push_value(r, name + 1, value);
        }
        return push(r->w, word);
}

static int read_word(struct reader *r, bool *more_options)
{
        const char *word = *r->next++;

        if (!*more_options || word[0] != '-' || !word[1])
                return push_url(r, word);
        if (strcmp(word, "--") == 0) {
                *more_options = false;
                return push(r->w, word);
        }
        return word[1] == '-' ? read_long(r, word) : read_short(r, word);
}

int curl_words_make(struct curl_words *ret, char *const words[], const char *socket, struct err *err)
{
        struct reader r = {.w = ret, .next = words, .err = err};
        bool more_options = true;
        int k;

        *ret = (struct curl_words){.socket = socket};
        k = push(ret, "curl");
        if (k == 0)
                k = push_way(ret);
        while (k == 0 && *r.next)
                k = read_word(&r, &more_options);
        if (k == 0 && ret->n_urls == 0) {
                err_set(err, "which URL?");
                k = -EINVAL;
        }
        if (k == 0 && ret->any_host && ret->follows) {
                err_set(err, "with -L the host has to be spelled out: a redirect must not be taken for a URL "
                             "that was typed");
                k = -EINVAL;
        }
        return k;
}

void curl_words_deinit(struct curl_words *w)
{
        for (size_t i = 0; i < w->n; i++)
                free(w->argv[i]);
        free(w->argv);
        *w = (struct curl_words){0};
}
