// SPDX-License-Identifier: Apache-2.0
//
// The options of curl 7.88 that are about the request and its output; tests hold them against what the installed curl says of itself.
#include "curl_options.h"

static const char *const values[] = {"cookie", "cookie-jar", "connect-timeout", "continue-at",
        "create-file-mode", "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "dump-header",
        "etag-compare", "etag-save", "expect100-timeout", "form", "form-string", "header", "json", "libcurl",
        "limit-rate", "max-filesize", "max-redirs", "max-time", "output", "output-dir", "parallel-max",
        "range", "rate", "referer", "request", "request-target", "retry", "retry-delay", "retry-max-time",
        "speed-limit", "speed-time", "stderr", "time-cond", "trace", "trace-ascii", "upload-file", "url",
        "url-query", "user-agent", "write-out", "cacert"};
static const char *const flags[] = {"buffer", "clobber", "compressed", "create-dirs", "crlf", "fail",
        "fail-early", "fail-with-body", "form-escape", "get", "globoff", "head", "http1.0", "http1.1",
        "ignore-content-length", "include", "junk-session-cookies", "keepalive", "location",
        "location-trusted", "next", "no-buffer", "no-clobber", "no-keepalive", "no-progress-meter",
        "no-sessionid", "parallel", "parallel-immediate", "path-as-is", "post301", "post302", "post303",
        "progress-bar", "progress-meter", "raw", "remote-header-name", "remote-name", "remote-name-all",
        "remote-time", "remove-on-error", "retry-all-errors", "retry-connrefused", "show-error", "silent",
        "styled-output", "tr-encoding", "trace-time", "use-ascii", "verbose", "xattr"};

static bool is_in(const char *const *list, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i], name) == 0)
                        return true;
        return false;
}

enum curl_option curl_option_long(const char *name)
{
        if (is_in(values, ARRAY_SIZE(values), name))
                return CURL_OPTION_VALUE;
        if (is_in(flags, ARRAY_SIZE(flags), name))
                return CURL_OPTION_FLAG;
        if (strncmp(name, "no-", 3) == 0 && is_in(flags, ARRAY_SIZE(flags), name + 3))
                return CURL_OPTION_FLAG;
        return CURL_OPTION_OTHER;
}

enum curl_option curl_option_short(char c)
{
        if (c && strchr("CbcdDFHmoreXYyzTAw", c))
                return CURL_OPTION_VALUE;
        return c && strchr("fgGiIjLN#JOR0SsvZB", c) ? CURL_OPTION_FLAG : CURL_OPTION_OTHER;
}
