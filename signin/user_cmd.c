// SPDX-License-Identifier: Apache-2.0
//
// The admin's verbs on the two user tables. A federated user exists only at the provider: his ids derive from (issuer,
// subject), or are pinned inside the range. A local user exists in /etc/passwd and is bound to a subject in root's own
// table, which the daemon cannot write. Which table a verb works on follows from where the name is; --local says it where
// a user is added.
#include "user_cmd.h"

#include "err.h"
#include "ids.h"
#include "local.h"
#include "name.h"
#include "outcome.h"
#include "timefmt.h"
#include "write.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOCK_WAIT_MS 5000
#define PASSWD       "/etc/passwd"

const char user_usage[] =
        "valetkeyd user add NAME [--local] --issuer URL --subject SUB [--uid N] [--display TEXT]\n"
        "                        [--home DIR] [--shell FILE] [--expires 2027-01-31T00:00:00Z]\n"
        "valetkeyd user add NAME --uid N …      not bound yet: the first sign-in whose claim names NAME "
        "binds it\n"
        "valetkeyd user remove NAME [--local]\n"
        "valetkeyd user lock|unlock NAME [--local]\n"
        "valetkeyd user list [--json]\n";

struct user_args {
        const char *name, *issuer, *subject, *display, *home, *shell, *expires, *uid;
        bool local, json;
};

struct tables {
        char federated[512];
        const char *local;
        uid_t owners[3];
        size_t n_owners;
};

static int fail(enum outcome o, const char *what)
{
        fprintf(stderr, "valetkeyd: %s\n", what);
        return outcome_info(o)->exit_code;
}

// A table's fault, with the file it is in.
static int fail_table(int r, const char *path)
{
        fprintf(stderr, "valetkeyd: %s: %s\n", path, table_result_text(r));
        return outcome_info(r == TABLE_E_NOT_FOUND                           ? OUTCOME_NOT_OURS
                            : r == TABLE_E_INVALID || r == TABLE_E_DUPLICATE ? OUTCOME_INVALID_REQUEST
                            : r == TABLE_E_BUSY                              ? OUTCOME_BUSY
                                                                             : OUTCOME_INTERNAL)
                ->exit_code;
}

