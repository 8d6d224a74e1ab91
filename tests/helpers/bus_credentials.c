// SPDX-License-Identifier: Apache-2.0
//
// bus_credentials ROLE [MIN_TTL]: what a desktop app in C does, with our small client: credentials over D-Bus,
// copied from the memory file to stdout. On failure the error's name and sentence go to stderr.
#include "bus_client.h"

#include <stdio.h>

int main(int argc, char *argv[])
{
        struct bus_client *c = NULL;
        struct err err = ERR_INIT;
        char name[64] = "", block[4096];
        int fd = -1, r;
        ssize_t n;

        if (argc < 2)
                return 2;
        r = bus_client_new(&c, 5000, &err);
        if (r == 0)
                r = bus_client_get_credentials(c, argv[1],
                        argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0, 25000, &fd, name, &err);
        bus_client_free(c);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", name[0] ? name : strerror(-r), err.text);
                return 1;
        }
        while ((n = read(fd, block, sizeof block)) > 0)
                fwrite(block, 1, (size_t)n, stdout);
        close(fd);
        return n < 0;
}
