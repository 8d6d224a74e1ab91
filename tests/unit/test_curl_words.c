// SPDX-License-Identifier: Apache-2.0
//
// The command line that curl gets: every URL leads to our socket, behind each --next as well, and nothing else is touched.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "curl_options.h"
#include "curl_words.h"
#include "fault.h"

#include <stdio.h>

#define WAY "curl --noproxy * --unix-socket /s "

static int make(struct curl_words *w, const char *line, struct err *err)
{
        static char room[1000];
        char *words[40], *save;
        size_t n = 0;

        snprintf(room, sizeof room, "%s", line);
        for (char *s = strtok_r(room, " ", &save); s; s = strtok_r(NULL, " ", &save))
                words[n++] = s;
        words[n] = NULL;
        return curl_words_make(w, words, "/s", err);
}

static void becomes(const char *line, const char *want)
{
        struct curl_words w;
        struct err err = ERR_INIT;
        char got[1000] = "";

        if (make(&w, line, &err) != 0)
                fail_msg("%s: %s", line, err.text);
        for (size_t i = 0; i < w.n; i++)
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", w.argv[i]);
        assert_null(w.argv[w.n]);
        assert_string_equal(got, want);
        curl_words_deinit(&w);
}

static void urls_and_what_only_looks_like_one(void **state)
{
        (void)state;
        becomes("https://a.example.com/x?y#z", WAY "http://a.example.com/x?y#z");
        becomes("a.example.com -d https://b/ -e https://c/ -H X:https://d/",
                WAY "http://a.example.com -d https://b/ -e https://c/ -H X:https://d/");
        becomes("-sSXPOST --url https://a/ -o https://b", WAY "-sSX POST --url http://a/ -o https://b");
        becomes("-- -x", WAY "-- http://-x");
        becomes("https://a/ --next -d x https://b/ -: https://c/",
                WAY "http://a/ --next --noproxy * --unix-socket /s -d x http://b/ --next --noproxy * "
                    "--unix-socket /s http://c/");
        becomes("--cacert /ca https://a/ --no-buffer", WAY "http://a/ --no-buffer");
        becomes("HTTPS://a:8443/[1-3]{x,y}", WAY "http://a:8443/[1-3]{x,y}");
}

static void hosts(void **state)
{
        static const struct {
                const char *line, *host, *origin;
        } cases[] = {
                {"https://A.example.com/", "a.example.com", "https://a.example.com"},
                {"https://a:443/", "a:443", "https://a"},
                {"https://a:8443/", "a:8443", "https://a:8443"},
                {"http://127.0.0.1/", "127.0.0.1", "http://127.0.0.1"},
                {"http://127.0.0.1:80/", "127.0.0.1", "http://127.0.0.1"},
                {"localhost:9000/x", "localhost:9000", "http://localhost:9000"},
                {"https://localhost:9000/x", "localhost:9000", "https://localhost:9000"},
                {"a.example.com", "a.example.com", "https://a.example.com"},
                {"https://[::1]:9/", "[::1]:9", "https://[::1]:9"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct curl_words w;
                struct err err = ERR_INIT;

                if (make(&w, cases[i].line, &err) != 0)
                        fail_msg("%s: %s", cases[i].line, err.text);
                assert_int_equal(w.n_targets, 1);
                assert_string_equal(w.targets[0].host, cases[i].host);
                assert_string_equal(w.targets[0].origin, cases[i].origin);
                assert_false(w.follows || w.any_host || w.custom_host);
                curl_words_deinit(&w);
        }
}

static void what_else_is_learnt(void **state)
{
        struct curl_words w;
        struct err err = ERR_INIT;

        (void)state;
        assert_int_equal(make(&w, "-sL -HHost:x https://a/ https://a/b https://c/", &err), 0);
        assert_true(w.follows && w.custom_host && w.n_urls == 3 && w.n_targets == 2);
        curl_words_deinit(&w);
        assert_int_equal(make(&w, "https://{a,b}.example.com/ --location-trusted", &err), -EINVAL);
        curl_words_deinit(&w);
        assert_int_equal(make(&w, "https://{a,b}.example.com/ -H Hosted:x", &err), 0);
        assert_true(w.any_host && !w.custom_host);
        curl_words_deinit(&w);
}

static void no_memory(void **state)
{
        struct curl_words w;
        struct err err = ERR_INIT;
        int r = 0;

        (void)state;
        FAULT_EACH(200, r = make(&w, "-sS -d x https://a/ --next https://b/", &err))
        {
                assert_true(r == -ENOMEM || r == -EINVAL);
                curl_words_deinit(&w);
        }
        assert_int_equal(r, 0);
        curl_words_deinit(&w);
}

// "  -d, --data <data>  HTTP POST data"
static void the_table_is_curls(void **state)
{
        FILE *f = popen("/usr/bin/curl --help all 2>/dev/null", "r");
        unsigned known = 0;
        char line[400];

        (void)state;
        while (f && fgets(line, sizeof line, f)) {
                char *name = strstr(line, "--"), *end = name ? name + strcspn(name, " \n") : NULL;
                bool value = end && end[0] == ' ' && (end[1] == '<' || end[1] == '[');
                enum curl_option kind;

                if (!name)
                        continue;
                if (*end)
                        *end = 0;
                kind = curl_option_long(name + 2);
                known += kind != CURL_OPTION_OTHER;
                if (kind != CURL_OPTION_OTHER && (kind == CURL_OPTION_VALUE) != value)
                        fail_msg("%s", name);
                if (name - line < 4 || name[-2] != ',')
                        continue;
                kind = curl_option_short(name[-3]);
                if (kind != CURL_OPTION_OTHER &&
                        (kind != curl_option_long(name + 2) || (kind == CURL_OPTION_VALUE) != value))
                        fail_msg("-%c", name[-3]);
        }
        if (f)
                (void)pclose(f);
        if (!known)
                skip(); // no curl here
        assert_true(known > 80);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(urls_and_what_only_looks_like_one),
                cmocka_unit_test(hosts),
                cmocka_unit_test(what_else_is_learnt),
                cmocka_unit_test(no_memory),
                cmocka_unit_test(the_table_is_curls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