// The daemon's table may belong to root (who ran us) or to the owner of its folder (the daemon).
static int tables_init(struct tables *t, const char *state_dir, const char *root_users)
{
        struct stat st;

        if (snprintf(t->federated, sizeof t->federated, "%s/users", state_dir) >= (int)sizeof t->federated)
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

static int begin(struct table_edit **ret, const struct tables *t, bool local)
{
        // Root's table is believed only when root (or, in a sandbox, the one who runs us) owns it.
        return table_edit_begin(ret, local ? t->local : t->federated, local ? TABLE_LOCAL : TABLE_FEDERATED,
                t->owners, local ? 2 : t->n_owners, LOCK_WAIT_MS);
}

static int copy(char *dst, size_t n, const char *src, const char *option)
{
        if (!src)
                return 0;
        if (strlen(src) >= n) {
                fprintf(stderr, "valetkeyd: %s is longer than %zu bytes\n", option, n - 1);
                return -EINVAL;
        }
        memcpy(dst, src, strlen(src) + 1);
        return 0;
}

static int parse_uid(const char *s, uint32_t *ret)
{
        uint64_t v = 0;

        for (const char *p = s; *p; p++) {
                if (*p < '0' || *p > '9' || v > UINT32_MAX)
                        return -EINVAL;
                v = v * 10 + (uint64_t)(*p - '0');
        }
        if (!s[0] || v < TABLE_UID_MIN || v > TABLE_UID_MAX)
                return -EINVAL;
        *ret = (uint32_t)v;
        return 0;
}

// The ids of a new user: none for a local one; pinned; or derived.
static int choose_ids(struct table_user *u, const struct user_args *a)
{
        int r;

        u->uid = u->gid = TABLE_UID_NONE;
        if (a->local && a->uid)
                return fail(
                        OUTCOME_INVALID_REQUEST, "a local user has the uid of " PASSWD ": leave --uid out");
        if (a->local)
                return 0;
        if (a->uid && parse_uid(a->uid, &u->uid) < 0) {
                fprintf(stderr, "valetkeyd: --uid is not a number from %u to %u\n", TABLE_UID_MIN,
                        TABLE_UID_MAX);
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        }
        if (!a->uid && !u->subject[0])
                return fail(OUTCOME_INVALID_REQUEST,
                        "without --subject there is nothing to derive a uid from: give --uid");
        r = a->uid ? 0 : ids_derive(u->issuer, u->subject, &u->uid);
        if (r < 0)
                return fail(OUTCOME_INTERNAL, "the uid cannot be derived");
        u->gid = u->uid;
        return 0;
}

static int fill(struct table_user *u, const struct user_args *a)
{
        char home[300];

        if (!a->issuer)
                return fail(OUTCOME_INVALID_REQUEST, "--issuer is missing");
        if (a->local && !a->subject)
                return fail(OUTCOME_INVALID_REQUEST,
                        "--subject is missing: a local user is bound to one person at once");
        snprintf(home, sizeof home, "/home/%s", a->name);
        if (copy(u->name, sizeof u->name, a->name, "the name") < 0 ||
                copy(u->issuer, sizeof u->issuer, a->issuer, "--issuer") < 0 ||
                copy(u->subject, sizeof u->subject, a->subject, "--subject") < 0 ||
                copy(u->display, sizeof u->display, a->display, "--display") < 0 ||
                copy(u->home, sizeof u->home,
                        a->home    ? a->home
                        : a->local ? NULL
                                   : home,
                        "--home") < 0 ||
                copy(u->shell, sizeof u->shell,
                        a->shell   ? a->shell
                        : a->local ? NULL
                                   : "/bin/bash",
                        "--shell") < 0)
                return outcome_info(OUTCOME_INVALID_REQUEST)->exit_code;
        if (a->expires && time_parse_iso(a->expires, &u->expires_at_s) < 0)
                return fail(OUTCOME_INVALID_REQUEST, "--expires is not a time like 2027-01-31T00:00:00Z");
        return choose_ids(u, a);
}

// A name is local or federated, never both: the local one would win silently.
static int check_name(const struct user_args *a)
{
        struct local_user l;
        int r;

        if (!name_is_valid_user(a->name, strlen(a->name)))
                return fail(OUTCOME_INVALID_REQUEST,
                        "that is not a user name: lower-case letters, digits and _ . @ - only");
        r = local_find(PASSWD, a->name, &l);
        if (r < 0)
                return fail(OUTCOME_INTERNAL, PASSWD " cannot be read");
        if (!a->local && r == 0)
                return fail(OUTCOME_INVALID_REQUEST,
                        "a local user has that name; to bind him to a subject, add --local");
        if (a->local && r != 0)
                return fail(OUTCOME_INVALID_REQUEST,
                        "no local user has that name; without --local a federated one is added");
        if (a->local && l.uid == 0)
                return fail(OUTCOME_INVALID_REQUEST, "uid 0 never signs in through valetkey");
        return 0;
}

static int user_add(const struct tables *t, const struct user_args *a)
{
        struct table_user u = {.flags = 0};
        struct table_edit *e = NULL;
        const char *why;
        int r = check_name(a);

        if (r == 0)
                r = fill(&u, a);
        if (r != 0)
                return r;
        why = table_user_check(&u, a->local ? TABLE_LOCAL : TABLE_FEDERATED);
        if (why)
                return fail(OUTCOME_INVALID_REQUEST, why);
        r = begin(&e, t, a->local);
        if (r == 0)
                r = table_edit_add(e, &u);
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        return r == 0 ? 0 : fail_table(r, a->local ? t->local : t->federated);
}

enum change {
        CHANGE_REMOVE,
        CHANGE_LOCK,
        CHANGE_UNLOCK,
};

static int user_change(const struct tables *t, const struct user_args *a, enum change change)
{
        struct table_edit *e = NULL;
        struct table_user u;
        int r = begin(&e, t, a->local);

        if (r == 0)
                r = table_edit_get(e, a->name, &u);
        if (r == 0) {
                u.flags = change == CHANGE_LOCK ? u.flags | TABLE_USER_LOCKED
                                                : u.flags & ~(uint32_t)TABLE_USER_LOCKED;
                r = change == CHANGE_REMOVE ? table_edit_remove(e, a->name) : table_edit_replace(e, &u);
        }
        if (r == 0)
                r = table_edit_commit(e);
        table_edit_free(e);
        if (r == TABLE_E_NOT_FOUND && !a->local)
                fprintf(stderr, "valetkeyd: (for a user of " PASSWD " add --local)\n");
        return r == 0 ? 0 : fail_table(r, a->local ? t->local : t->federated);
}

static void print_row(const struct table_user *u, bool local)
{
        char id[16] = "-", when[TIME_ISO_LEN + 1] = "never";

        if (!local)
                snprintf(id, sizeof id, "%u", u->uid);
        if (u->last_success_s)
                time_format_iso(when, u->last_success_s);
        printf("%-20s %-10s %-9s %-20s %s %s\n", u->name, id,
                u->flags & TABLE_USER_LOCKED ? "locked"
                : local                      ? "local"
                                             : "federated",
                when, u->subject[0] ? u->subject : "(not bound yet)", u->issuer);
}

static int append_json(json_t *list, const struct table_user *u, bool local)
{
        json_t *o = json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:I}", "name", u->name, "kind",
                local ? "local" : "federated", "locked", (int)(u->flags & TABLE_USER_LOCKED), "issuer",
                u->issuer, "subject", u->subject, "expires_at", (json_int_t)u->expires_at_s, "last_success",
                (json_int_t)u->last_success_s);

        if (o && !local && json_object_set_new(o, "uid", json_integer(u->uid)) < 0) {
                json_decref(o);
                return -ENOMEM;
        }
        return o && json_array_append_new(list, o) == 0 ? 0 : -ENOMEM;
}

