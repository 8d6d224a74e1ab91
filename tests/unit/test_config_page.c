// SPDX-License-Identifier: Apache-2.0
//
// valetkey.conf(5) against the table of keys, both ways: a key defined on the page ("*key* = " under the heading
// of its section) exists, every key is defined there, and the page's examples are configurations. So are the files that are
// shipped for people to start from, also with what they leave to the administrator.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "buf.h"
#include "config.h"

#define PAGE "docs/man/valetkey.conf.5.scd"

static void read_file(struct buf *b, const char *name)
{
        const char *top = getenv("VALETKEY_TOP");
        char path[256], line[1024];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
        f = fopen(path, "re");
        if (!f)
                fail_msg("no %s", path);
        while (fgets(line, sizeof line, f))
                buf_append_str(b, line);
        fclose(f);
        assert_int_equal(buf_error(b), 0);
}

// The next line of a text without its line feed, cut out of it; NULL behind the last.
static char *next_line(char **at)
{
        char *line = *at, *lf = strchr(line, '\n');

        if (!*line)
                return NULL;
        *at = lf ? lf + 1 : line + strlen(line);
        if (lf)
                *lf = 0;
        return line;
}

// "section key" for each definition on the page, in the form "|section key|section key|".
static void definitions(struct buf *out, char *page)
{
        char section[32] = "", key[64];
        char *line;

        buf_append_char(out, '|');
        while ((line = next_line(&page))) {
                if (line[0] == '#')
                        section[0] = 0;
                if (sscanf(line, "# [%31[a-z-]", section) == 1)
                        continue;
                if (section[0] && sscanf(line, "*%63[a-z_]* =", key) == 1)
                        buf_printf(out, "%s %s|", section, key);
        }
}

static void page_and_table_name_the_same_keys(void **state)
{
        cleanup_buf struct buf page = BUF_INIT(1 << 20), defined = BUF_INIT(1 << 16);
        size_t n = 0, on_page = 0;
        const char *key;

        (void)state;
        read_file(&page, PAGE);
        definitions(&defined, page.p);
        for (; (key = config_known_key(n)); n++) {
                char want[128];

                snprintf(want, sizeof want, "|%s|", key);
                if (!strstr(buf_str(&defined), want))
                        fail_msg("%s is not on the page", key);
        }
        for (const char *p = strchr(buf_str(&defined), '|'); p && p[1]; p = strchr(p + 1, '|')) {
                bool known = false;

                for (size_t i = 0; (key = config_known_key(i)) && !known; i++)
                        known = strncmp(p + 1, key, strlen(key)) == 0 && p[1 + strlen(key)] == '|';
                if (!known)
                        fail_msg("the page defines what is no key: %.64s", p + 1);
                on_page++;
        }
        assert_int_equal(on_page, n);
        assert_true(n > 20);
}

static void a_page_that_is_wrong_is_noticed(void **state)
{
        cleanup_buf struct buf defined = BUF_INIT(4096);
        char page[] =
                "*duration* = x\n# [role NAME]\n*duration* = x\n*nonsense* = x\n# EXAMPLES\n*region* = x\n";

        (void)state;
        definitions(&defined, page);
        assert_string_equal(buf_str(&defined), "|role duration|role nonsense|");
}

static void the_examples_are_configurations(void **state)
{
        cleanup_buf struct buf page = BUF_INIT(1 << 20), example = BUF_INIT(1 << 16);
        bool inside = false;
        unsigned n = 0;
        char *at, *line;

        (void)state;
        read_file(&page, PAGE);
        at = page.p;
        while ((line = next_line(&at))) {
                struct err err = ERR_INIT;
                struct config *c = NULL;

                if (strncmp(line, "```", 3) != 0) {
                        if (inside)
                                buf_printf(&example, "%s\n", line);
                        continue;
                }
                inside = !inside;
                if (inside)
                        continue;
                if (config_parse(&c, "example", buf_str(&example), example.n, &err) < 0)
                        fail_msg("%s", err.text);
                assert_true(c->n_roles > 0);
                config_unref(c);
                buf_reset(&example);
                n++;
        }
        assert_int_equal(n, 4);
}

static void is_configuration(const char *name, const struct buf *text)
{
        struct err err = ERR_INIT;
        struct config *c = NULL;

        if (config_parse(&c, name, buf_str(text), text->n, &err) < 0)
                fail_msg("%s", err.text);
        assert_true(c->n_roles > 0 && c->n_identities == 1);
        config_unref(c);
}

static void what_is_shipped_to_start_from_is_a_configuration(void **state)
{
        static const char *const files[] = {
                "packaging/examples/jump-host/valetkey.conf", "packaging/examples/workstation/valetkey.conf"};

        (void)state;
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
                cleanup_buf struct buf file = BUF_INIT(1 << 16), whole = BUF_INIT(1 << 16);
                unsigned left_out = 0;
                char *at, *line;

                read_file(&file, files[i]);
                is_configuration(files[i], &file);
                at = file.p;
                while ((line = next_line(&at))) {
                        bool is_choice = line[0] == '#' && line[1] && line[1] != ' ';

                        buf_printf(&whole, "%s\n", line + is_choice);
                        left_out += is_choice;
                }
                assert_true(left_out > 0);
                is_configuration(files[i], &whole);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(page_and_table_name_the_same_keys),
                cmocka_unit_test(a_page_that_is_wrong_is_noticed),
                cmocka_unit_test(the_examples_are_configurations),
                cmocka_unit_test(what_is_shipped_to_start_from_is_a_configuration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
