// SPDX-License-Identifier: Apache-2.0
//
// pam_valetkey: the five entry points and the order of their steps. It runs inside sshd, login, gdm, cron: it
// owns nothing there, keeps nothing between two calls but the handle of a sign-in, and knows four answers.
//
//   not ours          PAM_USER_UNKNOWN (authenticate, account), PAM_IGNORE (the rest): proved from files, others decide
//   ours, good        PAM_SUCCESS
//   ours, not good    the code of wire/outcome.c
//   cannot tell       never success where it matters: PAM_AUTHINFO_UNAVAIL; a session is not refused for our sake
//
// Every function starts from a failure and has to earn anything better.
#include "ask.h"
#include "furnish.h"
#include "handle.h"
#include "home.h"
#include "name.h"
#include "talk.h"
#include "wake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <security/pam_ext.h>

// Everything is hidden but these; pam/module.map says so once more.
#define ENTRY __attribute__((visibility("default")))

#define PROMPTS_MAX         4                // of one sign-in
#define TEXT_MAX            (16 * 1024)      // of one prompt
#define REQUEST_MAX         (20 * 1024)      // with what sshd says of earlier factors
#define PRIOR_MAX           (16 * 1024)      // of that
#define MESSAGE_MAX         512              // of one failure
#define SIGN_IN_PATIENCE_MS (30 * 60 * 1000) // whatever the daemon says a code's life is
#define SESSION_PATIENCE_MS 5000
#define HINT_PATIENCE_MS    2000
#define PORT_PATIENCE_MS    1000

// wire/outcome.c spells these as numbers because it may not include PAM's headers.
_Static_assert(PAM_SUCCESS == 0 && PAM_SYSTEM_ERR == 4 && PAM_PERM_DENIED == 6 && PAM_AUTH_ERR == 7 &&
                       PAM_AUTHINFO_UNAVAIL == 9 && PAM_USER_UNKNOWN == 10 && PAM_MAXTRIES == 11 &&
                       PAM_ACCT_EXPIRED == 13 && PAM_IGNORE == 25,
        "the numbers of wire/outcome.c are Linux-PAM's");

struct call {
        pam_handle_t *pamh;
        unsigned flags;
        struct arguments args;
        const char *user, *service, *rhost, *tty, *ruser; // borrowed from PAM; all but user may be NULL
        struct ours_user who;
};

static const char *item(pam_handle_t *pamh, int which)
{
        const void *p = NULL;

        if (pam_get_item(pamh, which, &p) != PAM_SUCCESS || !p || !*(const char *)p)
                return NULL;
        return p;
}

// Reads the arguments, the items and the tables. PAM_SUCCESS, and c->who says whose user it is; or the code
// to return at once.
static int begin(struct call *c, pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct ours_paths paths;

        *c = (struct call){.pamh = pamh, .flags = (unsigned)flags};
        if (!arguments_read(&c->args, pamh, argc, argv))
                return PAM_SERVICE_ERR;
        if (pam_get_user(pamh, &c->user, NULL) != PAM_SUCCESS || !c->user)
                return PAM_SYSTEM_ERR;
        c->service = item(pamh, PAM_SERVICE);
        c->rhost = item(pamh, PAM_RHOST);
        c->tty = item(pamh, PAM_TTY);
        c->ruser = item(pamh, PAM_RUSER);
        paths = arguments_paths(&c->args);
        ours_find(&c->who, &paths, c->user);
        if (c->who.fault)
                pam_syslog(pamh, LOG_ERR, "%s: %s", c->who.fault_path, table_result_text(c->who.fault));
        return PAM_SUCCESS;
}

// The one place where an outcome becomes a PAM code.
static int end(struct call *c, enum outcome o, const char *message)
{
        if (o == OUTCOME_OK)
                return PAM_SUCCESS;
        pam_syslog(c->pamh, LOG_NOTICE, "user %s: %s%s%s", c->user, outcome_info(o)->id, message ? ": " : "",
                message ? message : "");
        talk_failure(c->pamh, c->flags, o, message);
        return outcome_info(o)->pam_code;
}

static int cannot_tell(struct call *c)
{
        char text[MESSAGE_MAX];

        snprintf(text, sizeof text, "Sign-in is not possible now: %s. Please tell the administrator.",
                c->who.fault > 0 ? table_result_text(c->who.fault) : "the user table cannot be read");
        talk_failure(c->pamh, c->flags, OUTCOME_NO_DAEMON, text);
        return PAM_AUTHINFO_UNAVAIL;
}

