// SPDX-License-Identifier: Apache-2.0
//
// A path that comes twice makes the answer ambiguous, and it is refused: a second ARN further down would be the one that
// somebody else reads.
#include "sts_caller_identity.h"

#include "sts.h"
#include "sts_xml.h"

#define ROOT     "GetCallerIdentityResponse"
#define RESULT   ROOT "/GetCallerIdentityResult"
#define TEXT_MAX 2048u

enum {
        F_RESULT,
        F_METADATA,
        F_ARN,
        F_ACCOUNT,
        F_USER_ID,
        F_REQUEST_ID,
        F_MAX_
};
static const char *const paths[F_MAX_] = {
        [F_RESULT] = RESULT,
        [F_METADATA] = ROOT "/ResponseMetadata",
        [F_ARN] = RESULT "/Arn",
        [F_ACCOUNT] = RESULT "/Account",
        [F_USER_ID] = RESULT "/UserId",
        [F_REQUEST_ID] = ROOT "/ResponseMetadata/RequestId",
};

struct answer {
        struct sts_caller_identity c;
        unsigned seen;
        struct err *err;
};

static int wrong(struct answer *a, const char *what)
{
        err_set(a->err, "the answer of STS %s", what);
        return -EBADMSG;
}

static size_t field_of(const char *path)
{
        size_t i = 0;

        while (i < F_MAX_ && strcmp(paths[i], path) != 0)
                i++;
        return i;
}

static int on_enter(const char *path, void *arg)
{
        struct answer *a = arg;
        size_t f = field_of(path), root = strlen(ROOT);

        if (strncmp(path, ROOT, root) != 0 || (path[root] && path[root] != '/'))
                return wrong(a, "is not the answer to GetCallerIdentity");
        if (f == F_MAX_)
                return 0;
        if (a->seen & 1u << f)
                return wrong(a, "names something twice");
        a->seen |= 1u << f;
        return 0;
}

static int on_leaf(const char *path, const char *s, size_t n, void *arg)
{
        struct answer *a = arg;
        char **to[F_MAX_] = {[F_ARN] = &a->c.arn,
                [F_ACCOUNT] = &a->c.account,
                [F_USER_ID] = &a->c.user_id,
                [F_REQUEST_ID] = &a->c.request_id};
        size_t f = field_of(path);

        if (f == F_MAX_ || !to[f])
                return 0;
        if (n > TEXT_MAX)
                return wrong(a, "holds a name that is too long");
        *to[f] = malloc(n + 1);
        if (!*to[f])
                return -ENOMEM;
        err_sanitise(*to[f], n + 1, s, n);
        return 0;
}

int sts_caller_identity_request(struct buf *out)
{
        return buf_append_str(out, "Action=GetCallerIdentity&Version=2011-06-15");
}

int sts_caller_identity_parse(struct sts_caller_identity *ret, const void *xml, size_t n, struct err *err)
{
        struct answer a = {.err = err};
        const struct sts_xml_handler h = {.enter = on_enter, .leaf = on_leaf, .arg = &a};
        int r = sts_xml_read(xml, n, STS_ANSWER_MAX, &h, err);

        if (r == 0 && (!a.c.arn || strncmp(a.c.arn, "arn:", 4) != 0))
                r = wrong(&a, "holds no ARN");
        if (r == 0 && !a.c.account)
                r = (a.c.account = strdup("")) ? 0 : -ENOMEM;
        if (r == 0 && !a.c.user_id)
                r = (a.c.user_id = strdup("")) ? 0 : -ENOMEM;
        if (r < 0) {
                sts_caller_identity_deinit(&a.c);
                return err_trace(r);
        }
        *ret = a.c;
        return 0;
}

void sts_caller_identity_deinit(struct sts_caller_identity *c)
{
        free(c->arn);
        free(c->account);
        free(c->user_id);
        free(c->request_id);
        *c = (struct sts_caller_identity){0};
}
