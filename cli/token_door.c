// SPDX-License-Identifier: Apache-2.0
//
// What can be known. A compiled program that names AWS_CONTAINER_AUTHORIZATION_TOKEN and not …_TOKEN_FILE has an SDK that
// knows the first only. Of a script, a shell, or anything that starts others, it can be known which SDKs the
// machine has for interpreters: botocore's and Ruby's sources either name the file's variable or do not. The names are
// looked for, not version numbers: distributions carry patches back.
#include "token_door.h"

#include "util.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define VARIABLE    "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define PROGRAM_MAX ((size_t)1 << 30)

// Where the variable stands in the SDKs of interpreters.
static const char *const machine_sources[] = {
        "/usr/lib/python3/dist-packages/botocore/credentials.py",
        "/usr/local/lib/python3*/dist-packages/botocore/credentials.py",
        "/usr/local/lib/python3*/site-packages/botocore/credentials.py",
        "/usr/share/rubygems-integration/all/gems/aws-sdk-core-*/lib/aws-sdk-core/ecs_credentials.rb",
        "/var/lib/gems/*/gems/aws-sdk-core-*/lib/aws-sdk-core/ecs_credentials.rb",
        NULL,
};
// Below the home folder, and below a virtual environment.
static const char home_source[] = ".local/lib/python3*/site-packages/botocore/credentials.py";
static const char venv_source[] = "lib/python3*/site-packages/botocore/credentials.py";

enum knows {
        KNOWS_NOTHING,
        KNOWS_TOKEN,
        KNOWS_FILE
};

static enum knows look_in(const char *p, size_t n)
{
        static const char file[] = VARIABLE "_FILE";
        const char *found = memmem(p, n, VARIABLE, sizeof VARIABLE - 1);

        if (!found)
                return KNOWS_NOTHING;
        return memmem(found, n - (size_t)(found - p), file, sizeof file - 1) ? KNOWS_FILE : KNOWS_TOKEN;
}

// What a file names; *ret_is_script (may be NULL): it begins with "#!". A file that cannot be looked at knows nothing.
static enum knows look_at(const char *path, bool *ret_is_script)
{
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        enum knows k = KNOWS_NOTHING;
        struct stat st;
        char *p;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 2 ||
                (size_t)st.st_size > PROGRAM_MAX)
                return KNOWS_NOTHING;
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                return KNOWS_NOTHING;
        if (ret_is_script)
                *ret_is_script = p[0] == '#' && p[1] == '!';
        k = look_in(p, (size_t)st.st_size);
        munmap(p, (size_t)st.st_size);
        return k;
}

static bool any_lacks(const char *pattern)
{
        glob_t g = {0};
        bool lacks = false;

        if (glob(pattern, 0, NULL, &g) == 0)
                for (size_t i = 0; i < g.gl_pathc && !lacks; i++)
                        lacks = look_at(g.gl_pathv[i], NULL) != KNOWS_FILE;
        globfree(&g);
        return lacks;
}

static bool any_lacks_in(const char *folder, const char *source)
{
        char pattern[PATH_MAX];
        int n;

        if (!folder || folder[0] != '/')
                return false;
        // glob(3) would take these in the folder's name for a pattern of its own
        if (strpbrk(folder, "*?[\\"))
                return true;
        n = snprintf(pattern, sizeof pattern, "%s/%s", folder, source);
        return n < 0 || (size_t)n >= sizeof pattern || any_lacks(pattern);
}

static bool machine_lacks(void)
{
        for (const char *const *s = machine_sources; *s; s++)
                if (any_lacks(*s))
                        return true;
        return any_lacks_in(getenv("HOME"), home_source) || any_lacks_in(getenv("VIRTUAL_ENV"), venv_source);
}

// As execvp(3) finds it.
static bool find_program(char path[PATH_MAX], const char *program)
{
        const char *list = getenv("PATH");

        if (strchr(program, '/'))
                return snprintf(path, PATH_MAX, "%s", program) < PATH_MAX;
        for (const char *p = list ? list : "/bin:/usr/bin";; p++) {
                size_t n = strcspn(p, ":");
                int len = snprintf(path, PATH_MAX, "%.*s/%s", n ? (int)n : 1, n ? p : ".", program);

                if (len > 0 && len < PATH_MAX && access(path, X_OK) == 0)
                        return true;
                p += n;
                if (!*p)
                        return false;
        }
}

bool token_door_needs_environment(const char *program)
{
        char path[PATH_MAX];
        bool is_script = false;
        enum knows k = KNOWS_NOTHING;

        if (program && find_program(path, program))
                k = look_at(path, &is_script);
        // A script that names the variable is no proof of what its libraries know.
        if (k != KNOWS_NOTHING && !is_script)
                return k == KNOWS_TOKEN;
        return machine_lacks();
}
