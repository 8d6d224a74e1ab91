// SPDX-License-Identifier: Apache-2.0
//
// Where an AWS SDK takes its credentials from: its provider chain, walked over an environment and the shared files as
// that SDK does, up to the first source that says it is one. It names the source by variable, or by file and line, and so
// tells what stands in front of valetkey's doors. Pure: the environment and the files' bytes are arguments.
#pragma once

#include "awsconf.h"

enum awschain_sdk {
        AWSCHAIN_BOTOCORE, // boto3, botocore, the AWS CLI version 1
        AWSCHAIN_CLI2,     // the AWS CLI version 2
        AWSCHAIN_GO2,
        AWSCHAIN_JS3,
        AWSCHAIN_JAVA2,
        AWSCHAIN_SDK_MAX_,
};
const char *awschain_sdk_name(enum awschain_sdk sdk); // "boto3", "aws-cli-2", "go-v2", "js-v3", "java-v2"

enum awschain_kind {
        AWSCHAIN_NOTHING,      // no source at all
        AWSCHAIN_ENV_KEYS,     // keys in the environment
        AWSCHAIN_ENV_WEB,      // web identity by the environment
        AWSCHAIN_ASSUME_ROLE,  // role_arn
        AWSCHAIN_WEB_IDENTITY, // web_identity_token_file
        AWSCHAIN_SSO,          // sso_*
        AWSCHAIN_LOGIN,        // login_session
        AWSCHAIN_PROCESS,      // credential_process
        AWSCHAIN_KEYS,         // keys in one of the files
        AWSCHAIN_EC2_FILE,     // AWS_CREDENTIAL_FILE
        AWSCHAIN_BOTO_FILE,    // /etc/boto.cfg, ~/.boto
        AWSCHAIN_CONTAINER,
        AWSCHAIN_IMDS,
        AWSCHAIN_BROKEN, // the SDK gives up: a file it cannot read, a profile that is not there
        AWSCHAIN_KIND_MAX_,
};
const char *awschain_kind_name(enum awschain_kind kind); // stable words: "container", "keys", …

struct awschain_file {
        const char *path; // for the answer; NULL: not looked at
        const char *text; // NULL: there is no such file
        size_t n;
        bool unreadable; // it is there and cannot be read
};

struct awschain_input {
        const char *(*env)(const char *name, void *arg); // NULL: not set
        void *arg;
        struct awschain_file config,
                credentials;          // by AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, or the usual
        struct awschain_file boto[2]; // by BOTO_CONFIG, or /etc/boto.cfg and ~/.boto
};

struct awschain_source {
        enum awschain_kind kind;
        const char *path; // of the file that decides; NULL: the environment does, or nothing
        unsigned line;
        const char *key; // the setting or the variable that decides; NULL
        char text[256];  // AWSCHAIN_BROKEN: why; AWSCHAIN_PROCESS: the command; cut off where it is longer
};

// 0, -ENOMEM. What *ret points to belongs to the input or is static.
int awschain_walk(
        struct awschain_source *ret, enum awschain_sdk sdk, const struct awschain_input *in) _must_check_;
// "FILE:LINE: KEY", "the variable NAME", … Returns dst.
char *awschain_where(const struct awschain_source *s, char *dst, size_t n);
