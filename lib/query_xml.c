// SPDX-License-Identifier: Apache-2.0
//
// The reader below (sts_xml.h) tells of elements by their path. What an element is (a text, a list, an object) is known when its
// first child begins, or when it has ended without one.
#include "query_xml.h"

#include "json.h"
#include "sts_xml.h"

struct node {
        char name[64];
        json_t *value; // borrowed from its parent, or the root's; NULL: no child has begun
};

struct builder {
        struct node open[STS_XML_DEPTH_MAX + 1];
        json_t *root; // owned
        char *ret_root;
        struct err *err;
};

static int bad(struct builder *b, const char *what)
{
        err_set(b->err, "the answer %s", what);
        return -EBADMSG;
}

static size_t depth_of(const char *path)
{
        size_t n = 0;

        for (; *path; path++)
                n += *path == '/';
        return n;
}

// Takes value.
static int attach(struct builder *b, size_t depth, json_t *value)
{
        json_t *parent = b->open[depth - 1].value;
        const char *name = b->open[depth].name;
        int r;

        if (!value)
                return -ENOMEM;
        if (json_is_array(parent) != (strcmp(name, "member") == 0)) {
                json_decref(value);
                return bad(b, "mixes list and members");
        }
        if (json_is_object(parent) && json_object_get(parent, name)) {
                json_decref(value);
                return bad(b, "names something twice");
        }
        r = json_is_array(parent) ? json_array_append_new(parent, value)
                                  : json_object_set_new(parent, name, value);
        return r < 0 ? -ENOMEM : 0;
}

// The element at this depth has a child of that name: it is a list or an object.
static int become_parent(struct builder *b, size_t depth, const char *child)
{
        struct node *n = &b->open[depth];
        json_t *value;

        if (n->value)
                return 0;
        value = strcmp(child, "member") == 0 ? json_array() : json_object();
        n->value = value;
        if (depth > 0)
                return attach(b, depth, value);
        b->root = value;
        return value ? 0 : -ENOMEM;
}

static int on_enter(const char *path, void *arg)
{
        struct builder *b = arg;
        size_t depth = depth_of(path);
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        if (depth > STS_XML_DEPTH_MAX || strlen(name) >= sizeof b->open[0].name)
                return bad(b, "has a name that is too long");
        if (depth == 0 && b->ret_root)
                memcpy(b->ret_root, path, strlen(path) + 1);
        b->open[depth].value = NULL;
        memcpy(b->open[depth].name, name, strlen(name) + 1);
        return depth > 0 ? become_parent(b, depth - 1, name) : 0;
}

static int on_leaf(const char *path, const char *text, size_t n, void *arg)
{
        struct builder *b = arg;
        size_t depth = depth_of(path);
        json_t *value = json_stringn(text, n); // NULL for what is no UTF-8, which expat has refused already

        if (depth > 0)
                return attach(b, depth, value);
        json_decref(value);
        return bad(b, "is empty");
}

int query_xml_read(json_t **ret, char *root, const void *xml, size_t n, size_t max, struct err *err)
{
        struct builder b = {.ret_root = root, .err = err};
        const struct sts_xml_handler h = {.enter = on_enter, .leaf = on_leaf, .arg = &b};
        int r = sts_xml_read(xml, n, max, &h, err);

        if (r < 0) {
                json_decref(b.root);
                return r;
        }
        *ret = b.root;
        return 0;
}
