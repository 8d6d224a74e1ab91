// SPDX-License-Identifier: Apache-2.0
//
// Two people can meet on one derived uid, and a name can be taken: a fleet wants to know before it adds anybody. All lines
// are held against each other and against this machine's users and groups; whatever could not be added is told, one line
// each, on stdout.
#include "user_verbs.h"

#include "fdio.h"
#include "local_names.h"
#include "removed.h"
#include "user_clash.h"
#include "user_file.h"

#include <fcntl.h>
#include <stdio.h>

struct check {
        const char *file;
        struct user_file people;
        unsigned found;
};

static void tell(struct check *c, unsigned line, const char *why)
{
        printf("%s:%u: %s\n", c->file, line, why);
        c->found++;
}

static void on_wrong(unsigned line, const char *why, void *arg)
{
        tell(arg, line, why);
}

// ---- against each other

static int by_name(const void *a, const void *b)
{
        return strcmp(
                (*(const struct user_line *const *)a)->name, (*(const struct user_line *const *)b)->name);
}

static int by_uid(const void *a, const void *b)
{
        uint32_t x = (*(const struct user_line *const *)a)->uid,
                 y = (*(const struct user_line *const *)b)->uid;

        return (x > y) - (x < y);
}

static int by_person(const void *a, const void *b)
{
        const struct user_line *x = *(const struct user_line *const *)a,
                               *y = *(const struct user_line *const *)b;
        int c = strcmp(x->subject, y->subject);

        return c ? c : strcmp(x->issuer, y->issuer);
}

static int by_line(const void *a, const void *b)
{
        unsigned x = (*(const struct user_line *const *)a)->line,
                 y = (*(const struct user_line *const *)b)->line;

        return (x > y) - (x < y);
}

static const struct {
        int (*order)(const void *a, const void *b);
        const char *what;
} sames[] = {
        {by_name, "the name"},
        {by_person, "the person (issuer and subject)"},
        {by_uid, "the uid"},
};

// Of those that are the same the later line is told of, with the earlier one's number.
static void check_each_other(struct check *c, const struct user_line **p)
{
        for (size_t k = 0; k < ARRAY_SIZE(sames); k++) {
                qsort(p, c->people.n, sizeof(struct user_line *), sames[k].order);
                for (size_t i = 0, n; i < c->people.n; i += n) {
                        for (n = 1; i + n < c->people.n && sames[k].order(&p[i], &p[i + n]) == 0; n++)
                                ;
                        qsort(&p[i], n, sizeof(struct user_line *), by_line);
                        for (size_t j = 1; j < n; j++) {
                                char text[ERR_MAX];

                                // Nobody is bound by no subject.
                                if (sames[k].order == by_person && !p[i]->subject[0])
                                        continue;
                                snprintf(text, sizeof text, "%s has %s of %s on line %u%s", p[i + j]->name,
                                        sames[k].what, p[i]->name, p[i]->line,
                                        sames[k].order == by_uid
                                                ? ": pin another one for either, the same on every host"
                                                : "");
                                tell(c, p[i + j]->line, text);
                        }
                }
        }
}

// ---- against this machine

static bool is_there(const struct table_user *u, const struct table_user *x)
{
        return strcmp(u->name, x->name) == 0 && u->uid == x->uid && strcmp(u->issuer, x->issuer) == 0 &&
               (strcmp(u->subject, x->subject) == 0 || !x->subject[0]);
}

static const struct user_line **lower_bound(const struct user_line **p, size_t n,
        const struct user_line *want, int (*order)(const void *a, const void *b))
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (order(&p[middle], &want) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return p + low;
}

// Whom of the file somebody of the table meets, by each of the three.
static void check_entry(
        struct check *c, const struct user_line **sorted[ARRAY_SIZE(sames)], const struct table_user *x)
{
        const struct user_line want = {.name = x->name,
                                       .issuer = x->issuer,
                                       .subject = x->subject,
                                       .uid = x->uid},
                               *w = &want;

        for (size_t k = 0; k < ARRAY_SIZE(sames); k++) {
                const struct user_line **p = lower_bound(sorted[k], c->people.n, w, sames[k].order);

                for (; p < sorted[k] + c->people.n && sames[k].order(p, &w) == 0; p++) {
                        struct err err = ERR_INIT;
                        struct table_user u;
                        const char *why;

                        if (!user_line_entry(*p, &u, &why) || is_there(&u, x) || !user_clash(&u, x, &err))
                                continue;
                        // Whoever meets in several ways is told of once.
                        if ((k > 0 && strcmp(u.name, x->name) == 0) ||
                                (k > 1 && x->subject[0] && strcmp(u.subject, x->subject) == 0 &&
                                        strcmp(u.issuer, x->issuer) == 0))
                                continue;
                        err_prefix(&err, "on this machine ");
                        tell(c, (*p)->line, err.text);
                }
        }
}

