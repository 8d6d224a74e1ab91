// SPDX-License-Identifier: Apache-2.0
//
// A reader of the AWS SDKs' shared files, ~/.aws/config and ~/.aws/credentials (and ~/.boto): which section and
// which key stands in which line. The SDKs do not agree on the syntax, so there are two readings of one file:
// botocore's, which is Python's RawConfigParser and refuses a whole file for one line, and that of all the others,
// which skip what they do not understand. Pure and bounded; what is read may be anybody's bytes.
#pragma once

#include "err.h"
#include "util.h"

#define AWSCONF_SIZE_MAX (4u << 20)

enum awsconf_reading {
        AWSCONF_BOTOCORE, // boto3, the AWS CLI: strict; DEFAULT is inherited; keys in lower case; "=" or ":"
        AWSCONF_LENIENT,  // Go, JavaScript, Java: sections merge, " #" and " ;" begin comments
};
enum awsconf_kind {
        AWSCONF_CONFIG,      // profiles are [default] and [profile NAME]
        AWSCONF_CREDENTIALS, // profiles are [NAME]
};

struct awsconf_key {
        char *name;
        char *value;    // continuation lines are joined by '\n'; a nested block begins with one
        size_t section; // index of the section it stands in
        unsigned line;
};
struct awsconf_section {
        char *header;  // between the brackets
        char *profile; // the profile it defines; NULL: none
        unsigned line;
};
// Everything in the order of the file.
struct awsconf {
        enum awsconf_reading reading;
        struct awsconf_section *sections;
        size_t n_sections;
        struct awsconf_key *keys;
        size_t n_keys;
};

// 0; -ENOMEM; -EBADMSG: this reading refuses the file, *ret_line says where and err why (never quoting it).
int awsconf_parse(struct awsconf **ret, enum awsconf_reading reading, enum awsconf_kind kind,
        const char *text, size_t n, unsigned *ret_line, struct err *err) _must_check_;
struct awsconf *awsconf_free(struct awsconf *c); // clears: the file may hold keys
DEFINE_CLEANUP(struct awsconf *, awsconf_free);

// The first line of what defines the profile; 0: there is no such profile.
unsigned awsconf_has_profile(const struct awsconf *c, const char *profile);
// A key as this reading finds it in a profile, or in a section by its header; borrowed; NULL: not there.
const struct awsconf_key *awsconf_get(const struct awsconf *c, const char *profile, const char *name);
const struct awsconf_key *awsconf_get_in(const struct awsconf *c, const char *header, const char *name);
