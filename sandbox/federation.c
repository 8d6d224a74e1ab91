// SPDX-License-Identifier: Apache-2.0
//
// As AWS documents it: getSigninToken takes a session's three values as JSON, login takes the token for 15 minutes and
// sends the browser on to its destination. AWS's answer to credentials that are none is not documented; here it is 400.
#include "federation.h"

#include "json.h"
#include "log.h"
#include "random.h"
#include "sts_internal.h"

#define LIFE_S       900
#define DOCUMENT_MAX (64u << 10)

const char *federation_operation_name(const struct web_request *r)
{
        const char *action = web_param(r, "Action");

        return action && strcmp(action, "getSigninToken") == 0 ? "federation.getSigninToken"
               : action && strcmp(action, "login") == 0        ? "federation.login"
                                                               : "federation.other";
}

static void refuse(struct web_request *r, const char *why)
{
        log_event(LOG_E_NOTICE, "federation.refused", "request=%s why=%s", r->id, why);
        web_reply(r, 400, "text/plain", "Bad Request\n", 12, NULL);
}

static bool is(const json_t *session, const char *member, const char *want)
{
        const char *s;

        return json_get_string(session, member, DOCUMENT_MAX, &s) == 0 && strcmp(s, want) == 0;
}

static void get_signin_token(struct web_request *r)
{
        struct sts *sts = r->cloud->sts;
        struct sts_signin *slot = &sts->signins[sts->next_signin % STS_SIGNINS_MAX];
        const char *text = web_param(r, "Session"), *id;
        cleanup_json json_t *session = NULL;
        const struct sts_session *s = NULL;

        if (text && json_parse(&session, text, strlen(text), NULL) == 0 &&
                json_get_string(session, "sessionId", 128, &id) == 0 && *id)
                s = sts_session_find(sts, id);
        if (!s || !is(session, "sessionKey", secret_str(s->secret_access_key)) ||
                !is(session, "sessionToken", secret_str(s->session_token))) {
                refuse(r, "Session holds no credentials of this sandbox");
                return;
        }
        if (sts_now_s(r) >= s->expires_s) {
                refuse(r, "the session has expired");
                return;
        }
        if (random_hex(slot->token, (sizeof slot->token - 1) / 2) < 0) {
                sts_out_of_memory(r);
                return;
        }
        slot->ends_s = sts_now_s(r) + LIFE_S;
        sts->next_signin++;
        log_event(LOG_E_INFO, "federation.token", "request=%s arn=%s", r->id, s->arn);
        web_reply_json(r, 200, json_pack("{s:s}", "SigninToken", slot->token));
}

static void login(struct web_request *r)
{
        const char *token = web_param(r, "SigninToken"), *destination = web_param(r, "Destination");
        const char *const location[] = {"Location", destination, NULL};
        struct sts *sts = r->cloud->sts;

        for (size_t i = 0; token && *token && i < STS_SIGNINS_MAX; i++) {
                const struct sts_signin *s = &sts->signins[i];

                if (strcmp(s->token, token) != 0 || sts_now_s(r) >= s->ends_s)
                        continue;
                if (!destination || !*destination || strpbrk(destination, "\r\n"))
                        break;
                log_event(LOG_E_INFO, "federation.login", "request=%s", r->id);
                web_reply(r, 302, "text/plain", "", 0, location);
                return;
        }
        refuse(r, "no such sign-in token, or it has ended, or no destination");
}

void federation_handle(struct web_request *r)
{
        const char *op = federation_operation_name(r);

        if (strcmp(op, "federation.getSigninToken") == 0)
                get_signin_token(r);
        else if (strcmp(op, "federation.login") == 0)
                login(r);
        else
                refuse(r, "no such Action");
}