static int check_table(struct check *c, const struct user_tables *t)
{
        const struct user_line **sorted[ARRAY_SIZE(sames)] = {NULL};
        struct table table = TABLE_INIT;
        struct table_user x;
        uint64_t cursor = 0;
        int r = user_open(&table, t, false);

        if (r == TABLE_E_MISSING)
                return 0;
        for (size_t k = 0; r == 0 && k < ARRAY_SIZE(sames); k++) {
                sorted[k] = calloc(c->people.n + 1, sizeof(struct user_line *));
                if (!sorted[k])
                        r = -ENOMEM;
                for (size_t i = 0; r == 0 && i < c->people.n; i++)
                        sorted[k][i] = &c->people.lines[i];
                if (r == 0)
                        qsort(sorted[k], c->people.n, sizeof(struct user_line *), sames[k].order);
        }
        while (r == 0 && (r = table_next(&table, &cursor, &x)) == 0)
                check_entry(c, sorted, &x);
        for (size_t k = 0; k < ARRAY_SIZE(sames); k++)
                free(sorted[k]);
        table_close(&table);
        return r == TABLE_E_NOT_FOUND ? 0 : user_fail_table(r, t->federated);
}

static int check_local_names(struct check *c)
{
        _cleanup_(local_names_freep) struct local_names *l = NULL;
        int r = local_names_load(&l, USER_PASSWD, USER_GROUP);

        if (r < 0)
                return user_fail(OUTCOME_INTERNAL, USER_PASSWD " or " USER_GROUP " cannot be read");
        for (size_t i = 0; i < c->people.n; i++) {
                const struct user_line *p = &c->people.lines[i];
                struct err err = ERR_INIT;

                if (!local_names_leave(l, p->name, p->uid, &err))
                        tell(c, p->line, err.text);
        }
        return 0;
}

static int check_removed(struct check *c, const struct user_tables *t)
{
        _cleanup_(removed_freep) struct removed *x = NULL;
        int r = removed_load(&x, t->removed);

        if (r < 0)
                return user_fail_table(r, t->removed);
        for (size_t i = 0; i < c->people.n; i++) {
                struct err err = ERR_INIT;
                struct table_user u;
                const char *why;

                if (!user_line_entry(&c->people.lines[i], &u, &why) || !removed_clash(x, &u, &err))
                        continue;
                err_prefix(&err, "on this machine ");
                tell(c, c->people.lines[i].line, err.text);
        }
        return 0;
}

// ---- the verb

static int read_all(const char *path, struct buf *ret)
{
        cleanup_fd int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                                   : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        return fdio_read(ret, fd);
}

static int check_all(struct check *c, const struct user_tables *t)
{
        const struct user_line **p = calloc(c->people.n + 1, sizeof(struct user_line *));
        int r;

        if (!p)
                return user_fail(OUTCOME_INTERNAL, "out of memory");
        for (size_t i = 0; i < c->people.n; i++)
                p[i] = &c->people.lines[i];
        check_each_other(c, p);
        free(p);
        r = check_local_names(c);
        if (r == 0)
                r = check_removed(c, t);
        return r == 0 ? check_table(c, t) : r;
}

int user_check(const struct user_tables *t, const struct user_args *a)
{
        struct check c = {.file = strcmp(a->name, "-") == 0 ? "stdin" : a->name};
        cleanup_buf struct buf text = BUF_INIT(USER_FILE_MAX);
        size_t n;
        int r = read_all(a->name, &text);

        if (r == 0)
                r = user_file_parse(&c.people, text.p, text.n, on_wrong, &c);
        if (r < 0)
                fprintf(stderr, "valetkeyd: %s: %s\n", c.file, strerror(-r));
        n = c.people.n;
        r = r < 0 ? outcome_info(OUTCOME_INTERNAL)->exit_code : check_all(&c, t);
        user_file_deinit(&c.people);
        if (r != 0)
                return r;
        if (fflush(stdout) == EOF)
                return user_fail(OUTCOME_INTERNAL, "cannot write to stdout");
        fprintf(stderr, "valetkeyd: %s: %zu people, %u found in the way\n", c.file, n, c.found);
        return c.found ? outcome_info(OUTCOME_INVALID_REQUEST)->exit_code : 0;
}
