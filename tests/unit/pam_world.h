// SPDX-License-Identifier: Apache-2.0
//
// A small world for the tests of the PAM module: a folder with passwd, tables and service files, an
// application's conversation, and a fake valetkeyd in a process of its own that misbehaves on request.
// Included by one test file each, after cmocka.h; everything in it is static.
#pragma once

#include "frame.h"
#include "protocol.h"
#include "util.h"
#include "write.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <security/pam_appl.h>

#define FAKE_HANDLE "0123456789abcdef0123456789abcdef"

static struct {
        char dir[64], module[PATH_MAX];
        uid_t me;
} world;

static pam_handle_t *pamh;

static struct {
        int calls, style, result;
        char prompt[4096], errors[4096];
} conv;

static inline int64_t now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline const char *in_world(const char *name)
{
        static char path[8][160];
        static unsigned i;

        i = (i + 1) % 8;
        snprintf(path[i], sizeof path[i], "%s/%s", world.dir, name);
        return path[i];
}

static inline void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

// ---- the application

static int converse(int n, const struct pam_message **msg, struct pam_response **resp, void *arg)
{
        (void)arg;
        *resp = calloc((size_t)n, sizeof **resp);
        if (!*resp)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                if (msg[i]->msg_style == PAM_ERROR_MSG || msg[i]->msg_style == PAM_TEXT_INFO) {
                        size_t at = strlen(conv.errors);

                        snprintf(conv.errors + at, sizeof conv.errors - at, "%s\n", msg[i]->msg);
                        continue;
                }
                conv.calls++;
                conv.style = msg[i]->msg_style;
                snprintf(conv.prompt, sizeof conv.prompt, "%s", msg[i]->msg);
                if (conv.result != PAM_SUCCESS) {
                        free(*resp);
                        *resp = NULL;
                        return conv.result;
                }
                (*resp)[i].resp = strdup("a password typed at the wrong prompt"); // NULL: nothing was typed
        }
        return PAM_SUCCESS;
}

static inline void begin_pam(const char *service, const char *user)
{
        static const struct pam_conv c = {.conv = converse};

        memset(&conv, 0, sizeof conv);
        assert_int_equal(pam_start_confdir(service, user, &c, world.dir, &pamh), PAM_SUCCESS);
        // An address: libpam has libaudit look a name up, and the resolver may take its time.
        assert_int_equal(pam_set_item(pamh, PAM_RHOST, "192.0.2.7"), PAM_SUCCESS);
        assert_int_equal(pam_set_item(pamh, PAM_TTY, "ssh"), PAM_SUCCESS);
}

static inline void end_pam(void)
{
        assert_int_equal(pam_end(pamh, PAM_SUCCESS), PAM_SUCCESS);
        pamh = NULL;
}

// CVE-2024-9313: the module never changes who signs in.
static inline bool user_is(const char *user)
{
        const void *p = NULL;

        return pam_get_item(pamh, PAM_USER, &p) == PAM_SUCCESS && p && strcmp(p, user) == 0;
}

// The module's code comes through unchanged; only PAM_IGNORE, which libpam never returns, falls through to a
// module that says PAM_MODULE_UNKNOWN.
#define IGNORED PAM_MODULE_UNKNOWN

static inline void write_service(const char *name, const char *more)
{
        static const char *const phases[] = {"auth", "account", "session"};
        FILE *f = fopen(in_world(name), "we");

        assert_non_null(f);
        for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
                fprintf(f, "%s [success=done ignore=ignore default=die] %s", phases[i], world.module);
                fprintf(f, " socket=%s/login.sock passwd=%s/passwd table=%s/users", world.dir, world.dir,
                        world.dir);
                fprintf(f, " root_table=%s/root-users runtime_base=%s/run %s\n", world.dir, world.dir, more);
                fprintf(f,
                        "%s required pam_debug.so auth=module_unknown cred=module_unknown "
                        "acct=module_unknown ",
                        phases[i]);
                fprintf(f, "open_session=module_unknown close_session=module_unknown\n");
        }
        assert_int_equal(fclose(f), 0);
}

// ---- the fake daemon

enum fake {
        FAKE_NONE,
        FAKE_GOOD,
        FAKE_VERIFIED,
        FAKE_ERROR,
        FAKE_HUNG,
        FAKE_BACKLOG,
        FAKE_CLOSE,
        FAKE_GARBAGE,
        FAKE_EMPTY,
        FAKE_HUGE,
        FAKE_HALF,
        FAKE_WRONG_TYPE,
        FAKE_SHORT_HANDLE,
        FAKE_UPPER_HANDLE,
        FAKE_NO_HANDLE,
        FAKE_NUL_HANDLE,
        FAKE_PROMPTS_FOR_EVER,
        FAKE_PROMPT_WITHOUT_TEXT,
        FAKE_PROMPT_AND_GONE,
};

