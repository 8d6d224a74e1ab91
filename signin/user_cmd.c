// SPDX-License-Identifier: Apache-2.0
//
// The admin's verbs on the two user tables. A federated user exists only at the provider: his ids derive from (issuer,
// subject), or are pinned inside the range. A local user exists in /etc/passwd and is bound to a subject in root's own
// table, which the daemon cannot write. Which table a verb works on follows from where the name is; --local says it where
// a user is added.
#include "user_cmd.h"

#include "err.h"
#include "removed.h"
#include "user_verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOCK_WAIT_MS 5000

const char user_usage[] =
        "valetkeyd user add NAME [--local] --issuer URL --subject SUB [--uid N] [--display TEXT]\n"
        "                        [--home DIR] [--shell FILE] [--expires 2027-01-31T00:00:00Z]\n"
        "valetkeyd user add NAME --issuer URL --uid N …   not bound yet: the first sign-in whose claim names "
        "NAME "
        "binds it\n"
        "valetkeyd user set NAME [--local] [--subject SUB] [--display TEXT] [--home DIR] [--shell FILE]\n"
        "                        [--expires TIME|never]\n"
        "valetkeyd user remove NAME [--local]\n"
        "valetkeyd user lock|unlock NAME [--local]\n"
        "valetkeyd user show NAME [--json]\n"
        "valetkeyd user list [--json]\n"
        "valetkeyd user init\n"
        "valetkeyd user check FILE   would these users collide? Lines of NAME, ISSUER, SUBJECT[, UID] with "
        "tabs\n";

int user_fail(enum outcome o, const char *what)
{
        fprintf(stderr, "valetkeyd: %s\n", what);
        return outcome_info(o)->exit_code;
}

int user_fail_table(int r, const char *path)
{
        fprintf(stderr, "valetkeyd: %s: %s\n", path, table_result_text(r));
        return outcome_info(r == TABLE_E_NOT_FOUND                           ? OUTCOME_NOT_OURS
                            : r == TABLE_E_INVALID || r == TABLE_E_DUPLICATE ? OUTCOME_INVALID_REQUEST
                            : r == TABLE_E_BUSY                              ? OUTCOME_BUSY
                                                                             : OUTCOME_INTERNAL)
                ->exit_code;
}

// The daemon's table may belong to root (who ran us) or to the owner of its folder (the daemon).
static int tables_init(struct user_tables *t, const char *state_dir, const char *root_users)
{
        struct stat st;

        if (snprintf(t->federated, sizeof t->federated, "%s/users", state_dir) >= (int)sizeof t->federated)
                return -ENAMETOOLONG;
        if (snprintf(t->removed, sizeof t->removed, "%s/" REMOVED_FILE, state_dir) >= (int)sizeof t->removed)
                return -ENAMETOOLONG;
        if (stat(state_dir, &st) < 0)
                return -errno;
        t->local = root_users;
        t->owners[0] = 0;
        t->owners[1] = geteuid();
        t->owners[2] = st.st_uid;
        t->n_owners = 3;
        return 0;
}

int user_begin(struct table_edit **ret, const struct user_tables *t, bool local)
{
        return table_edit_begin(ret, local ? t->local : t->federated, local ? TABLE_LOCAL : TABLE_FEDERATED,
                t->owners, local ? 2 : t->n_owners, LOCK_WAIT_MS);
}

int user_open(struct table *ret, const struct user_tables *t, bool local)
{
        return table_open(ret, local ? t->local : t->federated, local ? TABLE_LOCAL : TABLE_FEDERATED,
                t->owners, local ? 2 : t->n_owners);
}

int user_parse_uid(const char *s, size_t n, uint32_t *ret)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9' || v > UINT32_MAX)
                        return -EINVAL;
                v = v * 10 + (uint64_t)(s[i] - '0');
        }
        if (n == 0 || v < TABLE_UID_MIN || v > TABLE_UID_MAX)
                return -EINVAL;
        *ret = (uint32_t)v;
        return 0;
}

// ---- verbs of one step

enum change {
        CHANGE_REMOVE,
        CHANGE_LOCK,
        CHANGE_UNLOCK,
};

static int change(const struct user_tables *t, const struct user_args *a, enum change change)
{
        struct table_edit *e = NULL;
        struct table_user u;
        int r = user_begin(&e, t, a->local);

        if (r == 0)
                r = table_edit_get(e, a->name, &u);
        if (r == 0) {
                u.flags = change == CHANGE_LOCK ? u.flags | TABLE_USER_LOCKED
                                                : u.flags & ~(uint32_t)TABLE_USER_LOCKED;
                r = change == CHANGE_REMOVE ? table_edit_remove(e, a->name) : table_edit_replace(e, &u);
        }
        if (r == 0 && change == CHANGE_REMOVE && !a->local) {
                int n = removed_note(t->removed, &u);

                if (n < 0) {
                        table_edit_free(e);
                        return user_fail_table(n, t->removed);
                }
        }
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        if (r == TABLE_E_NOT_FOUND && !a->local)
                fprintf(stderr, "valetkeyd: (for a user of " USER_PASSWD " add --local)\n");
        return r == 0 ? 0 : user_fail_table(r, a->local ? t->local : t->federated);
}

