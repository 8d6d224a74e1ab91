// SPDX-License-Identifier: Apache-2.0
//
// Approving a sign-in. By itself through the sandbox's control address, as a person would with a browser; or
// by a person, who is shown the message as PAM wrote it.
#include "run_approve.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>

bool approve_find_code(const char *text, char ret[10])
{
        for (size_t i = 0; text[i]; i++) {
                size_t n = 0;

                if (i > 0 && (isalnum((unsigned char)text[i - 1]) || text[i - 1] == '-'))
                        continue;
                while (n < 9 &&
                        (n == 4 ? text[i + n] == '-'
                                : isupper((unsigned char)text[i + n]) || isdigit((unsigned char)text[i + n])))
                        n++;
                if (n == 9 && !isalnum((unsigned char)text[i + 9]) && text[i + 9] != '-') {
                        snprintf(ret, 10, "%.9s", text + i);
                        return true;
                }
        }
        return false;
}

static size_t discard(char *p, size_t size, size_t n, void *arg)
{
        (void)p;
        (void)arg;
        return size * n;
}

static int post_decision(const struct sign_in *s, const char *code)
{
        char url[128], form[256];
        CURL *c = curl_easy_init();
        char *user = c ? curl_easy_escape(c, s->as ? s->as : s->world->user, 0) : NULL;
        CURLcode rc = CURLE_OUT_OF_MEMORY;
        long status = 0;

        if (user) {
                snprintf(url, sizeof url, "%s/_sandbox/approve", s->world->base);
                snprintf(form, sizeof form, "user_code=%s&user=%s&decision=%s", code, user,
                        s->approve == APPROVE_DENY ? "deny" : "allow");
                curl_easy_setopt(c, CURLOPT_URL, url);
                curl_easy_setopt(c, CURLOPT_PROXY, "");
                curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
                curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 20000L);
                curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, discard);
                curl_easy_setopt(c, CURLOPT_POSTFIELDS, form);
                rc = curl_easy_perform(c);
                curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        }
        curl_free(user);
        curl_easy_cleanup(c);
        if (rc == CURLE_OK && status / 100 == 2)
                return 0;
        if (rc != CURLE_OK)
                fprintf(stderr, "valetkey-sandbox: the approval was not delivered: %s.\n",
                        curl_easy_strerror(rc));
        else
                fprintf(stderr, "valetkey-sandbox: the sandbox refused the approval (HTTP %ld).\n", status);
        return -EIO;
}

int approve_message(struct approval *a, const char *text, bool prompt, bool error)
{
        const struct sign_in *s = a->sign_in;
        char code[10];
        int c;

        if (s->show || error || s->approve == APPROVE_MANUAL) {
                fprintf(stderr, "%s%s", text, prompt ? "" : "\n");
                fflush(stderr);
        }
        if (approve_find_code(text, code) && strcmp(code, a->answered) != 0) {
                snprintf(a->answered, sizeof a->answered, "%s", code);
                if ((s->approve == APPROVE_AUTO || s->approve == APPROVE_DENY) && post_decision(s, code) < 0)
                        return -EIO;
        }
        if (!prompt)
                return 0;
        if (s->approve == APPROVE_MANUAL) {
                do {
                        c = getchar();
                } while (c != EOF && c != '\n');
        } else if (s->show) {
                fputc('\n', stderr);
        }
        return 0;
}
