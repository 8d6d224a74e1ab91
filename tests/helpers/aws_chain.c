// SPDX-License-Identifier: Apache-2.0
//
// Prints, for this environment and the files it names, what each AWS SDK's chain ends at by lib/awschain: a line
// "SDK KIND FILE:LINE: KEY" each. With "--serve" once more for each line read: "NAME=VALUE NAME=VALUE…" (no blanks in
// them) are set before, and cleared after; an empty line ends each answer.
#include "shadow.h"

#include <stdio.h>

static int print_all(void)
{
        struct shadow_files f;

        if (shadow_read_files(&f) < 0)
                return 1;
        for (unsigned sdk = 0; sdk < AWSCHAIN_SDK_MAX_; sdk++) {
                struct awschain_source s;
                char where[4096];

                if (awschain_walk(&s, (enum awschain_sdk)sdk, &f.in) < 0)
                        return 1;
                printf("%s %s %s\n", awschain_sdk_name((enum awschain_sdk)sdk), awschain_kind_name(s.kind),
                        awschain_where(&s, where, sizeof where));
        }
        shadow_deinit(&f);
        return 0;
}

// One line of the server: changes the environment by it, or takes the change back.
static void change(const char *line, bool set)
{
        cleanup_free char *copy = strdup(line);
        char *at = copy, *word;

        while ((word = strsep(&at, " \n"))) {
                char *eq = strchr(word, '=');

                if (!eq)
                        continue;
                *eq = 0;
                if (set)
                        setenv(word, eq + 1, 1);
                else
                        unsetenv(word);
        }
}

int main(int argc, char *argv[])
{
        cleanup_free char *line = NULL;
        size_t room = 0;

        if (argc == 1)
                return print_all();
        if (strcmp(argv[1], "--serve") != 0)
                return 2;
        while (getline(&line, &room, stdin) > 0) {
                change(line, true);
                if (print_all())
                        return 1;
                change(line, false);
                puts("");
                fflush(stdout);
        }
        return 0;
}