// What it was asked, seen from the test's process.
static struct shared {
        unsigned requests, commits, drops, closes, hangups;
        uint32_t error;
        char user[80], service[80], rhost[80], tty[80], handle[80];
        unsigned ports;
        uint32_t port, port_uid; // what is told; whose was asked for
        bool port_with_commit;
        bool always; // misbehave at every request, not only when somebody signs in
        char prior[20000], ruser[80];
} * shared;

static pid_t fake_pid;

static inline void reply(int fd, struct frame_writer *w)
{
        size_t n = frame_end(w);

        if (n == 0)
                _exit(3);
        (void)!send(fd, w->p, n, MSG_NOSIGNAL); // the module may have hung up
}

static inline void reply_prompt(int fd, uint8_t *room, bool with_text)
{
        struct frame_writer w;

        frame_begin(&w, room, FRAME_MAX, MSG_PROMPT);
        if (with_text)
                frame_put_str(&w, TAG_TEXT,
                        "Sign in to "
                        "host\nhttps://login.example.com/device\n\xe2\x96\x80\xe2\x96\x84\n\033[2J\xc2\x9b\n"
                        "Press Enter: ");
        frame_put_u32(&w, TAG_EXPIRES_IN, 600);
        reply(fd, &w);
}

static inline void reply_handle(int fd, uint8_t *room, const char *handle, size_t n)
{
        struct frame_writer w;

        frame_begin(&w, room, FRAME_MAX, MSG_AUTHENTICATED);
        if (handle)
                frame_put(&w, TAG_HANDLE, handle, n);
        reply(fd, &w);
}

static inline void misbehave(int fd, enum fake fake, uint8_t *room)
{
        static const char upper[] = "0123456789ABCDEF0123456789ABCDEF", nul[] = "0123456789abcdef\0"
                                                                                "123456789abcdef";
        struct frame_writer w;
        size_t n;

        switch (fake) {
        case FAKE_GOOD:
                reply_prompt(fd, room, true);
                reply_handle(fd, room, FAKE_HANDLE, 32);
                return;
        case FAKE_ERROR:
                frame_begin(&w, room, FRAME_MAX, MSG_ERROR);
                frame_put_u32(&w, TAG_OUTCOME, shared->error);
                frame_put_str(&w, TAG_MESSAGE, "Because\033[31m of that.");
                reply(fd, &w);
                return;
        case FAKE_GARBAGE:
                memset(room, 0x41, 100);
                send(fd, room, 100, MSG_NOSIGNAL);
                return;
        case FAKE_EMPTY:
                send(fd, "", 0, MSG_NOSIGNAL);
                return;
        case FAKE_HUGE:
                memset(room, 0x41, FRAME_MAX + 1);
                send(fd, room, FRAME_MAX + 1, MSG_NOSIGNAL);
                return;
        case FAKE_HALF:
                frame_begin(&w, room, FRAME_MAX, MSG_AUTHENTICATED);
                frame_put_str(&w, TAG_HANDLE, FAKE_HANDLE);
                n = frame_end(&w);
                send(fd, room, n / 2, MSG_NOSIGNAL);
                return;
        case FAKE_WRONG_TYPE:
                frame_begin(&w, room, FRAME_MAX, MSG_OK);
                frame_put_str(&w, TAG_HANDLE, FAKE_HANDLE);
                reply(fd, &w);
                return;
        case FAKE_SHORT_HANDLE:
                reply_handle(fd, room, FAKE_HANDLE, 31);
                return;
        case FAKE_UPPER_HANDLE:
                reply_handle(fd, room, upper, 32);
                return;
        case FAKE_NO_HANDLE:
                reply_handle(fd, room, NULL, 0);
                return;
        case FAKE_NUL_HANDLE:
                reply_handle(fd, room, nul, 32);
                return;
        case FAKE_PROMPTS_FOR_EVER:
                for (int i = 0; i < 10; i++)
                        reply_prompt(fd, room, true);
                return;
        case FAKE_PROMPT_WITHOUT_TEXT:
                reply_prompt(fd, room, false);
                reply_handle(fd, room, FAKE_HANDLE, 32);
                return;
        case FAKE_PROMPT_AND_GONE:
                reply_prompt(fd, room, true);
                return;
        case FAKE_VERIFIED:
                frame_begin(&w, room, FRAME_MAX, MSG_VERIFIED);
                reply(fd, &w);
                return;
        case FAKE_NONE:
        case FAKE_HUNG:
        case FAKE_BACKLOG:
        case FAKE_CLOSE:
                return;
        }
}

