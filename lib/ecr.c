// SPDX-License-Identifier: Apache-2.0
//
// The names are those of the ECR user guide ("Private registry authentication", "Making requests over IPv6"): ACCOUNT.dkr.ecr.REGION.SUFFIX,
// with -fips behind ecr, and ACCOUNT.dkr-ecr.REGION.on.aws, the dual-stack one.
#include "ecr.h"

#include "aws_endpoint.h"
#include "b64.h"
#include "json.h"

#include <stdio.h>
#include <strings.h>

#define HOST_MAX 255

// The host of "https://HOST:PORT/path", in lower case. False where it is too long.
static bool read_host(char dst[HOST_MAX + 1], const char *server)
{
        size_t n;

        if (strncasecmp(server, "https://", 8) == 0)
                server += 8;
        n = strcspn(server, ":/?#");
        if (n == 0 || n > HOST_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                dst[i] = server[i] >= 'A' && server[i] <= 'Z' ? (char)(server[i] + 32) : server[i];
        dst[n] = 0;
        return true;
}

static bool take(const char **s, const char *word)
{
        size_t n = strlen(word);

        if (strncmp(*s, word, n) != 0)
                return false;
        *s += n;
        return true;
}

static int read_private(struct ecr_registry *r, const char *s)
{
        size_t digits = strspn(s, "0123456789"), n;
        bool fips = false, dual_stack = false;
        const char *suffix;

        if (digits != 12)
                return -ENOENT;
        memcpy(r->account, s, 12);
        s += 12;
        if (take(&s, ".dkr-ecr"))
                dual_stack = true;
        else if (!take(&s, ".dkr.ecr"))
                return -ENOENT;
        fips = take(&s, "-fips");
        n = *s == '.' ? strcspn(++s, ".") : 0;
        if (n == 0 || n >= sizeof r->region || s[n] != '.')
                return -ENOENT;
        memcpy(r->region, s, n);
        s += n + 1;
        suffix = aws_region_suffix(r->region);
        if (!suffix || (dual_stack ? strcmp(s, "on.aws") != 0 && strcmp(s, "on.amazonwebservices.com.cn") != 0
                                   : strcmp(s, suffix) != 0))
                return -ENOENT;
        snprintf(r->service, sizeof r->service, "ecr");
        snprintf(r->endpoint, sizeof r->endpoint, fips ? "https://ecr-fips.%s.%s" : "https://api.ecr.%s.%s",
                r->region, suffix);
        r->target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
        return 0;
}

int ecr_registry_parse(struct ecr_registry *ret, const char *server)
{
        struct ecr_registry r = {0};
        char host[HOST_MAX + 1] = "";
        int k;

        if (!read_host(host, server))
                return -ENOENT;
        if (strcmp(host, "public.ecr.aws") != 0 && strcmp(host, "ecr-public.aws.com") != 0) {
                k = read_private(&r, host);
        } else {
                r = (struct ecr_registry){.is_public = true,
                        .region = "us-east-1",
                        .service = "ecr-public",
                        .endpoint = "https://api.ecr-public.us-east-1.amazonaws.com",
                        .target = "SpencerFrontendService.GetAuthorizationToken"};
                k = 0;
        }
        if (k == 0)
                *ret = r;
        return k;
}

static int no_answer(struct err *err)
{
        err_set(err, "the registry's answer makes no sense");
        return -EBADMSG;
}

int ecr_answer_parse(struct secret **ret, const void *p, size_t n, struct err *err)
{
        cleanup_json json_t *o = NULL;
        cleanup_buf struct buf plain = BUF_INIT(64u << 10);
        const json_t *data;
        const char *text, *colon;
        int r = json_parse(&o, p, n, NULL);

        if (r == -ENOMEM)
                return r;
        data = r == 0 ? json_object_get(o, "authorizationData") : NULL;
        if (json_is_array(data))
                data = json_array_get(data, 0);
        if (!data || json_get_string(data, "authorizationToken", 64u << 10, &text) < 0)
                return no_answer(err);
        r = b64_decode(&plain, text, strlen(text));
        if (r < 0)
                return r == -ENOMEM ? r : no_answer(err);
        colon = memchr(buf_str(&plain), ':', plain.n);
        if (!colon || colon != buf_str(&plain) + 3 || memcmp(plain.p, "AWS", 3) != 0 || plain.n == 4 ||
                memchr(plain.p, 0, plain.n))
                return no_answer(err);
        return secret_new(ret, colon + 1, plain.n - 4);
}

const char *ecr_error_text(char *dst, size_t size, const void *p, size_t n)
{
        cleanup_json json_t *o = NULL;
        const char *type = NULL, *message = NULL;
        char text[300];

        if (json_parse(&o, p, n, NULL) < 0 || json_get_string(o, "__type", 100, &type) < 0)
                return err_sanitise(dst, size, "an error that is none of Amazon's", 33);
        if (json_get_string(o, "message", 1000, &message) < 0 &&
                json_get_string(o, "Message", 1000, &message) < 0)
                message = "";
        if (strrchr(type, '#'))
                type = strrchr(type, '#') + 1;
        snprintf(text, sizeof text, "%.80s: %.200s", type, message);
        return err_sanitise(dst, size, text, strlen(text));
}
