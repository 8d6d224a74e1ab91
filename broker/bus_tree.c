// SPDX-License-Identifier: Apache-2.0
//
// Paths and objects. A path is decoded into a name and the name looked up, so that ten thousand roles cost a call no
// more than ten do; each name has exactly one path. What a caller may not see is not there, whoever asks for it how.
#include "bus_internal.h"

#include <stdio.h>

static bool is_plain(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool bus_path(char dst[BUS_PATH_MAX], const char *folder, const char *name)
{
        static const char hex[] = "0123456789abcdef";
        size_t n = (size_t)snprintf(dst, BUS_PATH_MAX, BUS_ROOT "/%s/", folder);

        for (; *name; name++) {
                if (n + 4 > BUS_PATH_MAX)
                        return false;
                if (is_plain(*name)) {
                        dst[n++] = *name;
                        continue;
                }
                dst[n++] = '_';
                dst[n++] = hex[(unsigned char)*name >> 4];
                dst[n++] = hex[(unsigned char)*name & 15];
        }
        dst[n] = 0;
        return true;
}

static int nibble(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The name a path of that folder stands for; false: it is none, or not as bus_path() would have written it.
static bool decode(char dst[BUS_PATH_MAX], const char *path, const char *folder)
{
        char again[BUS_PATH_MAX];
        size_t skip = (size_t)snprintf(again, sizeof again, BUS_ROOT "/%s/", folder), n = 0;

        if (strncmp(path, again, skip) != 0 || strlen(path) >= BUS_PATH_MAX)
                return false;
        for (const char *p = path + skip; *p; p++) {
                int high, low;

                if (*p != '_') {
                        dst[n++] = *p;
                        continue;
                }
                high = nibble(p[1]);
                low = high < 0 ? -1 : nibble(p[2]);
                if (low < 0)
                        return false;
                dst[n++] = (char)(high << 4 | low);
                p += 2;
        }
        dst[n] = 0;
        // Neither a letter in disguise nor a NUL.
        return n > 0 && bus_path(again, folder, dst) && strcmp(again, path) == 0;
}

bool bus_object_path(char dst[BUS_PATH_MAX], const struct bus_object *o)
{
        switch (o->kind) {
        case BUS_ROLE:
                return bus_path(dst, "role", role_get_config(o->role)->name);
        case BUS_IDENTITY:
                return bus_path(dst, "identity", keeper_get_config(o->keeper)->name);
        case BUS_SIGN_IN:
                snprintf(dst, BUS_PATH_MAX, "%s", o->sign_in->path);
                return true;
        default:
                snprintf(dst, BUS_PATH_MAX, "%s", BUS_ROOT);
                return o->kind == BUS_BROKER;
        }
}

// ---- who sees what

static bool sees(const struct bus_caller *caller, const struct bus_object *o, bool by_name)
{
        switch (o->kind) {
        case BUS_ROLE:
                return handout_may_see(caller->service->broker, &caller->who, o->role, by_name);
        case BUS_IDENTITY:
                return handout_may_manage(&caller->who);
        case BUS_SIGN_IN:
                return handout_may_manage(&caller->who) || (o->sign_in && o->sign_in->caller == caller);
        default:
                return true;
        }
}

bool bus_may_see(const struct bus_caller *caller, const struct bus_object *o)
{
        return sees(caller, o, false);
}

// ---- finding

static struct bus_sign_in *find_sign_in(const struct bus_service *s, const char *path)
{
        struct bus_sign_in *x;

        TAILQ_FOREACH(x, &s->sign_ins, in_service)
        if (strcmp(path, x->path) == 0)
                return x;
        return NULL;
}

static bool is_folder(const char *path)
{
        return strcmp(path, BUS_ROOT "/role") == 0 || strcmp(path, BUS_ROOT "/identity") == 0 ||
               strcmp(path, BUS_ROOT "/sign_in") == 0;
}

bool bus_find(const struct bus_caller *caller, const char *path, struct bus_object *ret)
{
        struct bus_service *s = caller->service;
        char name[BUS_PATH_MAX];

        *ret = (struct bus_object){.service = s};
        if (strcmp(path, BUS_ROOT) == 0)
                ret->kind = BUS_BROKER;
        else if (is_folder(path))
                return true;
        else if (decode(name, path, "role") &&
                 broker_find_role(s->broker, name, &ret->role, NULL) == OUTCOME_OK)
                ret->kind = BUS_ROLE;
        else if (decode(name, path, "identity") &&
                 broker_find_identity(s->broker, name, &ret->keeper, NULL) == OUTCOME_OK)
                ret->kind = BUS_IDENTITY;
        else if ((ret->sign_in = find_sign_in(s, path)))
                ret->kind = BUS_SIGN_IN;
        return ret->kind != BUS_NODE && sees(caller, ret, true);
}

// ---- listing

bool bus_for_each(const struct bus_caller *caller, enum bus_kind kind,
        bool (*each)(const struct bus_object *o, const char *path, void *arg), void *arg)
{
        struct bus_object o = {.kind = kind, .service = caller->service};
        struct broker *b = caller->service->broker;
        struct keeper *const *keepers;
        struct role *const *roles;
        char path[BUS_PATH_MAX];
        size_t n = kind == BUS_ROLE ? broker_roles(b, &roles) : 0;
        size_t m = kind == BUS_IDENTITY ? broker_identities(b, &keepers) : 0;

        for (size_t i = 0; i < n; i++) {
                o.role = roles[i];
                if (bus_may_see(caller, &o) && bus_object_path(path, &o) && !each(&o, path, arg))
                        return false;
        }
        for (size_t i = 0; i < m; i++) {
                o.keeper = keepers[i];
                if (bus_may_see(caller, &o) && bus_object_path(path, &o) && !each(&o, path, arg))
                        return false;
        }
        if (kind == BUS_SIGN_IN)
                TAILQ_FOREACH(o.sign_in, &caller->service->sign_ins, in_service)
        if (o.sign_in->prompted && bus_may_see(caller, &o) && !each(&o, o.sign_in->path, arg))
                return false;
        return true;
}
