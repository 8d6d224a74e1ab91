// SPDX-License-Identifier: Apache-2.0
//
// 60-valetkey: what a user's service manager runs when it starts (systemd.environment-generator(7)), so that desktop apps and
// user timers, which no PAM session reaches, are told of the user's loopback port as a login is. It asks valetkeyd which port
// is this uid's, and prints the variables; every failure is silence and success, for the session goes on. Static, no
// allocation, one question, one second at most.
//
//     60-valetkey [LOGIN-SOCKET [DMI-FOLDER]]
#include "frame.h"
#include "protocol.h"
#include "session_vars.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 1000

static uint8_t packet[FRAME_MAX];

// Root's, or of whom the socket's folder belongs to, which is root's or valetkeyd's to give.
static bool is_daemon(int fd, const char *path)
{
        char folder[sizeof(struct sockaddr_un)];
        struct ucred peer;
        socklen_t len = sizeof peer;
        const char *slash = strrchr(path, '/');
        struct stat st;

        if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder)
                return false;
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = 0;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && stat(folder, &st) == 0 &&
               (peer.uid == 0 || peer.uid == st.st_uid);
}

static int connect_daemon(const char *path)
{
        struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd;

        if (strlen(path) >= sizeof a.sun_path)
                return -1;
        memcpy(a.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
                connect(fd, (struct sockaddr *)&a, sizeof a) == 0 && is_daemon(fd, path))
                return fd;
        close(fd);
        return -1;
}

// The user's port; 0: it is not known.
static uint32_t ask_port(const char *path)
{
        int fd = connect_daemon(path);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct frame_writer w;
        struct frame f;
        uint32_t port = 0;
        ssize_t n;
        size_t len;

        if (fd < 0)
                return 0;
        frame_begin(&w, packet, sizeof packet, MSG_PORT);
        frame_put_u32(&w, TAG_UID, geteuid());
        len = frame_end(&w);
        if (len && send(fd, packet, len, MSG_NOSIGNAL) == (ssize_t)len && poll(&p, 1, PATIENCE_MS) == 1) {
                n = recv(fd, packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
                if (n <= 0 || (size_t)n > sizeof packet || !frame_parse(&f, packet, (size_t)n) ||
                        f.type != MSG_OK || !frame_get_u32(&f, TAG_PORT, &port) || port > UINT16_MAX)
                        port = 0;
        }
        close(fd);
        return port;
}

// systemd reads each line as an assignment in its own quoting; a value that would need some is left alone.
static bool is_plain(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s <= ' ' || strchr("\"'\\$`", *s) || (unsigned char)*s >= 0x7f)
                        return false;
        return true;
}

static void print_no_proxy(void)
{
        static const char *const names[] = {"NO_PROXY", "no_proxy"};
        char list[SESSION_NO_PROXY_MAX];

        for (size_t i = 0; i < 2; i++)
                if (session_no_proxy(list, getenv(names[i]), getenv(names[1 - i])) && is_plain(list))
                        printf("%s=%s\n", names[i], list);
}

int main(int argc, char *argv[])
{
        uint32_t port;

        if (getenv(SESSION_POINTER) || session_is_ec2(argc > 2 ? argv[2] : SESSION_DMI))
                return 0;
        port = ask_port(argc > 1 ? argv[1] : PATH_RUN "/login.sock");
        if (port == 0)
                return 0;
        printf(SESSION_POINTER "=http://" SESSION_LOOPBACK ":%u/\n", (unsigned)port);
        print_no_proxy();
        return 0;
}
