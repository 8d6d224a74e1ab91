// SPDX-License-Identifier: Apache-2.0
//
// A configuration while it is being read: the sections and settings of all files so far, each with its place, not
// yet looked at beyond their names. Private to lib/config*.c.
#pragma once

#include "config_read.h"
#include "config_schema.h"

struct draft_setting {
        char *value; // NULL: not set
        const char *file;
        unsigned file_no, line;
};

struct draft_section {
        enum config_kind kind;
        char *name; // NULL for a kind without names
        bool admin; // stands in a file of the system
        const char *file;
        unsigned file_no, line;                         // where it was seen last
        struct draft_setting settings[CONFIG_KEYS_MAX]; // by number of the key
};

struct draft {
        struct draft_section **sections;
        size_t n_sections;
        char **files; // names, kept for messages
        unsigned n_files;
        bool user;                     // the file being read is the user's
        struct draft_section *current; // the section being read
};

#define DRAFT_SECTIONS_MAX 1024u
#define DRAFT_FILES_MAX    1024u

// Adds a file's text. 0, -EBADMSG, -ENOMEM.
int draft_add(struct draft *d, const char *file, const char *text, size_t n, bool user,
        struct err *err) _must_check_;
// NULL where absent. name is not looked at for kinds without names.
struct draft_section *draft_find(const struct draft *d, enum config_kind kind, const char *name);
void draft_deinit(struct draft *d);

// Turns a draft into what it says (config_build.c). ret is filled on success only; it is zeroed memory before.
int config_build(struct config *ret, const struct draft *d, struct err *err) _must_check_;
void config_deinit(struct config *c);
