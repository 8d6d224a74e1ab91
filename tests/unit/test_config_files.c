// SPDX-License-Identifier: Apache-2.0
//
// The configuration as files: which are read, in which order, who may have written them, and what a user's own
// may say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "config.h"

#define IDENTITY "[identity corp]\nissuer = https://login.example.com\nclient_id = valetkey\n"
#define ROLE     "[role dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\n"

struct world {
        char top[64];
        char usr[80], run[80], etc[80], user[96];
        const char *dirs[4];
        struct config_source src;
        struct config *c;
        struct err err;
};

static void put(const char *dir, const char *name, const char *text)
{
        char path[256];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, 0644), 0);
}

static int setup(void **state)
{
        struct world *w = calloc(1, sizeof *w);
        char d[128];

        strcpy(w->top, "/tmp/valetkey-test-config-XXXXXX");
        assert_non_null(mkdtemp(w->top));
        snprintf(w->usr, sizeof w->usr, "%s/usr", w->top);
        snprintf(w->run, sizeof w->run, "%s/run", w->top); // is never made
        snprintf(w->etc, sizeof w->etc, "%s/etc", w->top);
        snprintf(w->user, sizeof w->user, "%s/home.conf", w->top);
        snprintf(d, sizeof d, "%s/valetkey.conf.d", w->etc);
        assert_int_equal(mkdir(w->usr, 0755), 0);
        assert_int_equal(mkdir(w->etc, 0755), 0);
        assert_int_equal(mkdir(d, 0755), 0);
        w->dirs[0] = w->usr;
        w->dirs[1] = w->run;
        w->dirs[2] = w->etc;
        w->src = (struct config_source){.dirs = w->dirs, .check_owner = true};
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;
        char cmd[128];

        config_unref(w->c);
        snprintf(cmd, sizeof cmd, "rm -rf '%s'", w->top);
        free(w);
        return system(cmd);
}

static int load(struct world *w)
{
        w->c = config_unref(w->c);
        w->err = ERR_INIT;
        return config_load(&w->c, &w->src, &w->err);
}

// Loading must fail so, with a text that ends so (what is before is the folder).
static void fails(struct world *w, int r, const char *tail)
{
        size_t n = strlen(tail);

        assert_int_equal(load(w), r);
        assert_null(w->c);
        if (strlen(w->err.text) < n || strcmp(w->err.text + strlen(w->err.text) - n, tail) != 0)
                fail_msg("says \"%s\"", w->err.text);
}

static void without_files(void **state)
{
        struct world *w = *state;

        fails(w, -ENOENT, "there is no configuration file");
        w->src.user_file = w->user;
        fails(w, -ENOENT, "there is no configuration file");
        put(w->usr, "other.conf", "nonsense");
        put(w->etc, "valetkey.conf.d/README", "nonsense");
        put(w->etc, "valetkey.conf.d/.hidden.conf", "nonsense");
        put(w->etc, "valetkey.conf.d/.conf", "nonsense");
        fails(w, -ENOENT, "there is no configuration file");
}

static void later_files_win_key_by_key(void **state)
{
        struct world *w = *state;

        put(w->usr, "valetkey.conf", IDENTITY ROLE "region = us-east-1\nduration = 1h\nsession_name = usr\n");
        put(w->etc, "valetkey.conf", "[role dev]\nregion = eu-west-1\nduration = 2h\n");
        put(w->etc, "valetkey.conf.d/20-b.conf", "[role dev]\nduration = 4h\n");
        put(w->etc, "valetkey.conf.d/10-a.conf", "[role dev]\nduration = 3h\nca_file = /a\n");
        assert_int_equal(load(w), 0);
        assert_int_equal(w->c->n_roles, 1);
        assert_int_equal(w->c->roles[0].duration_s, 4 * 3600);
        assert_string_equal(w->c->roles[0].region, "eu-west-1");
        assert_string_equal(w->c->roles[0].session_name, "usr");
        assert_string_equal(w->c->roles[0].ca_file, "/a");
}

static void drop_ins_need_no_main_file(void **state)
{
        struct world *w = *state;

        put(w->etc, "valetkey.conf.d/x.conf", IDENTITY);
        assert_int_equal(load(w), 0);
        assert_int_equal(w->c->n_identities, 1);
}

static void errors_name_the_file_that_decides(void **state)
{
        struct world *w = *state;

        put(w->usr, "valetkey.conf", IDENTITY ROLE "region = us-east-1\n\nduration = 1h\n");
        put(w->etc, "valetkey.conf", "\n[role dev]\n\nduration = 1m\n");
        fails(w, -EBADMSG, "etc/valetkey.conf:4: [role dev] duration is less than STS's least, 15m");
        put(w->etc, "valetkey.conf.d/a.conf", "# all is well\n");
        put(w->etc, "valetkey.conf", "[role dev]\nduration = 1h\n");
        assert_int_equal(load(w), 0);
        put(w->etc, "valetkey.conf.d/a.conf", "# all is well\nis it?\n");
        fails(w, -EBADMSG, "etc/valetkey.conf.d/a.conf:2: neither a section nor a comment nor KEY = VALUE");
}

