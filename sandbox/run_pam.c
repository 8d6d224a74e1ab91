// SPDX-License-Identifier: Apache-2.0
//
// The PAM application of the sandbox.
#include "run_pam.h"

#include "fdio.h"
#include "run_approve.h"
#include "run_proc.h"

#include <fcntl.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define RESULT_MAX 65536

// What the child reports: this, then its PAM environment as NUL-terminated strings.
struct report {
        int code[2];
        int64_t us[2];
};

static const char *const phase_names[SIGN_IN_PHASES] = {"authenticate", "account", "setcred", "open_session"};

int approve_from_name(const char *name, enum approve *ret)
{
        static const char *const known[] = {"auto", "deny", "manual", "none"};

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                if (strcmp(name, known[i]) == 0) {
                        *ret = (enum approve)i;
                        return 0;
                }
        }
        return -EINVAL;
}

static int64_t now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

// ---- the child: authenticate and account

static int talk(int n, const struct pam_message **msg, struct pam_response **ret, void *arg)
{
        struct pam_response *answers;

        if (n <= 0 || n > PAM_MAX_NUM_MSG)
                return PAM_CONV_ERR;
        answers = calloc((size_t)n, sizeof *answers);
        if (!answers)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                bool prompt =
                        msg[i]->msg_style == PAM_PROMPT_ECHO_OFF || msg[i]->msg_style == PAM_PROMPT_ECHO_ON;

                if (approve_message(arg, msg[i]->msg, prompt, msg[i]->msg_style == PAM_ERROR_MSG) < 0)
                        goto fail;
                if (prompt && !(answers[i].resp = strdup("")))
                        goto fail;
        }
        *ret = answers;
        return PAM_SUCCESS;
fail:
        for (int i = 0; i < n; i++)
                free(answers[i].resp);
        free(answers);
        return PAM_CONV_ERR;
}

static void authenticate(struct sign_in *s, int fd)
{
        struct approval approval = {.sign_in = s};
        struct pam_conv conv = {.conv = talk, .appdata_ptr = &approval};
        struct report report = {.code = {-1, -1}};
        int64_t start = now_us();
        char **env;

        report.code[0] = pam_set_item(s->pamh, PAM_CONV, &conv);
        if (report.code[0] == PAM_SUCCESS)
                report.code[0] = pam_authenticate(s->pamh, 0);
        report.us[0] = now_us() - start;
        if (report.code[0] == PAM_SUCCESS) {
                start = now_us();
                report.code[1] = pam_acct_mgmt(s->pamh, 0);
                report.us[1] = now_us() - start;
        }
        if (fdio_write(fd, &report, sizeof report) < 0)
                _exit(1);
        env = pam_getenvlist(s->pamh);
        for (char **e = env; e && *e; e++) {
                if (fdio_write(fd, *e, strlen(*e) + 1) < 0)
                        _exit(1);
        }
        // As sshd's child does: no pam_end, the handle is the parent's to end.
        _exit(0);
}

// ---- the parent: credentials and session

