// SPDX-License-Identifier: Apache-2.0
//
// URLs, as far as a client needs them that calls only what an administrator or a verified document named.
// The grammar is narrower than RFC 3986 on purpose: wherever two parsers could disagree about which host is
// meant — user info, back slashes, percent-encoded or non-ASCII hosts, white space — the URL is refused, so
// what is checked here is what libcurl calls.
#include "form.h"

#include <arpa/inet.h>

#define URL_MAX 2048

static int bad(struct err *err, const char *what)
{
        err_set(err, "not a usable URL: %s", what);
        return -EBADMSG;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_host_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// The host part into ret; returns how far it reaches, 0 when it is none.
static size_t parse_host(struct url *ret, const char *s, size_t n)
{
        size_t i = 0;

        if (n > 0 && s[0] == '[') {
                const char *end = memchr(s, ']', n);
                struct in6_addr a;

                if (!end || (size_t)(end - s) - 1 >= sizeof ret->host)
                        return 0;
                memcpy(ret->host, s + 1, (size_t)(end - s) - 1);
                ret->ipv6 = true;
                return inet_pton(AF_INET6, ret->host, &a) == 1 ? (size_t)(end - s) + 1 : 0;
        }
        for (; i < n && s[i] != ':'; i++) {
                char c = lower(s[i]);

                if (!is_host_char(c) || i + 1 >= sizeof ret->host)
                        return 0;
                if (c == '.' && (i == 0 || s[i - 1] == '.'))
                        return 0;
                ret->host[i] = c;
        }
        return i;
}

// ":8080" or nothing.
static bool parse_port(uint16_t *ret, const char *s, size_t n)
{
        unsigned port = 0;

        if (n == 0)
                return true;
        if (s[0] != ':' || n < 2 || n > 6)
                return false;
        for (size_t i = 1; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                port = port * 10 + (unsigned)(s[i] - '0');
        }
        *ret = (uint16_t)port;
        return port > 0 && port <= UINT16_MAX;
}

static bool all_printable(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~' || s[i] == '\\' || s[i] == '"' || s[i] == '<' || s[i] == '>')
                        return false;
        return true;
}

// Splits an absolute http or https URL. ret->path points into s. 0, or -EBADMSG (ret untouched).
int url_parse(struct url *ret, const char *s, struct err *err)
{
        struct url u = {.path = ""};
        size_t n = strnlen(s, URL_MAX + 1), at, authority, host;

        if (n > URL_MAX)
                return bad(err, "longer than 2048 characters");
        if (!all_printable(s, n))
                return bad(err, "it holds white space, control or non-ASCII characters");
        if (strncasecmp(s, "https://", 8) == 0) {
                memcpy(u.scheme, "https", 6);
                u.port = 443;
                at = 8;
        } else if (strncasecmp(s, "http://", 7) == 0) {
                memcpy(u.scheme, "http", 5);
                u.port = 80;
                at = 7;
        } else {
                return bad(err, "it does not begin with https://");
        }
        authority = strcspn(s + at, "/?#");
        if (memchr(s + at, '@', authority))
                return bad(err, "it holds a user name");
        host = parse_host(&u, s + at, authority);
        if (host == 0)
                return bad(err, "the host is empty or no host name");
        if (!parse_port(&u.port, s + at + host, authority - host))
                return bad(err, "the port is no number from 1 to 65535");
        u.path = s + at + authority;
        *ret = u;
        return 0;
}

static bool is_loopback(const struct url *u)
{
        struct in_addr a;
        struct in6_addr a6;

        if (u->ipv6)
                return inet_pton(AF_INET6, u->host, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6);
        // Four decimal numbers only: "127.1" and "0x7f.1" are read differently by different resolvers.
        if (inet_pton(AF_INET, u->host, &a) == 1)
                return ntohl(a.s_addr) >> 24 == 127;
        return strcmp(u->host, "localhost") == 0;
}

// True for a URL whose host is this machine's loopback, by number or as "localhost".
bool url_is_loopback(const char *s)
{
        struct url u;

        return url_parse(&u, s, NULL) == 0 && is_loopback(&u);
}

// May a token or an assertion be sent there? 0, -EBADMSG, -EPERM.
int url_check_callable(const char *s, struct err *err)
{
        struct url u;
        int r = url_parse(&u, s, err);

        if (r < 0)
                return err_trace(r);
        if (strcmp(u.scheme, "https") != 0 && !is_loopback(&u)) {
                err_set(err, "http:// is allowed on the loopback interface only; use https://");
                return -EPERM;
        }
        return 0;
}

int url_host_header(struct buf *out, const struct url *u)
{
        buf_printf(out, u->ipv6 ? "[%s]" : "%s", u->host);
        if (u->port != (strcmp(u->scheme, "https") == 0 ? 443 : 80))
                buf_printf(out, ":%u", u->port);
        return buf_error(out);
}
