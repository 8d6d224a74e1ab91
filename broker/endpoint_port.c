// SPDX-License-Identifier: Apache-2.0
//
// valetkeyd gives each user a port and keeps it bound, so that after a logout nobody else can listen there and answer with his
// own credentials. A machine without valetkeyd, or a user it does not know, is not without endpoint: the broker binds a port
// itself, which is anybody's again when it ends.
#include "endpoint_internal.h"

#include "packet.h"
#include "protocol.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define ASK_MS INT64_C(2000)
// Outside of what the kernel gives to sockets that connect, as Debian has it.
#define OWN_PORT_MIN 61000u
#define OWN_PORTS    4500u

struct endpoint_port {
        struct loop *loop;
        char *path;
        uid_t server_uid;
        struct packet_conn *conn;
        struct timer *timer; // begins, and bounds it
        bool begun;
        void (*done)(void *arg, int fd, const char *reason);
        void *arg;
};

struct endpoint_port *endpoint_port_free(struct endpoint_port *p)
{
        if (!p)
                return NULL;
        packet_conn_free(p->conn);
        timer_free(p->timer);
        free(p->path);
        free(p);
        return NULL;
}

static void end(struct endpoint_port *p, int fd, const char *reason)
{
        p->conn = packet_conn_free(p->conn);
        timer_disarm(p->timer);
        p->done(p->arg, fd, reason); // may free p
}

static void on_frame(
        struct packet_conn *conn _unused_, const struct frame *f, int *fds, size_t n_fds, void *arg)
{
        struct endpoint_port *p = arg;
        char text[ERR_MAX];

        if (f->type == MSG_OK && n_fds == 1)
                end(p, TAKE_FD(fds[0]), "");
        else if (f->type == MSG_ERROR && frame_get_str(f, TAG_MESSAGE, text, sizeof text))
                end(p, -1, text);
        else
                end(p, -1, "valetkeyd's answer makes no sense");
}

static void on_closed(struct packet_conn *conn _unused_, const struct err *err, void *arg)
{
        end(arg, -1, err->text[0] ? err->text : "valetkeyd closed the connection");
}

static void ask(struct endpoint_port *p)
{
        static const struct packet_handlers handlers = {.frame = on_frame, .closed = on_closed};
        uint8_t room[64];
        struct frame_writer w;
        uid_t uid;
        int r = packet_connect(&p->conn, p->loop, p->path);

        if (r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR) {
                end(p, -1, ""); // nobody there: a machine without sign-ins through PAM
                return;
        }
        if (r < 0) {
                end(p, -1, strerror(-r));
                return;
        }
        uid = packet_conn_peer(p->conn)->uid;
        if (uid != 0 && uid != p->server_uid) {
                end(p, -1, "claim.sock belongs to somebody who is not valetkeyd");
                return;
        }
        packet_conn_set(p->conn, &handlers, p);
        frame_begin(&w, room, sizeof room, MSG_PORT);
        if (packet_send(p->conn, room, frame_end(&w), NULL, 0) < 0)
                end(p, -1, "cannot send to valetkeyd");
        else
                timer_arm_in(p->timer, ASK_MS);
}

static void on_timer(void *arg)
{
        struct endpoint_port *p = arg;

        if (p->begun) {
                end(p, -1, "valetkeyd does not answer");
                return;
        }
        p->begun = true;
        ask(p);
}

int endpoint_port_ask(struct endpoint_port **ret, struct loop *l, const char *claim_path, uid_t server_uid,
        void (*done)(void *arg, int fd, const char *reason), void *arg)
{
        struct endpoint_port *p = calloc(1, sizeof *p);
        int r = -ENOMEM;

        if (!p)
                return -ENOMEM;
        *p = (struct endpoint_port){.loop = l, .server_uid = server_uid, .done = done, .arg = arg};
        p->path = strdup(claim_path);
        if (p->path)
                r = timer_new(&p->timer, l, on_timer, p);
        if (r < 0) {
                endpoint_port_free(p);
                return err_trace(r);
        }
        timer_arm_in(p->timer, 0);
        *ret = p;
        return 0;
}

// SO_REUSEADDR: in spite of the connections of a broker before. Once somebody listens it lets nobody else in; and never
// SO_REUSEPORT, with which a sandboxed program of the same uid could listen beside us.
static int try_port(int *ret, uint16_t port)
{
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int one = 1;
        const struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
                bind(fd, (const struct sockaddr *)&a, sizeof a) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

// The same one each time, where it is free: programs that were told of it find the next broker there.
int endpoint_port_bind(int *ret)
{
        uint32_t h = (uint32_t)geteuid() * UINT32_C(2654435761);
        int r = try_port(ret, (uint16_t)(OWN_PORT_MIN + (h >> 8) % OWN_PORTS));

        return r == -EADDRINUSE ? try_port(ret, 0) : r;
}
