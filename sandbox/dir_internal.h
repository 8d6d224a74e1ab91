// SPDX-License-Identifier: Apache-2.0
//
// What dir.c (which files there are) and dir_read.c (what stands in one) share.
#pragma once

#include "buf.h"
#include "dir.h"

#include "policy_decide.h"

#define DIR_FILE_MAX (64u << 10)

int dir_bad(struct err *err, const char *path, const char *what); // says it; -EBADMSG
bool dir_is_account(const char *s);

// The file with ${issuer} filled in. err names it. -ENOENT stays silent: an optional file.
int dir_read_text(struct buf *ret, const char *path, const char *issuer_name, struct err *err);
int dir_read_json(json_t **ret, const char *path, const char *issuer_name, struct err *err);
// The names in a folder that end in suffix ("": the folders), sorted; free with dir_names_free(). A folder
// that is not there is empty.
int dir_names(char ***ret, size_t *ret_n, const char *path, const char *suffix, struct err *err);
void dir_names_free(char **names, size_t n);
// Every member of o is one of known (NULL-terminated), or it is an error that names path.
int dir_only_known(json_t *o, const char *const *known, const char *path, struct err *err);

// The kinds of entry. name: the file's or folder's, without suffix. They fill *ret, also half on failure.
int dir_read_user(
        struct dir_user *ret, const struct dir *d, const char *path, const char *name, struct err *err);
int dir_read_client(
        struct dir_client *ret, const struct dir *d, const char *path, const char *name, struct err *err);
int dir_read_provider(
        struct dir_provider *ret, const struct dir *d, const char *path, const char *name, struct err *err);
int dir_read_policy(
        struct dir_policy *ret, const struct dir *d, const char *path, const char *name, struct err *err);
// service-control-policies/LEVEL/NAME.json, the levels in the order of their names.
int dir_read_controls(struct dir *d, const char *top, struct err *err);
void dir_policies_free(struct dir_policy *p, size_t n);
int dir_read_role(
        struct dir_role *ret, const struct dir *d, const char *path, const char *name, struct err *err);