static int user_remove(const struct user_tables *t, const struct user_args *a)
{
        return change(t, a, CHANGE_REMOVE);
}

static int user_lock(const struct user_tables *t, const struct user_args *a)
{
        return change(t, a, CHANGE_LOCK);
}

static int user_unlock(const struct user_tables *t, const struct user_args *a)
{
        return change(t, a, CHANGE_UNLOCK);
}

// Without a table nobody can tell who is ours, and everybody who is not local is refused: packages make an empty one before
// they name the module to the login stack.
static int user_init(const struct user_tables *t, const struct user_args *a _unused_)
{
        struct table_edit *e = NULL;
        struct table is = TABLE_INIT;
        int r = table_open(&is, t->federated, TABLE_FEDERATED, t->owners, t->n_owners);

        table_close(&is);
        if (r == TABLE_E_MISSING) {
                r = user_begin(&e, t, false);
                if (r == 0)
                        r = table_edit_commit(e);
                table_edit_free(e);
        }
        return r == 0 ? 0 : user_fail_table(r, t->federated);
}

// ---- the table of verbs

enum {
        TAKES_BINDING = 1 << 0, // --issuer, --uid
        TAKES_VALUES = 1 << 1,  // --subject, --display, --home, --shell, --expires
        TAKES_JSON = 1 << 2,
        TAKES_LOCAL = 1 << 3,
        TAKES_NO_NAME = 1 << 4,
};

static const struct verb {
        const char *name;
        unsigned takes;
        int (*run)(const struct user_tables *t, const struct user_args *a);
} verbs[] = {
        {"add", TAKES_BINDING | TAKES_VALUES | TAKES_LOCAL, user_add},
        {"set", TAKES_VALUES | TAKES_LOCAL, user_set},
        {"remove", TAKES_LOCAL, user_remove},
        {"lock", TAKES_LOCAL, user_lock},
        {"unlock", TAKES_LOCAL, user_unlock},
        {"show", TAKES_JSON, user_show},
        {"list", TAKES_JSON | TAKES_NO_NAME, user_list},
        {"check", 0, user_check},
        {"init", TAKES_NO_NAME, user_init},
};

static const struct verb *find_verb(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

static bool verb_takes(const struct verb *v, const struct user_args *a)
{
        return ((v->takes & TAKES_BINDING) || (!a->issuer && !a->uid)) &&
               ((v->takes & TAKES_VALUES) ||
                       (!a->subject && !a->display && !a->home && !a->shell && !a->expires)) &&
               ((v->takes & TAKES_JSON) || !a->json) && ((v->takes & TAKES_LOCAL) || !a->local) &&
               !(v->takes & TAKES_NO_NAME) == !!a->name;
}

static const struct option options[] = {
        {"local", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"issuer", required_argument, NULL, 'i'},
        {"subject", required_argument, NULL, 's'},
        {"uid", required_argument, NULL, 'u'},
        {"display", required_argument, NULL, 'd'},
        {"home", required_argument, NULL, 'h'},
        {"shell", required_argument, NULL, 'x'},
        {"expires", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
};

static const char **text_of(struct user_args *a, int option)
{
        switch (option) {
        case 'i':
                return &a->issuer;
        case 's':
                return &a->subject;
        case 'u':
                return &a->uid;
        case 'd':
                return &a->display;
        case 'h':
                return &a->home;
        case 'x':
                return &a->shell;
        case 'e':
                return &a->expires;
        default:
                return NULL;
        }
}

static int parse(struct user_args *a, int argc, char **argv)
{
        int c;

        optind = 0; // glibc: anew, for main() has parsed with other rules before
        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
                const char **text = text_of(a, c);

                if (c == 'l')
                        a->local = true;
                else if (c == 'j')
                        a->json = true;
                else if (text)
                        *text = optarg;
                else
                        return -EINVAL;
        }
        if (optind < argc)
                a->name = argv[optind++];
        return optind == argc ? 0 : -EINVAL;
}

static int usage(void)
{
        fprintf(stderr, "valetkeyd: wrong use of 'user'. It is:\n%s", user_usage);
        return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
}

int cmd_user(int argc, char **argv, const char *state_dir, const char *root_users)
{
        const struct verb *v = argc > 1 ? find_verb(argv[1]) : NULL;
        struct user_args a = {0};
        struct user_tables t;
        int r;

        if (!v || parse(&a, argc - 1, argv + 1) < 0 || !verb_takes(v, &a))
                return usage();
        r = tables_init(&t, state_dir, root_users);
        if (r < 0) {
                fprintf(stderr, "valetkeyd: %s: %s\n", state_dir, strerror(-r));
                return outcome_info(OUTCOME_INTERNAL)->exit_code;
        }
        return v->run(&t, &a);
}
