// SPDX-License-Identifier: Apache-2.0
//
// Makes a libFuzzer target a plain program: each argument is a corpus file or a folder of them, run once.
// Besides the file as it is, a few deterministic mutations of it (truncations, flipped bits) are run, so that
// every "make check" fuzzes a little without libFuzzer. Prints TAP.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_tests;

static void mutate(const uint8_t *p, size_t n)
{
        uint8_t *q = malloc(n ? n : 1);

        if (!q)
                abort();
        for (size_t cut = 0; cut < n && cut < 64; cut++)
                LLVMFuzzerTestOneInput(p, n * cut / 64);
        for (size_t i = 0; i < 256 && n; i++) {
                memcpy(q, p, n);
                q[(i * 2654435761u) % n] ^= (uint8_t)(1u << (i % 8));
                LLVMFuzzerTestOneInput(q, n);
        }
        free(q);
}

static int run_file(const char *path)
{
        FILE *f = fopen(path, "rbe");
        uint8_t *p = NULL;
        size_t n = 0, cap = 0;

        if (!f)
                return -1;
        for (;;) {
                size_t k;

                if (n == cap) {
                        cap = cap ? cap * 2 : 4096;
                        p = realloc(p, cap);
                        if (!p)
                                abort();
                }
                k = fread(p + n, 1, cap - n, f);
                if (k == 0)
                        break;
                n += k;
        }
        fclose(f);
        LLVMFuzzerTestOneInput(p, n);
        mutate(p, n);
        free(p);
        printf("ok %u - %s\n", ++n_tests, path);
        return 0;
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                struct dirent **names;
                int n = scandir(argv[i], &names, NULL, alphasort);

                if (n < 0) {
                        if (run_file(argv[i]) < 0)
                                return 1;
                        continue;
                }
                for (int k = 0; k < n; k++) {
                        char path[4096];

                        if (names[k]->d_name[0] != '.') {
                                snprintf(path, sizeof path, "%s/%s", argv[i], names[k]->d_name);
                                if (run_file(path) < 0)
                                        return 1;
                        }
                        free(names[k]);
                }
                free(names);
        }
        printf("1..%u\n", n_tests);
        return n_tests ? 0 : 1;
}