// Lists one table; a missing one is empty.
static int list_one(const struct tables *t, bool local, json_t *json)
{
        struct table table = TABLE_INIT;
        struct table_user u;
        uint64_t cursor = 0;
        int r = table_open(&table, local ? t->local : t->federated, local ? TABLE_LOCAL : TABLE_FEDERATED,
                t->owners, local ? 2 : t->n_owners);

        if (r == TABLE_E_MISSING)
                return 0;
        while (r == 0 && (r = table_next(&table, &cursor, &u)) == 0) {
                if (json)
                        r = append_json(json, &u, local);
                else
                        print_row(&u, local);
        }
        table_close(&table);
        return r == TABLE_E_NOT_FOUND ? 0 : fail_table(r, local ? t->local : t->federated);
}

static int user_list(const struct tables *t, const struct user_args *a)
{
        json_t *json = a->json ? json_array() : NULL;
        int r;

        if (a->json && !json)
                return fail(OUTCOME_INTERNAL, "out of memory");
        if (!json)
                printf("%-20s %-10s %-9s %-20s %s\n", "NAME", "UID", "KIND", "LAST SIGN-IN",
                        "SUBJECT ISSUER");
        r = list_one(t, false, json);
        if (r == 0)
                r = list_one(t, true, json);
        if (json && r == 0)
                r = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) < 0 || putchar('\n') == EOF;
        json_decref(json);
        if (r == 0 && fflush(stdout) == EOF)
                return fail(OUTCOME_INTERNAL, "cannot write to stdout");
        return r;
}

static int parse(struct user_args *a, int argc, char **argv)
{
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
        int c;

        optind = 0; // glibc: anew, for main() has parsed with other rules before
        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (c) {
                case 'l':
                        a->local = true;
                        break;
                case 'j':
                        a->json = true;
                        break;
                case 'i':
                        a->issuer = optarg;
                        break;
                case 's':
                        a->subject = optarg;
                        break;
                case 'u':
                        a->uid = optarg;
                        break;
                case 'd':
                        a->display = optarg;
                        break;
                case 'h':
                        a->home = optarg;
                        break;
                case 'x':
                        a->shell = optarg;
                        break;
                case 'e':
                        a->expires = optarg;
                        break;
                default:
                        return -EINVAL;
                }
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
        struct user_args a = {0};
        struct tables t;
        const char *verb = argc > 1 ? argv[1] : "";
        bool lists = strcmp(verb, "list") == 0;
        int r;

        if (argc < 2 || parse(&a, argc - 1, argv + 1) < 0 || lists == !!a.name)
                return usage();
        if (strcmp(verb, "add") != 0 &&
                (a.issuer || a.subject || a.uid || a.display || a.home || a.shell || a.expires))
                return usage();
        r = tables_init(&t, state_dir, root_users);
        if (r < 0) {
                fprintf(stderr, "valetkeyd: %s: %s\n", state_dir, strerror(-r));
                return outcome_info(OUTCOME_INTERNAL)->exit_code;
        }
        if (lists)
                return user_list(&t, &a);
        if (strcmp(verb, "add") == 0)
                return user_add(&t, &a);
        if (strcmp(verb, "remove") == 0)
                return user_change(&t, &a, CHANGE_REMOVE);
        if (strcmp(verb, "lock") == 0)
                return user_change(&t, &a, CHANGE_LOCK);
        if (strcmp(verb, "unlock") == 0)
                return user_change(&t, &a, CHANGE_UNLOCK);
        return usage();
}
