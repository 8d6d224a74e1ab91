// SPDX-License-Identifier: Apache-2.0
//
// valetkey-credential-process ROLE: what an SDK runs as its credential_process. It asks the user's broker one
// question over credentials.sock, copies the one answer to stdout and ends. Programs run it before every AWS
// call, so it has to cost no more than starting a process: static, no stdio, no allocation, about ten system
// calls. It decides nothing and never prompts. Some SDKs give up after five seconds; it answers within four,
// if only with what is wrong.
//
// Without a broker (no socket, or nobody behind it) it becomes `valetkey credential-process ROLE`, which may
// start one.
#include "frame.h"
#include "outcome.h"
#include "protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_MS 4000
#define GUARD       "VALETKEY_CREDENTIAL_PROCESS" // set across the exec: a wrapper loop ends there

static const char usage[] = "Usage: valetkey-credential-process ROLE\n"
                            "Prints the credentials of ROLE as a credential_process document (AWS SDKs).\n"
                            "\n"
                            "  --help     this text\n"
                            "  --version  the version\n";

static const char *role = "";
static uint8_t packet[FRAME_MAX];

static int write_all(int fd, const void *p, size_t n)
{
        const char *c = p;

        while (n > 0) {
                ssize_t r = write(fd, c, n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        return -1;
                c += r;
                n -= (size_t)r;
        }
        return 0;
}

static size_t append(char *dst, size_t n, size_t max, const char *s)
{
        for (; *s && n + 1 < max; s++, n++)
                dst[n] = *s;
        return n;
}

// One plain line, whatever bytes are in it: no byte that a terminal would obey gets through. The broker's
// sentences name the role themselves, ours do not.
static int fail_as(enum outcome o, const char *text, bool name_role)
{
        char line[1024];
        size_t n = append(line, 0, sizeof line, "valetkey: ");

        if (name_role && role[0]) {
                n = append(line, n, sizeof line, "role ");
                n = append(line, n, n + 200 < sizeof line ? n + 200 : sizeof line, role);
                n = append(line, n, sizeof line, ": ");
        }
        n = append(line, n, sizeof line, text && text[0] ? text : outcome_info(o)->text);
        for (size_t i = 0; i < n; i++) {
                uint8_t c = (uint8_t)line[i];

                if (c < 0x20 || c == 0x7f)
                        line[i] = '?';
                if (c == 0xc2 && i + 1 < n && (uint8_t)line[i + 1] < 0xa0)
                        line[i] = line[i + 1] = '?';
        }
        line[n++] = '\n';
        // Nothing is left to say it to when stderr fails; the exit code still tells.
        (void)!write_all(STDERR_FILENO, line, n);
        explicit_bzero(packet, sizeof packet);
        return outcome_info(o)->exit_code;
}

static int fail(enum outcome o, const char *text)
{
        return fail_as(o, text, true);
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// $XDG_RUNTIME_DIR/valetkey/credentials.sock, or where systemd puts that directory. False: too long.
static bool socket_path(struct sockaddr_un *a)
{
        const char *dir = secure_getenv("XDG_RUNTIME_DIR");
        char digits[24], fallback[40];
        size_t n = 0, d = sizeof digits;

        if (!dir || dir[0] != '/') {
                digits[--d] = 0;
                for (uid_t u = geteuid(); d == sizeof digits - 1 || u > 0; u /= 10)
                        digits[--d] = (char)('0' + u % 10);
                n = append(fallback, 0, sizeof fallback, "/run/user/");
                n = append(fallback, n, sizeof fallback, digits + d);
                fallback[n] = 0;
                dir = fallback;
        }
        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        n = append(a->sun_path, 0, sizeof a->sun_path, dir);
        n = append(a->sun_path, n, sizeof a->sun_path, "/valetkey/credentials.sock");
        return strlen(dir) + strlen("/valetkey/credentials.sock") == n;
}

// A connected socket above the standard descriptors; or -1 with errno.
static int connect_broker(void)
{
        struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
        struct sockaddr_un a;
        int fd;

        if (!socket_path(&a)) {
                errno = ENAMETOOLONG;
                return -1;
        }
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd >= 0 && fd <= STDERR_FILENO) {
                // Somebody started us with a standard descriptor closed: our words must not become requests.
                int low = fd;

                fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                close(low);
        }
        if (fd < 0)
                return -1;
        // A full backlog blocks connect(); this bounds it.
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
                connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
                int e = errno;

                close(fd);
                errno = e;
                return -1;
        }
        return fd;
}

