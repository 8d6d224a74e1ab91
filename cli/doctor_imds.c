// SPDX-License-Identifier: Apache-2.0
//
// Where a program comes that was told nothing: a connection to 169.254.169.254 is begun, and the socket says where it went.
// valetkey-imds changes the address in the socket itself. Nothing is asked there.
#include "doctor.h"

#include "json.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#define PATIENCE_MS 500

// 0 and the other end in host byte order; or the errno of a connection that did not come about.
static int meet(struct sockaddr_in *ret)
{
        const struct sockaddr_in a = {
                .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(UINT32_C(0xa9fea9fe))};
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t n = sizeof *ret, size = sizeof(int);
        int e = 0;

        if (fd < 0)
                return errno;
        if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
                if (errno != EINPROGRESS)
                        return errno;
                if (poll(&p, 1, PATIENCE_MS) != 1)
                        return ETIMEDOUT;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size) < 0 || e)
                        return e ? e : errno;
        }
        return getpeername(fd, (struct sockaddr *)ret, &n) < 0 ? errno : 0;
}

static unsigned own_port(const struct doctor *d)
{
        const char *url, *colon;

        if (json_get_string(json_object_get(d->status, "endpoint"), "url", 4096, &url) != 0)
                return 0;
        colon = strrchr(url, ':');
        return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

void doctor_imds(struct doctor *d)
{
        struct sockaddr_in met = {0};
        unsigned own = own_port(d);
        int e = meet(&met);

        if (e == 0 && met.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && ntohs(met.sin_port) == own) {
                findings_ok(&d->found, "imds", "169.254.169.254 leads to this user's broker");
        } else if (e == 0 && met.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
                findings_wrong(&d->found, "imds",
                        "169.254.169.254 leads to port %u of this machine, which is %s", ntohs(met.sin_port),
                        own ? "not this user's broker's" : "nobody's that is known");
                findings_mend(&d->found, "systemctl --user restart valetkey-broker");
        } else if (e == 0) {
                findings_unknown(&d->found, "imds",
                        "169.254.169.254 is this machine's own: programs that know nothing of valetkey get "
                        "what is there");
        } else if (e == ECONNREFUSED && own) {
                findings_unknown(&d->found, "imds",
                        "169.254.169.254 refuses: where valetkey-imds(8) runs, this user's port is not one "
                        "that "
                        "valetkeyd keeps");
        } else {
                findings_ok(&d->found, "imds",
                        "nothing is at 169.254.169.254; valetkey-imds(8) would lead programs from there to "
                        "the "
                        "broker");
        }
}