static void log_fault(const struct call *c, const struct ask *a, const char *what)
{
        if (a->fault)
                pam_syslog(c->pamh, LOG_ERR, "%s: %s: %s%s%s", what, c->args.socket, a->fault,
                        a->error ? ": " : "", a->error ? strerrordesc_np(a->error) : "");
}

// ---- authenticate

// A string field into memory of its own, cleaned; NULL when absent or too long.
static char *dup_text(const struct frame *f, uint16_t tag, size_t max)
{
        char *s = malloc(max);

        if (!s || !frame_get_str(f, tag, s, max)) {
                free(s);
                return NULL;
        }
        talk_clean(s);
        return s;
}

// Shows one prompt. *deadline moves to the end of the code's life.
static enum outcome show(struct call *c, const struct frame *f, int64_t *deadline)
{
        char *text = dup_text(f, TAG_TEXT, TEXT_MAX);
        uint32_t expires_s;
        int64_t until;
        int r;

        if (!text || !frame_get_u32(f, TAG_EXPIRES_IN, &expires_s)) {
                free(text);
                return OUTCOME_NO_DAEMON;
        }
        until = ask_now_ms() +
                (expires_s > SIGN_IN_PATIENCE_MS / 1000 ? SIGN_IN_PATIENCE_MS : (int64_t)expires_s * 1000);
        r = talk_prompt(c->pamh, text);
        free(text);
        // The daemon ends the flow itself when the code expires, and says so; this is for a daemon that does
        // not.
        *deadline = until + c->args.timeout_ms;
        return r == PAM_SUCCESS ? OUTCOME_OK : OUTCOME_CANCELLED;
}

static enum outcome keep(struct call *c, const struct frame *f)
{
        char handle[HANDLE_HEX + 1];
        enum outcome o = OUTCOME_NO_DAEMON;

        // His account was made between our look into the table and the daemon's: the application knows nothing of it.
        if (c->who.kind == OURS_NEWCOMER)
                return OUTCOME_ACCOUNT_MADE;
        if (frame_get_str(f, TAG_HANDLE, handle, sizeof handle) && handle_is_valid(handle))
                o = handle_keep(c->pamh, handle, c->user) == PAM_SUCCESS ? OUTCOME_OK : OUTCOME_INTERNAL;
        explicit_bzero(handle, sizeof handle);
        return o;
}

// sshd says in its own process's PAM environment which factors have succeeded before, and with which key. What does not fit
// is left out: less is believed then, never more.
static const char *prior(struct call *c)
{
        const char *s = pam_getenv(c->pamh, "SSH_AUTH_INFO_0");

        if (!s || !*s)
                return NULL;
        if (strlen(s) <= PRIOR_MAX)
                return s;
        pam_syslog(c->pamh, LOG_WARNING, "what sshd says of earlier factors is too long, and ignored");
        return NULL;
}

// Who runs su or sudo, where that is a name such as ours; others are told by nothing.
static const char *ruser(const struct call *c)
{
        return c->ruser && name_is_valid_user(c->ruser, strlen(c->ruser)) ? c->ruser : NULL;
}

static enum outcome send_request(struct call *c, struct ask *a)
{
        uint8_t *room = malloc(REQUEST_MAX);
        struct frame_writer w;
        enum outcome o;

        if (!room)
                return OUTCOME_INTERNAL;
        frame_begin(&w, room, REQUEST_MAX, MSG_AUTHENTICATE);
        frame_put_str(&w, TAG_USER, c->user);
        frame_put_str(&w, TAG_SERVICE, c->service ? c->service : "");
        frame_put_str(&w, TAG_RHOST, c->rhost);
        frame_put_str(&w, TAG_TTY, c->tty);
        frame_put_str(&w, TAG_PRIOR, prior(c));
        frame_put_str(&w, TAG_RUSER, ruser(c));
        o = ask_send(a, room, frame_end(&w));
        free(room);
        return o;
}

// From the request to the handle; *ret_message is the daemon's sentence about a failure, to be freed.
static enum outcome sign_in(struct call *c, struct ask *a, char **ret_message)
{
        struct frame f;
        int64_t deadline = ask_now_ms() + c->args.timeout_ms;
        enum outcome o = ask_open(a, &c->args, deadline);

