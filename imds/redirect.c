// SPDX-License-Identifier: Apache-2.0
#include "redirect.h"

#include "bpf.h"
#include "program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#define HOOKS 2u
static const enum bpf_attach_type hooks[HOOKS] = {BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT};

struct redirect {
        int map;
        int program[HOOKS], link[HOOKS];
};

static int netns_cookie(uint64_t *ret)
{
        cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof *ret;

        return fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &n) < 0 ? -errno : 0;
}

static int load(struct redirect *r, uint32_t users, uint32_t pass_below, struct err *err)
{
        struct program_options o = {.pass_below = pass_below};
        struct bpf_insn insns[PROGRAM_MAX];
        int k = netns_cookie(&o.netns_cookie);

        if (k < 0) {
                err_set(err, "this kernel does not tell network namespaces apart: %s", strerror(-k));
                return k;
        }
        r->map = k = bpf_map_new(users);
        for (size_t i = 0; k >= 0 && i < HOOKS; i++) {
                o.map_fd = (uint32_t)r->map;
                o.six = hooks[i] == BPF_CGROUP_INET6_CONNECT;
                r->program[i] = k = bpf_program_new(hooks[i], insns, program_write(insns, &o), err);
        }
        if (k < 0)
                err_set(err, "bpf(2): %s (it takes CAP_BPF and CAP_NET_ADMIN)", strerror(-k));
        return k < 0 ? k : 0;
}

int redirect_new(struct redirect **ret, uint32_t users, uint32_t pass_below, struct err *err)
{
        struct redirect *r = malloc(sizeof *r);
        int k;

        if (!r)
                return -ENOMEM;
        *r = (struct redirect){.map = -1, .program = {-1, -1}, .link = {-1, -1}};
        k = load(r, users, pass_below, err);
        if (k < 0) {
                redirect_free(r);
                return k;
        }
        *ret = r;
        return 0;
}

struct redirect *redirect_free(struct redirect *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < HOOKS; i++) {
                if (r->link[i] >= 0)
                        close(r->link[i]);
                if (r->program[i] >= 0)
                        close(r->program[i]);
        }
        if (r->map >= 0)
                close(r->map);
        free(r);
        return NULL;
}

// Where version 1 is there, too (hybrid), version 2 has a place of its own.
static int open_cgroup(const char *path, struct err *err)
{
        static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

        for (size_t i = 0; i < (path ? 1 : ARRAY_SIZE(roots)); i++) {
                cleanup_fd int fd = open(path ? path : roots[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                struct statfs fs;

                if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return TAKE_FD(fd);
        }
        err_set(err, "there are no control groups of version 2 at %s", path ? path : roots[0]);
        return -ENOENT;
}

int redirect_attach(struct redirect *r, const char *cgroup, struct err *err)
{
        cleanup_fd int fd = open_cgroup(cgroup, err);

        if (fd < 0)
                return fd;
        for (size_t i = 0; i < HOOKS; i++) {
                r->link[i] = bpf_link_new(r->program[i], fd, hooks[i]);
                if (r->link[i] < 0) {
                        err_set(err, "the program cannot be attached: %s", strerror(-r->link[i]));
                        return r->link[i];
                }
        }
        return 0;
}

int redirect_set(struct redirect *r, uid_t uid, uint16_t port)
{
        return bpf_map_set(r->map, uid, htons(port));
}

int redirect_unset(struct redirect *r, uid_t uid)
{
        return bpf_map_unset(r->map, uid);
}
