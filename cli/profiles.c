// SPDX-License-Identifier: Apache-2.0
#include "profiles.h"

#define TEXT_MAX_ (AWSCONF_SIZE_MAX + (1u << 20))

static enum outcome parse(struct awsconf *as[2], const struct aws_file *f, enum awsconf_kind kind,
        const char *text, size_t n, struct err *err)
{
        for (int reading = AWSCONF_BOTOCORE; text && reading <= AWSCONF_LENIENT; reading++) {
                unsigned line;
                int r = awsconf_parse(&as[reading], (enum awsconf_reading)reading, kind, text, n, &line, err);

                if (r == -EBADMSG)
                        err_prefix(err, "%s:%u: ", f->path, line);
                if (r < 0)
                        return r == -EBADMSG ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL;
        }
        return OUTCOME_OK;
}

static void forget(struct awsconf *as[2])
{
        for (int i = 0; i < 2; i++)
                as[i] = awsconf_free(as[i]);
}

static unsigned count_lines(const char *p, size_t n)
{
        unsigned lines = 0;

        for (size_t i = 0; i < n; i++)
                lines += p[i] == '\n';
        return lines;
}

static enum outcome read_block(struct profiles *p, struct err *err)
{
        unsigned line;
        int r = awsblock_read(&p->block, p->file.text, p->file.n, &line, err);

        if (r == -EBADMSG)
                err_prefix(err, "%s:%u: ", p->file.path, line);
        if (r < 0)
                return r == -EBADMSG ? OUTCOME_MISCONFIGURED : OUTCOME_INTERNAL;
        if (p->block->line)
                p->block_end = 1 + count_lines(p->file.text, p->file.n - p->block->n_after);
        return OUTCOME_OK;
}

enum outcome profiles_open(struct profiles *p, bool to_write, struct err *err)
{
        enum outcome o;

        *p = (struct profiles){.credentials.lock = -1};
        o = aws_file_read_to_change(&p->file, "AWS_CONFIG_FILE", "~/.aws/config", err);
        if (o == OUTCOME_OK)
                o = read_block(p, err);
        if (o != OUTCOME_OK || !to_write)
                return o;
        o = aws_file_read(&p->credentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", err);
        if (o == OUTCOME_OK)
                o = parse(p->config_as, &p->file, AWSCONF_CONFIG, p->file.text, p->file.n, err);
        if (o == OUTCOME_OK)
                o = parse(p->credentials_as, &p->credentials, AWSCONF_CREDENTIALS, p->credentials.text,
                        p->credentials.n, err);
        return o;
}

void profiles_deinit(struct profiles *p)
{
        forget(p->config_as);
        forget(p->credentials_as);
        awsblock_free(p->block);
        aws_file_deinit(&p->file);
        aws_file_deinit(&p->credentials);
        *p = (struct profiles){.file.lock = -1, .credentials.lock = -1};
}

// The first line that defines the profile outside of those from begin to end; 0: there is none.
static unsigned find_outside(struct awsconf *const as[2], unsigned begin, unsigned end, const char *name)
{
        for (int i = 0; i < 2; i++)
                for (size_t k = 0; as[i] && k < as[i]->n_sections; k++) {
                        const struct awsconf_section *s = &as[i]->sections[k];

                        if (s->profile && strcmp(s->profile, name) == 0 &&
                                (s->line < begin || s->line >= end))
                                return s->line;
                }
        return 0;
}

enum outcome profiles_check_free(const struct profiles *p, const char *name, struct err *err)
{
        const char *path = p->file.path;
        unsigned line = find_outside(p->config_as, p->block->line, p->block_end, name);

        if (line == 0) {
                path = p->credentials.path;
                line = find_outside(p->credentials_as, 0, 0, name);
        }
        if (line == 0)
                return OUTCOME_OK;
        err_set(err, "%s:%u: there is a profile '%s' already, and it is not valetkey's", path, line, name);
        return OUTCOME_MISCONFIGURED;
}

enum outcome profiles_set(struct profiles *p, const char *name, const char *process, const char *region,
        bool *ret_changed, struct err *err)
{
        int r;

        if (!awsblock_is_name(name)) {
                err_set(err, "role %.100s: no profile can have that name with every SDK", name);
                return OUTCOME_INVALID_REQUEST;
        }
        r = awsblock_set(p->block, name, process, region);
        *ret_changed = r > 0;
        p->changed = p->changed || r > 0;
        return r < 0 ? OUTCOME_INTERNAL : OUTCOME_OK;
}

enum outcome profiles_drop(struct profiles *p, const char *name, struct err *err)
{
        const struct awsblock_profile *was = awsblock_find(p->block, name);

        if (!was) {
                err_set(err, "%s: there is no profile '%.100s' of valetkey's", p->file.path, name);
                return OUTCOME_INVALID_REQUEST;
        }
        if (was->others[0]) {
                err_set(err, "%s:%u: valetkey did not write this line into its profile; move it or delete it",
                        p->file.path, was->others_line);
                return OUTCOME_MISCONFIGURED;
        }
        awsblock_drop(p->block, name);
        p->changed = true;
        return OUTCOME_OK;
}

// What shall be written says to every SDK what it is meant to say.
static enum outcome check_text(const struct profiles *p, const char *text, size_t n, struct err *err)
{
        struct awsconf *as[2] = {NULL, NULL};
        enum outcome o = parse(as, &p->file, AWSCONF_CONFIG, text, n, err);

        for (size_t i = 0; o == OUTCOME_OK && i < p->block->n_profiles * 2; i++) {
                const struct awsblock_profile *q = &p->block->profiles[i / 2];
                const struct awsconf_key *k = awsconf_get(as[i % 2], q->name, "credential_process");

                if (q->process && k && strcmp(k->value, q->process) == 0)
                        continue;
                err_set(err, "%s: the profile '%s' would not be read as valetkey's; nothing was written",
                        p->file.path, q->name);
                o = OUTCOME_MISCONFIGURED;
        }
        forget(as);
        return o;
}

enum outcome profiles_write(struct profiles *p, struct err *err)
{
        cleanup_buf struct buf text = BUF_INIT(TEXT_MAX_);
        bool gone;
        enum outcome o = OUTCOME_OK;

        if (!p->changed)
                return OUTCOME_OK;
        if (awsblock_write(p->block, &text, &gone) < 0)
                return OUTCOME_INTERNAL;
        if (p->block->n_profiles > 0)
                o = check_text(p, buf_str(&text), text.n, err);
        return o == OUTCOME_OK ? aws_file_replace(&p->file, gone ? NULL : buf_str(&text), text.n, err) : o;
}
