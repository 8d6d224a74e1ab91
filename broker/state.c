// SPDX-License-Identifier: Apache-2.0
//
// Two slots. A state is written into the empty one, body first, then the header with a number one higher and the
// SHA-256 of it all; then the other slot is cleared. Whenever the writer is killed, at least one slot is whole, and of
// two whole ones the higher number is the newer. Reading trusts nothing: a slot whose sum is wrong is no slot.
#include "state.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

#define SEALS  (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)
#define SLOT   ((off_t)STATE_MAX + (off_t)sizeof(struct header))
#define N_SLOT 2

struct header {
        char magic[8];
        uint64_t sequence, length;
        uint8_t sum[32]; // of what stands above and the body
};
static const char magic[8] = "VKSTATE1";

struct state {
        int fd;
        uint64_t sequence; // of the last one written or read
        int newest;        // its slot; -1: there is none
};

// All of n bytes at an offset, or why not.
static int write_at(int fd, const void *p, size_t n, off_t at)
{
        const char *c = p;

        while (n > 0) {
                ssize_t w = pwrite(fd, c, n, at);

                if (w < 0 && errno != EINTR)
                        return -errno;
                if (w == 0)
                        return -EIO;
                if (w > 0) {
                        c += w;
                        at += w;
                        n -= (size_t)w;
                }
        }
        return 0;
}

static int read_at(int fd, void *p, size_t n, off_t at)
{
        char *c = p;

        while (n > 0) {
                ssize_t r = pread(fd, c, n, at);

                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r == 0)
                        return -EIO;
                if (r > 0) {
                        c += r;
                        at += r;
                        n -= (size_t)r;
                }
        }
        return 0;
}

static int sum_of(uint8_t ret[32], const struct header *h, const void *body)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                  EVP_DigestUpdate(ctx, h, offsetof(struct header, sum)) == 1 &&
                  EVP_DigestUpdate(ctx, body, h->length) == 1 && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

        EVP_MD_CTX_free(ctx);
        return ok ? 0 : -ENOMEM;
}

// The header first, so that nothing half cleared is taken for a state; then the bytes; then the memory goes back.
static int clear_slot(const struct state *s, int slot)
{
        static const char zeros[16384];
        struct header h;
        off_t at = slot * SLOT;
        uint64_t left;
        int r = read_at(s->fd, &h, sizeof h, at);

        if (r == 0)
                r = write_at(s->fd, zeros, sizeof h, at);
        // A slot that was never finished has no length to go by: giving its pages back clears it, too.
        left = memcmp(h.magic, magic, sizeof magic) == 0 && h.length <= STATE_MAX ? h.length : 0;
        for (off_t to = at + (off_t)sizeof h; r == 0 && left > 0;) {
                size_t part = left < sizeof zeros ? (size_t)left : sizeof zeros;

                r = write_at(s->fd, zeros, part, to);
                to += (off_t)part;
                left -= part;
        }
        if (r == 0 && fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, SLOT) < 0)
                r = -errno;
        return r;
}

int state_write(struct state *s, const void *p, size_t n)
{
        struct header h = {.sequence = s->sequence + 1, .length = n};
        int slot = s->newest == 0 ? 1 : 0, r;
        off_t at = slot * SLOT;

        if (n > STATE_MAX)
                return -EMSGSIZE;
        memcpy(h.magic, magic, sizeof h.magic);
        r = sum_of(h.sum, &h, p);
        if (r == 0)
                r = clear_slot(s, slot); // what somebody left there who was killed
        if (r == 0)
                r = write_at(s->fd, p, n, at + (off_t)sizeof h);
        if (r == 0)
                r = write_at(s->fd, &h, sizeof h, at);
        if (r < 0) {
                (void)clear_slot(s, slot); // the first error is the one to tell
                return r;
        }
        s->sequence = h.sequence;
        s->newest = slot;
        return clear_slot(s, 1 - slot);
}

static int read_slot(const struct state *s, int slot, struct header *h, struct secret **ret)
{
        cleanup_secret struct secret *body = NULL;
        uint8_t sum[32];
        int r = read_at(s->fd, h, sizeof *h, slot * SLOT);

        if (r < 0)
                return r;
        if (memcmp(h->magic, magic, sizeof magic) != 0 || h->length > STATE_MAX)
                return -ENODATA;
        r = secret_new_room(&body, (size_t)h->length);
        if (r == 0)
                r = read_at(
                        s->fd, secret_bytes_mutable(body), (size_t)h->length, slot * SLOT + (off_t)sizeof *h);
        if (r == 0)
                r = sum_of(sum, h, secret_str(body));
        if (r < 0)
                return r;
        if (memcmp(sum, h->sum, sizeof sum) != 0)
                return -ENODATA;
        *ret = TAKE_PTR(body);
        return 0;
}

int state_read(struct state *s, struct secret **ret)
{
        cleanup_secret struct secret *best = NULL;

        s->newest = -1;
        for (int i = 0; i < N_SLOT; i++) {
                cleanup_secret struct secret *body = NULL;
                struct header h;
                int r = read_slot(s, i, &h, &body);

                if (r < 0 && r != -ENODATA)
                        return r;
                if (r < 0 || (best && h.sequence <= s->sequence))
                        continue;
                secret_move(&best, &body);
                s->sequence = h.sequence;
                s->newest = i;
        }
        if (!best)
                return -ENODATA;
        *ret = TAKE_PTR(best);
        return 0;
}

int state_wipe(struct state *s)
{
        int r = 0;

        for (int i = 0; i < N_SLOT; i++) {
                int e = clear_slot(s, i);

                if (r == 0)
                        r = e;
        }
        s->newest = -1;
        return r;
}

static int wrap(struct state **ret, int fd)
{
        struct state *s = malloc(sizeof *s);

        if (!s)
                return -ENOMEM;
        *s = (struct state){.fd = fd, .newest = -1};
        *ret = s;
        return 0;
}

int state_new(struct state **ret)
{
        cleanup_fd int fd = memfd_create("valetkey-state", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        int r;

        // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create("valetkey-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0 || ftruncate(fd, N_SLOT * SLOT) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return -errno;
        r = wrap(ret, fd);
        if (r == 0)
                fd = -1;
        return r;
}

int state_adopt(struct state **ret, int fd)
{
        cleanup_fd int mine = fd;
        struct stat st;
        int seals = fcntl(mine, F_GET_SEALS), r;

        if (seals < 0 || (seals & SEALS) != SEALS || (seals & F_SEAL_WRITE) != 0 || fstat(mine, &st) < 0 ||
                st.st_size != N_SLOT * SLOT || st.st_uid != geteuid())
                return -EBADMSG;
        if (fcntl(mine, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        r = wrap(ret, mine);
        if (r == 0)
                mine = -1;
        return r;
}

struct state *state_free(struct state *s)
{
        if (s)
                close(s->fd);
        free(s);
        return NULL;
}

int state_fd(const struct state *s)
{
        return s->fd;
}
