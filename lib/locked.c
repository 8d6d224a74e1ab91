// SPDX-License-Identifier: Apache-2.0
//
// Chunks of 64 KiB in granules of 64 bytes, first fit; what does not fit into half a chunk gets one of its own. A
// secret is a key of forty bytes or a token of one or two thousand, so a granule wastes little; and as the limit on
// locked memory (RLIMIT_MEMLOCK) is a few MiB, none may be wasted: OpenSSL's secure heap rounds each block up to a power
// of two and takes all it may ever need at the start. Which granules are taken is written down outside of the chunks: a
// child finds them empty.
//
// memfd_secret(2) would hide the memory from the kernel, too, but as long as anybody uses it the machine cannot
// hibernate: nothing a laptop would forgive.
#include "locked.h"

#include <assert.h>
#include <sys/mman.h>

#define GRANULE 64u
#define CHUNK   (64u << 10)
#define N_BITS  (CHUNK / GRANULE)

#if defined(__SANITIZE_ADDRESS__)
#define SANITISED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITISED 1
#endif
#endif
#ifndef SANITISED
#define SANITISED 0
#endif

struct chunk {
        uint8_t *at;
        size_t size;
        bool locked;
        unsigned n_free, longest; // granules; no free run is longer than the latter
        uint64_t used[N_BITS / 64];
};

// The memory of a process is one, as malloc's is.
static struct {
        struct chunk **chunks; // by address
        size_t n, room;
        size_t n_empty; // chunks without a block in them
        struct locked_figures figures;
        void (*refused)(const struct locked_figures *f);
        bool said;
} all;

static void lock(struct chunk *c)
{
        // Neither can fail for memory that was just mapped, but on kernels that do not know them.
        (void)madvise(c->at, c->size, MADV_DONTDUMP);
        (void)madvise(c->at, c->size, MADV_WIPEONFORK);
        c->locked = mlock(c->at, c->size) == 0;
        all.figures.held += c->size;
        if (c->locked) {
                all.figures.locked += c->size;
                return;
        }
        all.figures.error = errno;
        if (all.refused && !all.said) {
                all.said = true;
                all.refused(&all.figures);
        }
}

// size bytes between two pages that cannot be touched; NULL.
static uint8_t *map(size_t size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        uint8_t *p;

        if (size > SIZE_MAX - 2 * page)
                return NULL;
        p = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                return NULL;
        if (mprotect(p + page, size, PROT_READ | PROT_WRITE) == 0)
                return p + page;
        munmap(p, size + 2 * page);
        return NULL;
}

static void unmap(uint8_t *p, size_t size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        munmap(p - page, size + 2 * page);
}

// The first chunk that begins behind p.
static size_t behind(const void *p)
{
        size_t low = 0, high = all.n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;

                if (all.chunks[mid]->at <= (const uint8_t *)p)
                        low = mid + 1;
                else
                        high = mid;
        }
        return low;
}

static struct chunk *chunk_new(size_t size)
{
        struct chunk *c = calloc(1, sizeof *c);
        size_t i;

        if (c)
                c->at = map(size);
        if (c && c->at && all.n == all.room) {
                size_t room = all.room ? all.room * 2 : 16;
                struct chunk **more = realloc(all.chunks, room * sizeof(struct chunk *));

                if (more) {
                        all.chunks = more;
                        all.room = room;
                }
        }
        if (!c || !c->at || all.n == all.room) {
                if (c && c->at)
                        unmap(c->at, size);
                free(c);
                return NULL;
        }
        c->size = size;
        if (size == CHUNK) {
                c->n_free = c->longest = N_BITS;
                all.n_empty++;
        }
        i = behind(c->at);
        memmove(all.chunks + i + 1, all.chunks + i, (all.n - i) * sizeof(struct chunk *));
        all.chunks[i] = c;
        all.n++;
        lock(c);
        return c;
}

static void chunk_free(size_t i)
{
        struct chunk *c = all.chunks[i];

        all.n--;
        memmove(all.chunks + i, all.chunks + i + 1, (all.n - i) * sizeof(struct chunk *));
        all.figures.held -= c->size;
        if (c->locked)
                all.figures.locked -= c->size;
        unmap(c->at, c->size);
        free(c);
}

static void mark(struct chunk *c, unsigned from, unsigned n, bool used)
{
        for (unsigned i = from; i < from + n; i++) {
                assert((c->used[i / 64] >> i % 64 & 1) != used);
                c->used[i / 64] ^= UINT64_C(1) << i % 64;
        }
        c->n_free = used ? c->n_free - n : c->n_free + n;
}

// n granules in a row; NULL where the chunk has none.
static void *take(struct chunk *c, unsigned n)
{
        unsigned run = 0, longest = 0;

        if (c->longest < n || c->n_free < n)
                return NULL;
        for (unsigned i = 0; i < N_BITS; i++) {
                run = c->used[i / 64] >> i % 64 & 1 ? 0 : run + 1;
                if (run > longest)
                        longest = run;
                if (run == n) {
                        all.n_empty -= c->n_free == N_BITS;
                        mark(c, i + 1 - n, n, true);
                        return c->at + (size_t)(i + 1 - n) * GRANULE;
                }
        }
        c->longest = longest;
        return NULL;
}

void *locked_alloc(size_t n)
{
        unsigned granules = (unsigned)((n + GRANULE - 1) / GRANULE);
        struct chunk *c;

        if (SANITISED)
                return malloc(n ? n : 1); // so that it sees who writes where
        if (n > CHUNK / 2) {
                size_t page = (size_t)sysconf(_SC_PAGESIZE);

                // One page more than a chunk at least, to be told from one.
                if (n > SIZE_MAX - 2 * page - CHUNK)
                        return NULL;
                n = n <= CHUNK ? CHUNK + page : (n + page - 1) / page * page;
                c = chunk_new(n);
                return c ? c->at : NULL;
        }
        if (granules == 0)
                granules = 1;
        for (size_t i = 0; i < all.n; i++) {
                void *p = take(all.chunks[i], granules);

                if (p)
                        return p;
        }
        c = chunk_new(CHUNK);
        return c ? take(c, granules) : NULL;
}

void locked_free(void *p, size_t n)
{
        unsigned granules = n ? (unsigned)((n + GRANULE - 1) / GRANULE) : 1;
        struct chunk *c;
        size_t i;

        if (SANITISED) {
                free(p);
                return;
        }
        i = behind(p);
        assert(i > 0);
        c = all.chunks[--i];
        assert((size_t)((uint8_t *)p - c->at) < c->size);
        if (c->size == CHUNK) {
                mark(c, (unsigned)(((uint8_t *)p - c->at) / GRANULE), granules, false);
                c->longest = c->n_free;
                all.n_empty += c->n_free == N_BITS;
                // One is kept, so that a token that comes and goes does not map and unmap.
                if (c->n_free < N_BITS || all.n_empty == 1)
                        return;
                all.n_empty--;
        }
        chunk_free(i);
}

void locked_get(struct locked_figures *ret)
{
        *ret = all.figures;
}

void locked_on_refusal(void (*refused)(const struct locked_figures *f))
{
        all.refused = refused;
}
