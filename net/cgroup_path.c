// SPDX-License-Identifier: Apache-2.0
//
// A cgroup's id is the inode number of its directory. The direct way from one to the other (open_by_handle_at) is root's, so
// the tree is walked: first the part that belongs to the user, then all of it. Ids are never used twice, so what was found is
// remembered for good; that a cgroup has ended is seen by looking again.
#include "cgroup_path.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CACHE_SIZE 64u
#define DEPTH_MAX  32u

static struct {
        uint64_t id;
        char *path;
} cache[CACHE_SIZE];
static unsigned cache_next;

static int open_root(void)
{
        static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                cleanup_fd int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                struct statfs fs;

                if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return TAKE_FD(fd);
        }
        return -EOPNOTSUPP;
}

static bool has_id(int root, const char *path, uint64_t id)
{
        struct stat st;

        return fstatat(root, path[1] ? path + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == id;
}

// dst holds the path of the folder to look into ("" for the root), and of what was found after that.
static int walk(int root, char dst[CGROUP_PATH_MAX], uint64_t id, unsigned depth)
{
        size_t n = strlen(dst);
        int fd = openat(root, n ? dst + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
            r = -ENOENT;
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        const struct dirent *e;

        if (!dir) {
                if (fd >= 0)
                        close(fd);
                return -ENOENT; // it has ended meanwhile
        }
        while (r == -ENOENT && depth < DEPTH_MAX && (e = readdir(dir))) {
                size_t len = strlen(e->d_name);

                if (e->d_type != DT_DIR || e->d_name[0] == '.' || n + 1 + len >= CGROUP_PATH_MAX)
                        continue;
                snprintf(dst + n, CGROUP_PATH_MAX - n, "/%s", e->d_name);
                r = e->d_ino == id ? 0 : walk(root, dst, id, depth + 1);
        }
        closedir(dir);
        if (r < 0)
                dst[n] = 0;
        return r;
}

static const char *recall(int root, uint64_t id)
{
        for (size_t i = 0; i < CACHE_SIZE; i++)
                if (cache[i].path && cache[i].id == id)
                        return has_id(root, cache[i].path, id) ? cache[i].path : NULL;
        return NULL;
}

static void remember(uint64_t id, const char *path)
{
        char *copy = strdup(path);

        if (!copy)
                return; // walked again next time
        free(cache[cache_next].path);
        cache[cache_next].id = id;
        cache[cache_next].path = copy;
        cache_next = (cache_next + 1) % CACHE_SIZE;
}

int cgroup_path(char dst[CGROUP_PATH_MAX], uint64_t id, uid_t uid)
{
        cleanup_fd int root = open_root();
        const char *known;
        struct stat st;
        int r;

        if (root < 0)
                return root;
        if (fstat(root, &st) < 0)
                return -errno;
        if (st.st_ino == id) {
                memcpy(dst, "/", 2);
                return 0;
        }
        known = recall(root, id);
        if (known) {
                memcpy(dst, known, strlen(known) + 1);
                return 0;
        }
        snprintf(dst, CGROUP_PATH_MAX, "/user.slice/user-%u.slice", (unsigned)uid);
        r = walk(root, dst, id, 0);
        if (r == -ENOENT) {
                dst[0] = 0;
                r = walk(root, dst, id, 0);
        }
        if (r == 0)
                remember(id, dst);
        return r;
}