// There is nobody to ask any more: words go to standard error, questions fail.
static int talk_no_more(int n, const struct pam_message **msg, struct pam_response **ret, void *arg)
{
        (void)arg;
        if (n <= 0 || n > PAM_MAX_NUM_MSG)
                return PAM_CONV_ERR;
        for (int i = 0; i < n; i++) {
                if (msg[i]->msg_style != PAM_ERROR_MSG && msg[i]->msg_style != PAM_TEXT_INFO)
                        return PAM_CONV_ERR;
                fprintf(stderr, "%s\n", msg[i]->msg);
        }
        *ret = calloc((size_t)n, sizeof **ret);
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int start_pam(struct sign_in *s, struct err *err)
{
        static const struct pam_conv conv = {.conv = talk_no_more};
        const char *service = s->service ? s->service : WORLD_PAM_SERVICE;
        char confdir[WORLD_PATH];
        int rc;

        rc = pam_start_confdir(service, s->pam_user ? s->pam_user : s->world->pam_user, &conv,
                world_path(s->world, confdir, "etc/pam.d"), &s->pamh);
        if (rc == PAM_SUCCESS && s->rhost)
                rc = pam_set_item(s->pamh, PAM_RHOST, s->rhost);
        if (rc == PAM_SUCCESS)
                rc = pam_set_item(s->pamh, PAM_TTY, "sandbox");
        if (rc == PAM_SUCCESS)
                return 0;
        err_set(err, "PAM cannot be started: %s.", pam_strerror(s->pamh, rc));
        return -EIO;
}

int sign_in_start(struct sign_in *s, pid_t group, struct err *err)
{
        pid_t parent = getpid();
        int fds[2], r;

        s->result_fd = -1;
        for (int i = 0; i < SIGN_IN_PHASES; i++)
                s->code[i] = -1;
        r = start_pam(s, err);
        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        s->child = fork();
        if (s->child < 0) {
                r = -errno;
                close(fds[0]);
                close(fds[1]);
                return r;
        }
        if (s->child == 0) {
                if (group && setpgid(0, group) < 0)
                        _exit(1);
                proc_child_init(parent);
                signal(SIGPIPE, SIG_IGN);
                close(fds[0]);
                authenticate(s, fds[1]);
        }
        close(fds[1]);
        s->result_fd = fds[0];
        return 0;
}

static int read_result(struct sign_in *s, char *text, size_t size, struct err *err)
{
        struct report report;
        size_t n = 0;
        ssize_t got;

        do {
                got = read(s->result_fd, text + n, size - n);
                n += got > 0 ? (size_t)got : 0;
        } while (n < size && (got > 0 || (got < 0 && errno == EINTR)));
        close(TAKE_FD(s->result_fd));
        while (s->child > 0 && waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
                ;
        s->child = 0;
        if (n < sizeof report || n == size) {
                err_set(err, "The process that authenticates ended without a result.");
                return -EPROTO;
        }
        memcpy(&report, text, sizeof report);
        memcpy(s->code, report.code, sizeof report.code);
        memcpy(s->us, report.us, sizeof report.us);
        for (size_t i = sizeof report; i < n; i += strlen(text + i) + 1) {
                if (!memchr(text + i, 0, n - i) || pam_putenv(s->pamh, text + i) != PAM_SUCCESS) {
                        err_set(err, "The PAM environment did not come over whole.");
                        return -EPROTO;
                }
        }
        return 0;
}

static void run_phase(struct sign_in *s, int phase, int (*call)(pam_handle_t *, int), int flags)
{
        int64_t start = now_us();

        s->code[phase] = call(s->pamh, flags);
        s->us[phase] = now_us() - start;
}

int sign_in_finish(struct sign_in *s, struct err *err)
{
        cleanup_free char *text = malloc(RESULT_MAX);
        int r, phase;

        if (!text)
                return -ENOMEM;
        r = read_result(s, text, RESULT_MAX, err);
        if (r < 0)
                return r;
        if (s->code[SIGN_IN_AUTHENTICATE] == PAM_SUCCESS && s->code[SIGN_IN_ACCOUNT] == PAM_SUCCESS)
                run_phase(s, SIGN_IN_SETCRED, pam_setcred, PAM_ESTABLISH_CRED);
        if (s->code[SIGN_IN_SETCRED] == PAM_SUCCESS)
                run_phase(s, SIGN_IN_OPEN_SESSION, pam_open_session, 0);
        s->opened = s->code[SIGN_IN_OPEN_SESSION] == PAM_SUCCESS;
        if (s->opened)
                return 0;
        for (phase = 0; phase < SIGN_IN_OPEN_SESSION && s->code[phase] == PAM_SUCCESS; phase++)
                ;
        err_set(err, "PAM refused %s in %s: %s.", s->pam_user ? s->pam_user : s->world->pam_user,
                phase_names[phase], pam_strerror(s->pamh, s->code[phase]));
        return -EACCES;
}

char **sign_in_dup_env(const struct sign_in *s)
{
        return pam_getenvlist(s->pamh);
}

void sign_in_close(struct sign_in *s)
{
        int rc = PAM_SUCCESS;

        if (!s->pamh)
                return;
        if (s->child > 0) {
                kill(s->child, SIGTERM);
                close(TAKE_FD(s->result_fd));
                s->child = 0; // reaped with the others
        }
        if (s->opened) {
                rc = pam_close_session(s->pamh, 0);
                pam_setcred(s->pamh, PAM_DELETE_CRED);
        }
        s->opened = false;
        pam_end(TAKE_PTR(s->pamh), rc);
}
