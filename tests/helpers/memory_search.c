// SPDX-License-Identifier: Apache-2.0
//
// memory_search PID: looks for pieces of secrets in everything a process has in memory, its memory files included.
// Standard input is one line each:
// "NAME LEAST HEX", to be reported where LEAST bytes or more of it stand in a row; "- 0 HEX" is known to be there and
// does not count. Standard output: "NAME RUN AT-OFFSET MAPPING"; exit status 1 where there was anything, 2 for trouble.
//
// Every 16 bytes in a row of every secret are in one table, and every byte of memory is looked up in it: a token of
// which somebody left a few bytes in the middle of a freed block is found, too.
#include "util.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define WINDOW     16u
#define TABLE_BITS 22u
#define MAX_       16384u // patterns

struct pattern {
        char name[64];
        unsigned long least;
        uint8_t *p;
        size_t n;
        bool known;
};

static struct pattern patterns[MAX_];
static unsigned n_patterns;
// pattern << 32 | offset, plus one; 0: free
static uint64_t *table;
static uint8_t seen[1u << 13]; // which hashes there are at all

static uint64_t hash_of(const uint8_t *p)
{
        uint64_t a, b;

        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        a = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
        return a ^ a >> 32;
}

static bool may_be(uint64_t h)
{
        return seen[h >> 3 & (sizeof seen - 1)] >> (h & 7) & 1;
}

// The entry of a window, or the free one it would have.
static uint64_t *find(const uint8_t *p, uint64_t h)
{
        for (size_t i = h & ((1u << TABLE_BITS) - 1);; i = (i + 1) & ((1u << TABLE_BITS) - 1)) {
                uint64_t e = table[i];
                const struct pattern *q = &patterns[(e - 1) >> 32 & (MAX_ - 1)];

                if (!e || memcmp(q->p + (uint32_t)(e - 1), p, WINDOW) == 0)
                        return &table[i];
        }
}

static void add(unsigned i)
{
        const struct pattern *q = &patterns[i];

        for (size_t at = 0; at + WINDOW <= q->n; at++) {
                uint64_t h = hash_of(q->p + at), *e = find(q->p + at, h);

                if (!*e || q->known)
                        *e = ((uint64_t)i << 32 | at) + 1;
                seen[h >> 3 & (sizeof seen - 1)] |= (uint8_t)(1u << (h & 7));
        }
}

static int read_patterns(void)
{
        char *line = NULL;
        size_t room = 0;

        while (getline(&line, &room, stdin) > 0) {
                struct pattern *q = &patterns[n_patterns];
                int from = 0;
                const char *hex;

                if (n_patterns == MAX_ || sscanf(line, "%63s %lu %n", q->name, &q->least, &from) != 2 ||
                        !from)
                        return -1;
                hex = line + from;
                q->known = strcmp(q->name, "-") == 0;
                q->p = calloc(1, strlen(hex) / 2 + 1);
                if (!q->p)
                        return -1;
                for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2)
                        q->p[q->n++] = (uint8_t)v;
                n_patterns++;
        }
        free(line);
        // What is known comes last and takes the place of what was added before.
        for (int known = 0; known < 2; known++)
                for (unsigned i = 0; i < n_patterns; i++)
                        if (patterns[i].known == (known == 1))
                                add(i);
        return 0;
}

static unsigned report(const uint8_t *p, size_t n, const char *mapping)
{
        unsigned found = 0;

        for (size_t at = 0; at + WINDOW <= n;) {
                uint64_t h = hash_of(p + at), e = may_be(h) ? *find(p + at, h) : 0;
                const struct pattern *q = &patterns[(e - 1) >> 32 & (MAX_ - 1)];
                size_t offset = (uint32_t)(e - 1), run = 0;

                if (!e) {
                        at++;
                        continue;
                }
                while (at + run < n && offset + run < q->n && p[at + run] == q->p[offset + run])
                        run++;
                if (!q->known && run >= q->least) {
                        printf("%s %zu@%zu %s\n", q->name, run, offset, mapping);
                        found++;
                }
                // A known piece may end where a secret one begins, which begins inside of it.
                at += q->known ? 1 : run - WINDOW + 1;
        }
        return found;
}

// A memory file is memory, whether it is mapped or not.
static int search_files(const char *pid, unsigned *ret_found)
{
        char folder[64], path[512], name[256];
        struct dirent *e;
        DIR *d;

        snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
        d = opendir(folder);
        if (!d)
                return -1;
        while ((e = readdir(d))) {
                struct stat st;
                ssize_t n;
                int fd;

                snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
                n = readlink(path, name, sizeof name - 1);
                name[n > 0 ? n : 0] = 0;
                if (strncmp(name, "/memfd:", 7) != 0)
                        continue;
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || fstat(fd, &st) < 0)
                        return -1;
                // Sparse: only what is written has to be read.
                for (off_t at = lseek(fd, 0, SEEK_DATA); at >= 0 && at < st.st_size;) {
                        off_t end = lseek(fd, at, SEEK_HOLE);
                        uint8_t *p = malloc((size_t)(end - at));

                        if (!p)
                                return -1;
                        n = pread(fd, p, (size_t)(end - at), at);
                        if (n > 0)
                                *ret_found += report(p, (size_t)n, name);
                        free(p);
                        at = lseek(fd, end, SEEK_DATA);
                }
                close(fd);
        }
        closedir(d);
        return 0;
}

static int search(const char *pid, unsigned *ret_found)
{
        char path[64], line[512];
        FILE *maps;
        int mem;

        snprintf(path, sizeof path, "/proc/%s/maps", pid);
        maps = fopen(path, "re");
        snprintf(path, sizeof path, "/proc/%s/mem", pid);
        mem = open(path, O_RDONLY | O_CLOEXEC);
        if (!maps || mem < 0) {
                if (maps)
                        fclose(maps);
                return -1;
        }
        while (fgets(line, sizeof line, maps)) {
                uint64_t from, to;
                char mode[8], *name = strchr(line, '\n');
                uint8_t *p;
                ssize_t n;

                if (name)
                        *name = 0;
                // Programs and libraries as they are in their files hold nothing of ours.
                if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
                        (mode[1] != 'w' && strchr(line, '/') && !strstr(line, "memfd:")))
                        continue;
                p = malloc(to - from);
                if (!p)
                        return -1;
                n = pread(mem, p, to - from, (off_t)from);
                if (n > 0)
                        *ret_found += report(p, (size_t)n, line);
                free(p);
        }
        fclose(maps);
        close(mem);
        return 0;
}

int main(int argc, char *argv[])
{
        unsigned found = 0;

        table = calloc(1u << TABLE_BITS, sizeof *table);
        if (argc != 2 || !table || read_patterns() < 0 || search(argv[1], &found) < 0 ||
                search_files(argv[1], &found) < 0) {
                perror("memory_search");
                return 2;
        }
        return found > 0;
}