// Beside ourselves first, so that a build tree uses its own; then where it is installed.
static int become_cli(char *name)
{
        char verb[] = "credential-process", end[] = "--", program[] = "valetkey";
        char *argv[] = {program, verb, end, name, NULL};
        char path[PATH_MAX];
        ssize_t n;
        char *slash;

        if (getenv(GUARD))
                return fail(OUTCOME_NO_BROKER, NULL);
        if (setenv(GUARD, "1", 1) < 0)
                return fail(OUTCOME_INTERNAL, "out of memory");
        n = readlink("/proc/self/exe", path, sizeof path - sizeof "valetkey");
        if (n > 0) {
                path[n] = 0;
                slash = strrchr(path, '/');
                if (slash) {
                        memcpy(slash + 1, "valetkey", sizeof "valetkey");
                        execv(path, argv);
                }
        }
        execv(PATH_BIN "/valetkey", argv);
        return fail(OUTCOME_NO_BROKER, "no broker is running, and the program valetkey that would start one "
                                       "is neither beside this one nor in " PATH_BIN);
}

static int answer(size_t n)
{
        const struct frame_field *json;
        char text[512];
        struct frame f;
        uint32_t o;

        if (!frame_parse(&f, packet, n))
                return fail(OUTCOME_BAD_ANSWER, "the broker's answer makes no sense");
        if (f.type == MSG_ERROR && frame_get_u32(&f, TAG_OUTCOME, &o) && o != OUTCOME_OK) {
                if (!frame_get_str(&f, TAG_MESSAGE, text, sizeof text))
                        text[0] = 0;
                return fail_as(o < OUTCOME_MAX_ ? (enum outcome)o : OUTCOME_INTERNAL, text, !text[0]);
        }
        json = frame_find(&f, TAG_JSON);
        if (f.type != MSG_CREDENTIALS || !json || json->n == 0)
                return fail(OUTCOME_BAD_ANSWER, "the broker's answer makes no sense");
        if (write_all(STDOUT_FILENO, json->p, json->n) < 0)
                return fail(OUTCOME_INTERNAL, "cannot write to stdout");
        explicit_bzero(packet, n);
        return 0;
}

// The exit code; GONE where the broker went away over the question: it is another process by now, or will be.
#define GONE (-1)

static int ask(int fd, int64_t deadline)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        struct frame_writer w;
        struct ucred peer;
        socklen_t len = sizeof peer;
        ssize_t n;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
                return fail(OUTCOME_ACCESS_DENIED, "the broker's socket belongs to another user; not asking");
        frame_begin(&w, packet, sizeof packet, MSG_GET_CREDENTIALS);
        frame_put_str(&w, TAG_ROLE, role);
        if (send(fd, packet, frame_end(&w), MSG_NOSIGNAL) < 0)
                return errno == EPIPE || errno == ECONNRESET ? GONE : fail(OUTCOME_NO_BROKER, NULL);
        do {
                int64_t left = deadline - now_ms();

                r = poll(&p, 1, left > 0 ? (int)left : 0);
        } while (r < 0 && errno == EINTR);
        if (r == 0)
                return fail(OUTCOME_TIMEOUT, "the broker gave no answer within 4 seconds");
        // The answer is there: from now on this process holds a secret, and no core dump shall.
        prctl(PR_SET_DUMPABLE, 0);
        n = recv(fd, packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
        if (n <= 0)
                return GONE;
        if ((size_t)n > sizeof packet)
                return fail(OUTCOME_BAD_ANSWER, "the broker's answer makes no sense");
        return answer((size_t)n);
}

static int connect_and_ask(char *name, int64_t deadline)
{
        int fd = connect_broker(), r;

        if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
                return become_cli(name);
        if (fd < 0)
                return fail(errno == EAGAIN ? OUTCOME_TIMEOUT : OUTCOME_NO_BROKER,
                        errno == EACCES ? "the broker's socket does not let you in" : NULL);
        r = ask(fd, deadline);
        close(fd);
        return r;
}

int main(int argc, char *argv[])
{
        int64_t deadline = now_ms() + DEADLINE_MS;
        int r;

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return write_all(STDOUT_FILENO, usage, sizeof usage - 1) < 0;
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                static const char version[] = "valetkey-credential-process " VALETKEY_VERSION "\n";

                return write_all(STDOUT_FILENO, version, sizeof version - 1) < 0;
        }
        if (argc == 2 && argv[1][0] == '-') {
                char text[128];
                size_t n = append(text, 0, sizeof text, "no option ");

                text[append(text, n, sizeof text, argv[1])] = 0;
                return fail(OUTCOME_INVALID_REQUEST, text);
        }
        if (argc != 2 || argv[1][0] == 0)
                return fail(OUTCOME_INVALID_REQUEST, "usage: valetkey-credential-process ROLE");
        if (strlen(argv[1]) > 255)
                return fail(OUTCOME_UNKNOWN_ROLE, NULL);
        role = argv[1];
        r = connect_and_ask(argv[1], deadline);
        // A broker that was killed is started again, and the socket stays: one more question, of the next one. No answer
        // has come yet; and the broker wants to see who asks.
        if (r == GONE) {
                prctl(PR_SET_DUMPABLE, 1);
                r = connect_and_ask(argv[1], deadline);
        }
        return r == GONE ? fail(OUTCOME_NO_BROKER, "the broker closed the connection without an answer") : r;
}