        if (o == OUTCOME_OK)
                o = send_request(c, a);
        for (int prompts = 0; o == OUTCOME_OK;) {
                o = ask_receive(a, &f, deadline);
                if (o != OUTCOME_OK)
                        break;
                if (f.type == MSG_AUTHENTICATED)
                        return keep(c, &f);
                if (f.type == MSG_VERIFIED) // a sign-in of a moment ago, or a locker's: nothing to hand over
                        return c->who.kind == OURS_NEWCOMER ? OUTCOME_ACCOUNT_MADE : OUTCOME_OK;
                if (f.type == MSG_ERROR) {
                        *ret_message = dup_text(&f, TAG_MESSAGE, MESSAGE_MAX);
                        return ask_error(&f);
                }
                if (f.type != MSG_PROMPT || prompts++ == PROMPTS_MAX)
                        return OUTCOME_NO_DAEMON;
                o = show(c, &f, &deadline);
        }
        return o;
}

ENTRY int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct ask a = ASK_INIT;
        char *message = NULL;
        struct call c;
        enum outcome o;
        int r = begin(&c, pamh, flags, argc, argv);

        if (r != PAM_SUCCESS)
                return r;
        switch (c.who.kind) {
        case OURS_NOT:
                return PAM_USER_UNKNOWN;
        case OURS_NEWCOMER:
        case OURS_LOCAL:
        case OURS_FEDERATED:
                o = sign_in(&c, &a, &message);
                log_fault(&c, &a, "sign-in");
                ask_close(&a);
                r = end(&c, o, message);
                free(message);
                return r;
        case OURS_UNKNOWN:
                break;
        }
        return cannot_tell(&c);
}

// ---- account

static int check_home(struct call *c)
{
        char text[MESSAGE_MAX];

        // A local user's home is the administrator's matter.
        if (c->who.kind != OURS_FEDERATED || c->args.any_home ||
                home_is_own(c->who.entry.home, c->who.uid, text, sizeof text))
                return PAM_SUCCESS;
        return end(c, OUTCOME_ACCESS_DENIED, text);
}

ENTRY int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct call c;
        int r = begin(&c, pamh, flags, argc, argv);

        if (r != PAM_SUCCESS)
                return r;
        if (c.who.kind == OURS_NOT)
                return PAM_USER_UNKNOWN;
        if (c.who.kind == OURS_NEWCOMER)
                return end(&c, OUTCOME_ACCESS_DENIED,
                        "This account is made by its first sign-in at the identity provider.");
        if (c.who.kind != OURS_LOCAL && c.who.kind != OURS_FEDERATED)
                return cannot_tell(&c);
        switch (ours_standing(&c.who, (int64_t)time(NULL), c.args.max_offline_age_s)) {
        case STANDING_GOOD:
                return check_home(&c);
        case STANDING_LOCKED:
                return end(&c, OUTCOME_ACCOUNT_LOCKED, NULL);
        case STANDING_EXPIRED:
                return end(&c, OUTCOME_ACCOUNT_EXPIRED, "This account has expired.");
        case STANDING_REFUSED:
                return end(&c, OUTCOME_ACCOUNT_EXPIRED,
                        "The identity provider did not renew this account's sign-in: sign in there again.");
        case STANDING_TOO_OLD:
                return end(&c, OUTCOME_ACCOUNT_EXPIRED,
                        "This account has not signed in at its identity provider for too long.");
        case STANDING_CLOCK_WRONG:
                return end(&c, OUTCOME_CLOCK_SKEW, NULL);
        }
        return PAM_SYSTEM_ERR;
}

// ---- the handle's ways

static const char *failure_of(uint16_t type)
{
        switch (type) {
        case MSG_COMMIT:
                return "the sign-in was not handed over";
        case MSG_DROP:
                return "the sign-in was not dropped";
        case MSG_PORT:
                return "the user's port was not told";
        default:
                return "the end of the session was not told";
        }
}

// Sends one message about a handle or a user, and waits for MSG_OK. *ret_port (may be NULL): the user's port, where the
// answer tells it.
static enum outcome tell(
        struct call *c, uint16_t type, const char *handle, int64_t patience_ms, uint32_t *ret_port)
{
        struct ask a = ASK_INIT;
        struct frame_writer w;
        uint8_t room[2048];
        struct frame f;
        enum outcome o;

