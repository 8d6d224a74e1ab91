// SPDX-License-Identifier: Apache-2.0
#include "bpf.h"

#include <stdio.h>
#include <sys/syscall.h>

#define LOG_MAX (64u << 10)

static int call(enum bpf_cmd cmd, union bpf_attr *attr)
{
        long r = syscall(SYS_bpf, cmd, attr, sizeof *attr);

        return r < 0 ? -errno : (int)r;
}

static uint64_t address(const void *p)
{
        return (uint64_t)(uintptr_t)p;
}

int bpf_map_new(uint32_t max_entries)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.map_type = BPF_MAP_TYPE_HASH;
        attr.key_size = attr.value_size = sizeof(uint32_t);
        attr.max_entries = max_entries;
        attr.map_flags = BPF_F_RDONLY_PROG;
        return call(BPF_MAP_CREATE, &attr);
}

int bpf_map_set(int map_fd, uint32_t key, uint32_t value)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.map_fd = (uint32_t)map_fd;
        attr.key = address(&key);
        attr.value = address(&value);
        return call(BPF_MAP_UPDATE_ELEM, &attr);
}

int bpf_map_unset(int map_fd, uint32_t key)
{
        union bpf_attr attr;
        int r;

        memset(&attr, 0, sizeof attr);
        attr.map_fd = (uint32_t)map_fd;
        attr.key = address(&key);
        r = call(BPF_MAP_DELETE_ELEM, &attr);
        return r == -ENOENT ? 0 : r;
}

static int load(enum bpf_attach_type type, const struct bpf_insn *insns, size_t n, char *log)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
        attr.expected_attach_type = type;
        attr.insns = address(insns);
        attr.insn_cnt = (uint32_t)n;
        attr.license = address("Apache-2.0");
        snprintf(attr.prog_name, sizeof attr.prog_name, "valetkey_imds");
        if (log) {
                attr.log_buf = address(log);
                attr.log_size = LOG_MAX;
                attr.log_level = 1;
        }
        return call(BPF_PROG_LOAD, &attr);
}

// The last line that the verifier wrote which is not its statistics.
static void tell(struct err *err, char *log)
{
        char *end = strstr(log, "\nprocessed "), *line;

        if (end)
                *end = 0;
        line = strrchr(log, '\n');
        err_set(err, "the kernel does not take the program: %s", line && line[1] ? line + 1 : log);
}

int bpf_program_new(enum bpf_attach_type type, const struct bpf_insn *insns, size_t n, struct err *err)
{
        cleanup_free char *log = NULL;
        int r = load(type, insns, n, NULL);

        if (r != -EINVAL && r != -EACCES)
                return r;
        // Once more, to hear why.
        log = calloc(1, LOG_MAX);
        if (!log)
                return -ENOMEM;
        r = load(type, insns, n, log);
        if (r < 0 && log[0])
                tell(err, log);
        return r;
}

int bpf_link_new(int program_fd, int cgroup_fd, enum bpf_attach_type type)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.link_create.prog_fd = (uint32_t)program_fd;
        attr.link_create.target_fd = (uint32_t)cgroup_fd;
        attr.link_create.attach_type = type;
        return call(BPF_LINK_CREATE, &attr);
}