static inline void note(const struct frame *f)
{
        shared->requests++;
        if (f->type == MSG_PORT) {
                shared->ports++;
                if (!frame_get_u32(f, TAG_UID, &shared->port_uid))
                        shared->port_uid = UINT32_MAX;
                return;
        }
        shared->user[0] = shared->service[0] = shared->rhost[0] = 0;
        (void)frame_get_str(f, TAG_USER, shared->user, sizeof shared->user);
        (void)frame_get_str(f, TAG_SERVICE, shared->service, sizeof shared->service);
        (void)frame_get_str(f, TAG_RHOST, shared->rhost, sizeof shared->rhost);
        if (f->type == MSG_AUTHENTICATE) {
                shared->prior[0] = shared->ruser[0] = 0;
                (void)frame_get_str(f, TAG_TTY, shared->tty, sizeof shared->tty);
                (void)frame_get_str(f, TAG_PRIOR, shared->prior, sizeof shared->prior);
                (void)frame_get_str(f, TAG_RUSER, shared->ruser, sizeof shared->ruser);
        }
        (void)frame_get_str(f, TAG_HANDLE, shared->handle, sizeof shared->handle);
        shared->commits += f->type == MSG_COMMIT;
        shared->drops += f->type == MSG_DROP;
        shared->closes += f->type == MSG_CLOSE;
}

static inline void serve(int fd, enum fake fake)
{
        static uint8_t room[FRAME_MAX + 1];
        struct frame_writer w;
        struct frame f;
        ssize_t n = recv(fd, room, sizeof room, 0);

        if (n <= 0 || !frame_parse(&f, room, (size_t)n))
                return;
        note(&f);
        if (fake == FAKE_HUNG)
                pause();
        if (f.type == MSG_AUTHENTICATE || (shared->always && fake != FAKE_GOOD)) {
                misbehave(fd, fake, room);
                if (fake == FAKE_GOOD && recv(fd, room, sizeof room, 0) <= 0)
                        shared->hangups++;
                return;
        }
        frame_begin(&w, room, FRAME_MAX, MSG_OK);
        frame_put_u32(&w, TAG_UID, 1);
        if (f.type == MSG_PORT || (f.type == MSG_COMMIT && shared->port_with_commit))
                frame_put_u32(&w, TAG_PORT, shared->port);
        reply(fd, &w);
}

static inline struct sockaddr_un address(const char *path)
{
        struct sockaddr_un addr = {.sun_family = AF_UNIX};

        assert_true(strlen(path) < sizeof addr.sun_path);
        memcpy(addr.sun_path, path, strlen(path) + 1);
        return addr;
}

static inline int listen_at(const char *path, int backlog)
{
        struct sockaddr_un addr = address(path);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        unlink(path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || chmod(path, 0666) < 0 ||
                listen(fd, backlog) < 0)
                return -1;
        return fd;
}