        frame_begin(&w, room, sizeof room, type);
        frame_put_str(&w, TAG_HANDLE, handle);
        if (type == MSG_PORT)
                frame_put_u32(&w, TAG_UID, (uint32_t)c->who.uid);
        else if (type != MSG_DROP)
                frame_put_str(&w, TAG_USER, c->user);
        if (type == MSG_COMMIT) {
                frame_put_str(&w, TAG_SERVICE, c->service ? c->service : "");
                frame_put_str(&w, TAG_RHOST, c->rhost);
        }
        o = ask_once(&a, &c->args, patience_ms, room, frame_end(&w), MSG_OK, &f);
        explicit_bzero(room, sizeof room);
        if (o != OUTCOME_OK)
                log_fault(c, &a, failure_of(type));
        else if (ret_port && !frame_get_u32(&f, TAG_PORT, ret_port))
                *ret_port = 0;
        ask_close(&a);
        return o;
}

// Hands a sign-in over to the session's user and wakes his broker. Nothing here fails a login. *ret_port: the user's
// port, where the daemon told it; *ret_asked: it does not have to be asked for it again, having told or not answered.
static void hand_over(struct call *c, uint32_t *ret_port, bool *ret_asked)
{
        char handle[HANDLE_HEX + 1];
        int r;

        *ret_port = 0;
        *ret_asked = false;
        if (handle_take(c->pamh, c->user, handle) && c->who.kind != OURS_NOT)
                *ret_asked = tell(c, MSG_COMMIT, handle, SESSION_PATIENCE_MS, ret_port) ==
                                     OUTCOME_NO_DAEMON || // logged there
                             *ret_port != 0;
        explicit_bzero(handle, sizeof handle);
        if (c->who.kind != OURS_LOCAL && c->who.kind != OURS_FEDERATED)
                return;
        r = wake_broker(c->args.runtime_base, c->who.uid, c->who.gid);
        if (r < 0)
                pam_syslog(c->pamh, LOG_DEBUG, "the broker was not woken, ignoring: %s", strerrordesc_np(-r));
}

// Tells the session's programs where the user's port is. Nothing here fails a login either.
static void furnish(struct call *c, uint32_t port, bool asked)
{
        const char *why;

        if (c->args.session_environment == SESSION_NONE ||
                (c->who.kind != OURS_LOCAL && c->who.kind != OURS_FEDERATED))
                return;
        if (!asked)
                (void)tell(c, MSG_PORT, NULL, PORT_PATIENCE_MS, &port); // logged there
        why = furnish_set(c->pamh, &c->args, c->who.uid, port);
        if (why)
                pam_syslog(c->pamh, LOG_DEBUG, "the session's environment stays as it is: %s", why);
}

ENTRY int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        char handle[HANDLE_HEX + 1];
        struct call c;
        uint32_t port;
        bool asked;
        int r = begin(&c, pamh, flags, argc, argv);

        if (r != PAM_SUCCESS)
                return r;
        if (c.who.kind == OURS_NOT)
                return PAM_IGNORE;
        if (c.flags & PAM_DELETE_CRED) {
                if (handle_take(pamh, c.user, handle))
                        (void)tell(&c, MSG_DROP, handle, HINT_PATIENCE_MS,
                                NULL); // logged there; it expires by itself
                explicit_bzero(handle, sizeof handle);
                return PAM_SUCCESS;
        }
        if (c.who.kind == OURS_UNKNOWN || c.who.kind == OURS_NEWCOMER)
                return PAM_CRED_UNAVAIL;
        // A screen locker opens no session: what was signed in just now goes to the one that is there.
        if (c.flags & (PAM_REINITIALIZE_CRED | PAM_REFRESH_CRED))
                hand_over(&c, &port, &asked);
        return PAM_SUCCESS;
}

ENTRY int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct call c;
        uint32_t port;
        bool asked;
        int r = begin(&c, pamh, flags, argc, argv);

        if (r != PAM_SUCCESS) {
                handle_forget(pamh); // out of the session's environment all the same
                return r;
        }
        if (c.who.kind == OURS_NEWCOMER) {
                handle_forget(pamh);
                return PAM_SESSION_ERR; // nobody has that uid yet
        }
        hand_over(&c, &port, &asked);
        furnish(&c, port, asked);
        return c.who.kind == OURS_NOT ? PAM_IGNORE : PAM_SUCCESS;
}

ENTRY int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct call c;
        int r = begin(&c, pamh, flags, argc, argv);

        if (r != PAM_SUCCESS)
                return r;
        if (c.who.kind == OURS_NOT)
                return PAM_IGNORE;
        if (c.who.kind == OURS_NEWCOMER)
                return PAM_SESSION_ERR;                          // none was opened
        (void)tell(&c, MSG_CLOSE, NULL, HINT_PATIENCE_MS, NULL); // a hint; logged there
        return PAM_SUCCESS;
}
