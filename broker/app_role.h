// SPDX-License-Identifier: Apache-2.0
//
// Role sessions of an app's own: where its [app …] narrows them or names them, it does not share everybody's. One for each role
// and app, made when it is first asked for, bounded in number, ended with the sign-in. They are not in the stored state: after a
// restart they are fetched anew.
#pragma once

#include "role.h"

#define APP_ROLES_MAX 128u

struct app_roles;
int app_roles_new(struct app_roles **ret, struct loop *l) _must_check_;
struct app_roles *app_roles_free(struct app_roles *a); // before the roles they come from
// The role an app gets instead of that one: that one itself where its section wants nothing of its own. Otherwise INTERNAL (no
// memory), BUSY or THROTTLED with a sentence.
enum outcome app_roles_get(struct role **ret, struct app_roles *a, struct role *base,
        const struct config_app *app, struct err *err);

void app_roles_grant_new(struct app_roles *a, const char *identity, bool same_person);
void app_roles_end(struct app_roles *a, const char *identity);        // somebody signed out
void app_roles_refresh(struct app_roles *a, const struct role *base); // NULL: all
void app_roles_drop(struct app_roles *a, const struct role *base);    // a program had it dropped
void app_roles_forget(struct app_roles *a, const struct role *base, bool signed_out); // that role goes away
