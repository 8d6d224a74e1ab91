// SPDX-License-Identifier: Apache-2.0
//
// valetkey-sandbox: a cloud on loopback. This file only knows which verb is asked for.
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"
#include "util.h"

static const struct verb {
        const char *name, *synopsis;
        int (*fn)(int argc, char **argv);
} verbs[] = {
        {"serve", "serve [--listen 127.0.0.1:PORT] [--dir DIR] [--fault F]...", cmd_serve},
        {"run", "run [OPTION]... -- COMMAND [ARGUMENT]...", cmd_run},
        {"sign-in", "sign-in [OPTION]...", cmd_sign_in},
};

static void usage(FILE *f)
{
        fputs("An OpenID provider, STS and IAM on loopback, to test with and to try trust policies "
              "on.\n\nUsage:\n",
                f);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                fprintf(f, "  valetkey-sandbox %s\n", verbs[i].synopsis);
        fputs("  valetkey-sandbox --help | --version\n", f);
}

// Everything there is to say: each verb says its part.
static int help(void)
{
        char option[] = "--help";
        int r = 0;

        usage(stdout);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(verbs); i++) {
                char name[32];
                char *argv[] = {name, option, NULL};

                snprintf(name, sizeof name, "%s", verbs[i].name);
                putchar('\n');
                optind = 0; // glibc: getopt starts afresh
                r = verbs[i].fn(2, argv);
        }
        return r;
}

int main(int argc, char **argv)
{
        if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
                puts("valetkey-sandbox " VALETKEY_VERSION);
                return 0;
        }
        if (argc >= 2 && strcmp(argv[1], "--help") == 0)
                return help();
        for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].fn(argc - 1, argv + 1);
        if (argc >= 2)
                fprintf(stderr, "valetkey-sandbox: no verb or option \"%s\"; see valetkey-sandbox --help\n",
                        argv[1]);
        else
                usage(stderr);
        return 2;
}
