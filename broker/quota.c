// SPDX-License-Identifier: Apache-2.0
//
// An account lives as long as it has an entry. They stand in a small hash table, so that a thousand programs with a connection
// each cost as much for each as one.
#include "quota.h"

#include <stdio.h>

#define BUCKETS     256u
#define PER_PROCESS 1024u
#define PER_SANDBOX 256u

struct quota_account {
        struct quota_account *next, **link;
        unsigned n;
        char key[]; // "pid 123", "flatpak org.example.App"
};

struct quota {
        struct quota_account *buckets[BUCKETS];
};

static unsigned bucket_of(const char *s)
{
        unsigned h = 5381;

        while (*s)
                h = h * 33 + (unsigned char)*s++;
        return h % BUCKETS;
}

static struct quota_account *make(struct quota_account **bucket, const char *key)
{
        size_t n = strlen(key) + 1;
        struct quota_account *a = malloc(sizeof *a + n);

        if (!a)
                return NULL;
        *a = (struct quota_account){.next = *bucket, .link = bucket};
        memcpy(a->key, key, n);
        if (a->next)
                a->next->link = &a->next;
        *bucket = a;
        return a;
}

int quota_enter(struct quota *q, const struct caller *who, struct quota_account **ret)
{
        unsigned max = caller_is_sandboxed(who) ? PER_SANDBOX : PER_PROCESS;
        char key[APP_ID_MAX + 16];
        struct quota_account **bucket, *a;

        if (caller_is_sandboxed(who))
                caller_describe(who, key, sizeof key);
        else
                snprintf(key, sizeof key, "pid %d", (int)who->pid);
        bucket = &q->buckets[bucket_of(key)];
        for (a = *bucket; a && strcmp(a->key, key) != 0; a = a->next)
                ;
        if (!a)
                a = make(bucket, key);
        if (!a)
                return -ENOMEM;
        if (a->n >= max)
                return -EBUSY;
        a->n++;
        *ret = a;
        return 0;
}

struct quota_account *quota_leave(struct quota_account *a)
{
        if (!a || --a->n > 0)
                return NULL;
        *a->link = a->next;
        if (a->next)
                a->next->link = a->link;
        free(a);
        return NULL;
}

int quota_new(struct quota **ret)
{
        *ret = calloc(1, sizeof **ret);
        return *ret ? 0 : -ENOMEM;
}

struct quota *quota_free(struct quota *q)
{
        free(q);
        return NULL;
}
