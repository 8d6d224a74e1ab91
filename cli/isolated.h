// SPDX-License-Identifier: Apache-2.0
//
// Private configuration files of one command: empty, in a folder of its own below the runtime folder, removed with it.
#pragma once

struct isolated {
        char *dir, *config_file, *credentials_file;
};

int isolated_make(struct isolated *d); // 0; -errno, said on stderr
void isolated_remove(void *d);         // struct isolated *; legal on {0} and twice
