// SPDX-License-Identifier: Apache-2.0
//
// A program of another user is turned away by what the kernel says of its socket, before it is read; a page in the browser
// would have to guess 128 bits. The first who has both is sent on, and then nobody listens any more.
#include "hand_over.h"

#include "browser.h"
#include "buf.h"
#include "client.h"
#include "http_head.h"
#include "peer_owner.h"
#include "random.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define BROWSER_MS 60000
#define REQUEST_MS 2000

struct hand_over {
        int fd;
        struct peer_owner *owners;
        char host[32], path[40];
        const char *url;
};

static int listen_here(struct hand_over *h)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        char token[33];
        int r = random_hex(token, 16);

        if (r < 0)
                return r;
        h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (h->fd < 0 || bind(h->fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(h->fd, 8) < 0 ||
                getsockname(h->fd, (struct sockaddr *)&a, &n) < 0)
                return -errno;
        snprintf(h->host, sizeof h->host, "127.0.0.1:%u", ntohs(a.sin_port));
        snprintf(h->path, sizeof h->path, "/%s", token);
        return peer_owner_new(&h->owners, h->fd);
}

static bool wait_readable(int fd, int64_t deadline_ms)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r;

        do {
                int64_t left = deadline_ms - cli_now_ms();

                r = poll(&p, 1, left > 0 ? (int)left : 0);
        } while (r < 0 && errno == EINTR);
        return r > 0;
}

static bool read_head(int fd, char in[HTTP_HEAD_MAX], struct http_head *ret)
{
        int64_t deadline = cli_now_ms() + REQUEST_MS;
        size_t have = 0, used;
        int r = HTTP_HEAD_E_MORE;

        while (r == HTTP_HEAD_E_MORE && have < HTTP_HEAD_MAX && wait_readable(fd, deadline)) {
                ssize_t n = recv(fd, in + have, HTTP_HEAD_MAX - have, MSG_DONTWAIT);

                if (n <= 0)
                        return false;
                have += (size_t)n;
                r = http_head_parse(ret, in, have, &used);
        }
        return r == 0;
}

static bool is_ours(const struct hand_over *h, const struct http_head *head)
{
        struct http_text host;

        return http_text_is(&head->method, "GET") && http_text_is(&head->target, h->path) &&
               http_head_find(head, "Host", &host) == 1 && http_text_is(&host, h->host);
}

static bool send_on(int fd, const char *url)
{
        cleanup_buf struct buf out = BUF_INIT(256u << 10);
        struct timeval patience = {.tv_sec = 2};

        buf_append_str(&out, "HTTP/1.1 302 Found\r\nLocation: ");
        buf_append_str(&out, url);
        buf_append_str(&out, "\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n");
        return !buf_error(&out) && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
               send(fd, out.p, out.n, MSG_NOSIGNAL) == (ssize_t)out.n;
}

// One connection; true: the browser has the URL.
static bool serve(struct hand_over *h)
{
        static const char nothing[] =
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        cleanup_fd int fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC);
        struct http_head head;
        struct sock_owner owner;
        char in[HTTP_HEAD_MAX];

        if (fd < 0 || peer_owner_find(h->owners, fd, &owner) != 0 || owner.uid != geteuid() ||
                !read_head(fd, in, &head))
                return false;
        if (is_ours(h, &head))
                return send_on(fd, h->url);
        (void)send(fd, nothing, sizeof nothing - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        return false;
}

enum outcome hand_over_url(const char *url, struct err *err)
{
        struct hand_over h = {.fd = -1, .url = url};
        int64_t deadline = cli_now_ms() + BROWSER_MS;
        enum outcome o = OUTCOME_TIMEOUT;
        char here[96];
        int r = listen_here(&h);

        snprintf(here, sizeof here, "http://%s%s", h.host, h.path);
        if (r < 0) {
                err_set(err, "cannot listen on the loopback interface: %s", strerror(-r));
                o = OUTCOME_INTERNAL;
        } else if (!browser_open(here)) {
                err_set(err, "no browser can be opened here: xdg-open is not there; --print prints the URL");
                o = OUTCOME_MISCONFIGURED;
        } else {
                while (o == OUTCOME_TIMEOUT && wait_readable(h.fd, deadline))
                        if (serve(&h))
                                o = OUTCOME_OK;
                if (o == OUTCOME_TIMEOUT)
                        err_set(err, "no browser came within a minute; --print prints the URL");
        }
        peer_owner_free(h.owners);
        if (h.fd >= 0)
                close(h.fd);
        return o;
}
