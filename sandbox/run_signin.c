// SPDX-License-Identifier: Apache-2.0
//
// valetkey-sandbox sign-in: one more PAM sign-in in a world that stands, for tests and for looking at what
// PAM does. Prints one JSON line once the session is open (or refused), and keeps the session open until
// standard input ends.
#include "verbs.h"

#include "run_pam.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

static void usage(FILE *f)
{
        fputs("Usage: valetkey-sandbox sign-in [OPTION]...\n"
              "Signs in once more, in the world of a running \"valetkey-sandbox run\", as the user who "
              "started it.\n"
              "Prints PAM's results and the time each phase took as JSON; the session lasts until standard "
              "input\n"
              "ends.\n"
              "\n"
              "  --world DIR      the world ($VALETKEY_SANDBOX_WORLD)\n"
              "  --pam-user NAME  the account to open (the world's)\n"
              "  --as NAME        who signs in at the provider (the world's user)\n"
              "  --approve HOW    auto, manual, deny or none (auto)\n"
              "  --service NAME   another file of the world's etc/pam.d\n"
              "  --rhost HOST     the remote host PAM is told\n"
              "  --show           print the message that PAM shows\n"
              "  --help\n"
              "\n"
              "Exit status: 0 when the session was open, 1 when PAM refused, 2 when it was called wrongly.\n",
                f);
}

static const struct option long_options[] = {
        {"world", required_argument, NULL, 'w'},
        {"pam-user", required_argument, NULL, 'u'},
        {"as", required_argument, NULL, 'a'},
        {"approve", required_argument, NULL, 'p'},
        {"service", required_argument, NULL, 's'},
        {"rhost", required_argument, NULL, 'r'},
        {"show", no_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

static void print_result(const struct sign_in *s)
{
        static const char *const names[SIGN_IN_PHASES] = {
                "authenticate", "account", "setcred", "open_session"};
        json_t *doc = json_object(), *pam = json_object(), *us = json_object();

        for (int i = 0; i < SIGN_IN_PHASES; i++) {
                json_object_set_new(pam, names[i], s->code[i] < 0 ? json_null() : json_integer(s->code[i]));
                json_object_set_new(us, names[i], json_integer(s->us[i]));
        }
        json_object_set_new(doc, "pam", pam);
        json_object_set_new(doc, "us", us);
        json_dumpf(doc, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        fflush(stdout);
        json_decref(doc);
}

static int sign_in(struct sign_in *s, const char *dir)
{
        struct err err = ERR_INIT;
        struct world w = {.dir = ""};
        int r = world_open(&w, dir, &err);

        s->world = &w; // cppcheck-suppress autoVariables // both end with this function
        if (r == 0)
                r = sign_in_start(s, 0, &err);
        if (r == 0)
                r = sign_in_finish(s, &err);
        if (r < 0)
                fprintf(stderr, "valetkey-sandbox: %s\n", err.text[0] ? err.text : strerror(-r));
        if (r == 0 || r == -EACCES)
                print_result(s);
        if (r == 0) {
                int c;

                do {
                        c = getchar();
                } while (c != EOF);
        }
        sign_in_close(s);
        return r < 0 ? 1 : 0;
}

int cmd_sign_in(int argc, char **argv)
{
        struct sign_in s = {.result_fd = -1};
        const char *dir = getenv("VALETKEY_SANDBOX_WORLD");
        int c, r = 0;

        while (r == 0 && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
                if (c == 'w')
                        dir = optarg;
                else if (c == 'u')
                        s.pam_user = optarg;
                else if (c == 'a')
                        s.as = optarg;
                else if (c == 'p')
                        r = approve_from_name(optarg, &s.approve);
                else if (c == 's')
                        s.service = optarg;
                else if (c == 'r')
                        s.rhost = optarg;
                else if (c == 'S')
                        s.show = true;
                else
                        r = c == 'h' ? 1 : -EINVAL;
        }
        if (r > 0) {
                usage(stdout);
                return 0;
        }
        if (r < 0 || optind < argc || !dir) {
                usage(stderr);
                return 2;
        }
        return sign_in(&s, dir);
}