static void nobody_else_may_write_them(void **state)
{
        struct world *w = *state;
        char path[256];

        put(w->etc, "valetkey.conf", IDENTITY);
        snprintf(path, sizeof path, "%s/valetkey.conf", w->etc);
        assert_int_equal(chmod(path, 0664), 0);
        fails(w, -EPERM, "etc/valetkey.conf: others than its owner may write to it");
        assert_int_equal(chmod(path, 0646), 0);
        fails(w, -EPERM, "etc/valetkey.conf: others than its owner may write to it");
        w->src.check_owner = false;
        assert_int_equal(load(w), 0);
        w->src.check_owner = true;
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(load(w), 0);
        assert_int_equal(chmod(w->etc, 0777), 0);
        fails(w, -EPERM, "etc: others than its owner may write to it");
        assert_int_equal(chmod(w->etc, 0755), 0);
        snprintf(path, sizeof path, "%s/valetkey.conf.d", w->etc);
        assert_int_equal(chmod(path, 0775), 0);
        fails(w, -EPERM, "etc/valetkey.conf.d: others than its owner may write to it");
}

static void nobody_else_may_own_them(void **state)
{
        struct world *w = *state;
        char path[256];

        put(w->etc, "valetkey.conf", IDENTITY);
        snprintf(path, sizeof path, "%s/valetkey.conf", w->etc);
        if (geteuid() != 0)
                skip(); // only root can give a file away
        assert_int_equal(chown(path, 4242, 4242), 0);
        fails(w, -EPERM, "etc/valetkey.conf: belongs to neither root nor this user");
        assert_int_equal(chown(path, 0, 0), 0);
        assert_int_equal(chown(w->etc, 4242, 4242), 0);
        fails(w, -EPERM, "etc: belongs to neither root nor this user");
}

static void only_files_are_files(void **state)
{
        struct world *w = *state;
        char path[256], other[256];

        snprintf(path, sizeof path, "%s/valetkey.conf", w->etc);
        snprintf(other, sizeof other, "%s/valetkey.conf", w->usr);
        put(w->usr, "valetkey.conf", IDENTITY);
        assert_int_equal(symlink(other, path), 0);
        fails(w, -EPERM, "etc/valetkey.conf: is a symbolic link");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0644), 0);
        fails(w, -EPERM, "etc/valetkey.conf: is not a regular file"); // and nobody waits for a writer
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        fails(w, -EPERM, "etc/valetkey.conf: is not a regular file");
        assert_int_equal(rmdir(path), 0);
        snprintf(path, sizeof path, "%s/valetkey.conf.d", w->etc);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(symlink(w->usr, path), 0);
        fails(w, -EPERM, "etc/valetkey.conf.d: is not a folder");
}

static void files_that_may_not_be_read(void **state)
{
        struct world *w = *state;
        char path[256];
        bool root = geteuid() == 0;

        put(w->etc, "valetkey.conf", IDENTITY);
        snprintf(path, sizeof path, "%s/valetkey.conf", w->etc);
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(chmod(w->top, 0755), 0);
        if (root) // who may read everything
                assert_int_equal(seteuid(65534), 0);
        fails(w, -EPERM, "etc/valetkey.conf: may not be read by this user");
        if (root)
                assert_int_equal(seteuid(0), 0);
}

static void huge_files(void **state)
{
        struct world *w = *state;
        char path[256];

        put(w->etc, "valetkey.conf", IDENTITY);
        snprintf(path, sizeof path, "%s/valetkey.conf", w->etc);
        assert_int_equal(truncate(path, (1 << 20) + 1), 0);
        fails(w, -EBADMSG, "etc/valetkey.conf: larger than 1048576 bytes");
}

static void exactly_this_file(void **state)
{
        struct world *w = *state;
        char path[256];

        put(w->etc, "valetkey.conf", "nonsense");
        put(w->usr, "one.conf", IDENTITY);
        snprintf(path, sizeof path, "%s/one.conf", w->usr);
        w->src.file = path;
        w->src.user_file = w->user;
        put(w->top, "home.conf", "nonsense");
        assert_int_equal(load(w), 0);
        assert_int_equal(w->c->n_identities, 1);
        assert_int_equal(chmod(path, 0666), 0);
        fails(w, -EPERM, "usr/one.conf: others than its owner may write to it");
        assert_int_equal(unlink(path), 0);
        fails(w, -ENOENT, "usr/one.conf: does not exist");
}

static void a_user_has_roles_and_defaults(void **state)
{
        struct world *w = *state;
        char path[256];

        put(w->etc, "valetkey.conf", IDENTITY ROLE "region = us-east-1\n");
        put(w->top, "home.conf",
                "[defaults]\ndefault_role = mine\n[role mine]\nrole_arn = arn:aws:iam::123456789012:role/m\n"
                "region = eu-west-1\n[role dev]\nduration = 2h\n");
        w->src.user_file = w->user;
        assert_int_equal(load(w), 0);
        assert_int_equal(w->c->n_roles, 2);
        assert_string_equal(w->c->default_role, "mine");
        assert_int_equal(config_find_role(w->c, "dev")->duration_s, 7200);
        // A user may keep the file elsewhere and link to it.
        snprintf(path, sizeof path, "%s/dotfiles.conf", w->top);
        assert_int_equal(rename(w->user, path), 0);
        assert_int_equal(symlink(path, w->user), 0);
        assert_int_equal(load(w), 0);
        assert_int_equal(chmod(path, 0666), 0);
        fails(w, -EPERM, "home.conf: others than its owner may write to it");
}