// Runs the fake daemon as that uid until fake_end().
static inline void fake_daemon_as(enum fake fake, uid_t uid)
{
        int ready[2];
        char byte;

        memset(shared, 0, sizeof *shared);
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        fake_pid = fork();
        assert_true(fake_pid >= 0);
        if (fake_pid == 0) {
                int fd, conn;

                alarm(60);
                if (uid != geteuid() && setresuid(uid, uid, uid) < 0)
                        _exit(4);
                fd = listen_at(in_world("login.sock"), fake == FAKE_BACKLOG ? 0 : 16);
                if (fd < 0)
                        _exit(5);
                if (fake == FAKE_BACKLOG) {
                        struct sockaddr_un addr = address(in_world("login.sock"));

                        for (int i = 0; i < 4; i++) { // until the queue is full
                                conn = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                                (void)!connect(conn, (struct sockaddr *)&addr, sizeof addr);
                        }
                }
                if (write(ready[1], "r", 1) != 1)
                        _exit(6);
                // cppcheck-suppress nullPointer // legal: the address is not asked for
                while (fake != FAKE_BACKLOG && (conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                        serve(conn, fake);
                        close(conn);
                }
                pause();
                _exit(0);
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
}

static inline void fake_daemon(enum fake fake)
{
        fake_daemon_as(fake, geteuid());
}

static inline void fake_end(void)
{
        int64_t end = now_ms() + 2000;

        // A hang-up the daemon was about to see is waited for.
        while (shared->requests && !shared->hangups && conv.result != PAM_SUCCESS && now_ms() < end)
                usleep(1000);
        kill(fake_pid, SIGKILL);
        assert_int_equal(waitpid(fake_pid, NULL, 0), fake_pid);
        unlink(in_world("login.sock"));
        fake_pid = 0;
}

// ---- the world

static inline void add_user(const char *file, enum table_kind kind, const char *name, uint32_t id,
        int64_t success, unsigned flags, int64_t expires)
{
        struct table_edit *e = NULL;
        struct table_user u = {
                .uid = id, .gid = id, .last_success_s = success, .flags = flags, .expires_at_s = expires};

        snprintf(u.name, sizeof u.name, "%s", name);
        snprintf(u.issuer, sizeof u.issuer, "https://login.example.com");
        snprintf(u.subject, sizeof u.subject, "subject-of-%s", name);
        snprintf(u.home, sizeof u.home, "/home/%s", name);
        snprintf(u.shell, sizeof u.shell, "/bin/sh");
        assert_int_equal(table_edit_begin(&e, in_world(file), kind, &world.me, 1, 0), 0);
        assert_int_equal(table_edit_add(e, &u), 0);
        assert_int_equal(table_edit_commit(e), 0);
        table_edit_free(e);
}

static int world_up(void **state)
{
        const char *build = getenv("VALETKEY_BUILD");
        char text[256], args[64];
        int64_t now = time(NULL);

        (void)state;
        world.me = geteuid();
        snprintf(world.module, sizeof world.module, "%s/pam_valetkey.so", build ? build : "build");
        if (world.module[0] != '/') {
                char *full = realpath(world.module, NULL);

                if (!full)
                        return -1;
                snprintf(world.module, sizeof world.module, "%s", full);
                free(full);
        }
        snprintf(world.dir, sizeof world.dir, "/tmp/test_pam.XXXXXX");
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        // Open to everybody, as /run and /etc are: the test becomes other users.
        if (shared == MAP_FAILED || !mkdtemp(world.dir) || chmod(world.dir, 01777) < 0)
                return -1;
        snprintf(text, sizeof text,
                "root:x:0:0::/root:/bin/sh\nlocal:x:1000:1000::/:/bin/sh\nbound:x:%u:%u::/:/bin/sh\n",
                (unsigned)(world.me ? world.me : 1002), (unsigned)getegid() ? (unsigned)getegid() : 1002u);
        write_text(in_world("passwd"), text);
        add_user("root-users", TABLE_LOCAL, "bound", TABLE_UID_NONE, 0, 0, 0);
        add_user("users", TABLE_FEDERATED, "alice", TABLE_UID_MIN + 1, now - 3600, 0, 0);
        add_user("users", TABLE_FEDERATED, "old", TABLE_UID_MIN + 2, now - 3 * 3600, 0, 0);
        add_user("users", TABLE_FEDERATED, "never", TABLE_UID_MIN + 3, 0, 0, 0);
        add_user("users", TABLE_FEDERATED, "future", TABLE_UID_MIN + 4, now + 86400, 0, 0);
        add_user("users", TABLE_FEDERATED, "locked", TABLE_UID_MIN + 5, now, TABLE_USER_LOCKED, 0);
        add_user("users", TABLE_FEDERATED, "ended", TABLE_UID_MIN + 6, now - 3600, 0, now - 60);
        snprintf(args, sizeof args, "timeout=1 server_uid=%u", (unsigned)world.me);
        write_service("svc", args);
        write_service("other-server", "timeout=1 server_uid=65533");
        snprintf(args, sizeof args, "timeout=1 max_offline_age=2h server_uid=%u", (unsigned)world.me);
        write_service("aged", args);
        snprintf(args, sizeof args, "timeout=1 home_owner=any server_uid=%u", (unsigned)world.me);
        write_service("anyhome", args);
        return 0;
}

static int world_down(void **state)
{
        static const char *const names[] = {"passwd", "root-users", "root-users.lock", "users", "users.lock",
                "svc", "other-server", "aged", "anyhome", "bad", "login.sock"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unlink(in_world(names[i]));
        munmap(shared, sizeof *shared);
        return rmdir(world.dir);
}