static void a_user_has_nothing_else(void **state)
{
        struct world *w = *state;

        put(w->etc, "valetkey.conf", IDENTITY);
        w->src.user_file = w->user;
        put(w->top, "home.conf", "[signin]\nmax_flows = 4096\n");
        fails(w, -EBADMSG, "home.conf:1: [signin] may not stand in a user's file");
        put(w->top, "home.conf", "[defaults]\nuser_identities = yes\n[identity mine]\n");
        fails(w, -EBADMSG, "home.conf:2: user_identities may not stand in a user's file");
        put(w->top, "home.conf", "[identity corp]\nissuer = https://evil.example\n");
        fails(w, -EBADMSG, "home.conf:1: [identity corp] is the administrator's");
        put(w->top, "home.conf", "[identity mine]\nissuer = https://mine.example\nclient_id = x\n");
        fails(w, -EBADMSG,
                "home.conf:1: an identity may stand in a user's file only where the system's say "
                "user_identities = yes");
        put(w->etc, "valetkey.conf.d/a.conf", "[defaults]\nuser_identities = no\n");
        fails(w, -EBADMSG,
                "home.conf:1: an identity may stand in a user's file only where the system's say "
                "user_identities = yes");
        put(w->etc, "valetkey.conf.d/b.conf", "[defaults]\nuser_identities = yes\n");
        assert_int_equal(load(w), 0);
        assert_int_equal(w->c->n_identities, 2);
        put(w->top, "home.conf", "[identity corp]\nissuer = https://evil.example\n");
        fails(w, -EBADMSG, "home.conf:1: [identity corp] is the administrator's");
}

// What the environment says of STS lies below every file, and is read as strictly.
static void the_environment_lies_below_the_files(void **state)
{
        struct world *w = *state;

        w->src.sts_endpoint = "https://sts.example.com";
        w->src.sts_endpoint_from = "AWS_ENDPOINT_URL_STS";
        assert_int_equal(config_load(&w->c, &w->src, &w->err), -ENOENT); // it is no configuration
        put(w->etc, "valetkey.conf",
                IDENTITY ROLE "[role own]\nrole_arn = arn:aws:iam::123456789012:role/dev\n"
                              "sts_endpoint = https://own.example.com\n");
        assert_int_equal(config_load(&w->c, &w->src, &w->err), 0);
        assert_string_equal(config_find_role(w->c, "dev")->sts_endpoint, "https://sts.example.com");
        assert_string_equal(config_find_role(w->c, "own")->sts_endpoint, "https://own.example.com");
        w->c = config_unref(w->c);
        put(w->usr, "valetkey.conf", "[defaults]\nsts_endpoint = https://file.example.com\n");
        assert_int_equal(config_load(&w->c, &w->src, &w->err), 0);
        assert_string_equal(config_find_role(w->c, "dev")->sts_endpoint, "https://file.example.com");
        w->c = config_unref(w->c);
        put(w->usr, "valetkey.conf", "# nothing\n");
        w->src.sts_endpoint = "http://sts.example.com"; // in the clear, to another machine
        assert_int_equal(config_load(&w->c, &w->src, &w->err), -EBADMSG);
        assert_int_equal(strncmp(w->err.text, "AWS_ENDPOINT_URL_STS:2: sts_endpoint: ", 38), 0);
        err_clear(&w->err);
        w->src.sts_endpoint = "https://sts.example.com\nuser_identities = yes";
        assert_int_equal(config_load(&w->c, &w->src, &w->err), -EBADMSG);
        assert_string_equal(w->err.text, "AWS_ENDPOINT_URL_STS: must be one line");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(without_files, setup, teardown),
                cmocka_unit_test_setup_teardown(the_environment_lies_below_the_files, setup, teardown),
                cmocka_unit_test_setup_teardown(later_files_win_key_by_key, setup, teardown),
                cmocka_unit_test_setup_teardown(drop_ins_need_no_main_file, setup, teardown),
                cmocka_unit_test_setup_teardown(errors_name_the_file_that_decides, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_else_may_write_them, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_else_may_own_them, setup, teardown),
                cmocka_unit_test_setup_teardown(only_files_are_files, setup, teardown),
                cmocka_unit_test_setup_teardown(files_that_may_not_be_read, setup, teardown),
                cmocka_unit_test_setup_teardown(huge_files, setup, teardown),
                cmocka_unit_test_setup_teardown(exactly_this_file, setup, teardown),
                cmocka_unit_test_setup_teardown(a_user_has_roles_and_defaults, setup, teardown),
                cmocka_unit_test_setup_teardown(a_user_has_nothing_else, setup, teardown),
        };

        umask(022);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
