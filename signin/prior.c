// SPDX-License-Identifier: Apache-2.0
//
// sshd writes a line only for a method that has succeeded. Strict all the same: a line that is not of this form is no line
// of sshd's, and then neither are the others.
#include "prior.h"

#include "b64.h"

#include <openssl/evp.h>

#define KEY_MAX 12288u

static bool is_word(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~')
                        return false;
        return n > 0;
}

// The next word of a line that ends at end.
static const char *next_word(const char **at, const char *end, size_t *ret_n)
{
        const char *word = *at;
        const char *blank = memchr(word, ' ', (size_t)(end - word));

        *ret_n = (size_t)((blank ? blank : end) - word);
        *at = blank ? blank + 1 : end;
        return word;
}

// Base64 with padding, as keys are written, into base64url without.
static int to_url(char *dst, const char *s, size_t n)
{
        size_t padding = 0;

        while (padding < 2 && padding < n && s[n - 1 - padding] == '=')
                padding++;
        if (n > KEY_MAX || n % 4)
                return -EBADMSG;
        n -= padding;
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '-' || s[i] == '_')
                        return -EBADMSG;
                dst[i] = s[i] == '+' ? '-' : s[i] == '/' ? '_' : s[i];
        }
        dst[n] = 0;
        return 0;
}

// A key's blob begins with its type, as a string of SSH: 4 bytes of length, and the bytes.
static bool blob_is_of(const struct buf *blob, const char *type, size_t n)
{
        const unsigned char *p = (const unsigned char *)blob->p;

        return blob->n >= 4 + n && p[0] == 0 && p[1] == 0 && (size_t)(p[2] << 8 | p[3]) == n &&
               memcmp(p + 4, type, n) == 0;
}

static int fingerprint(char dst[PRIOR_FINGERPRINT_MAX], const struct buf *blob)
{
        cleanup_buf struct buf text = BUF_INIT(64);
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        int r;

        if (EVP_Digest(blob->p, blob->n, hash, &n, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        r = b64url_encode(&text, hash, n);
        if (r < 0)
                return r;
        memcpy(dst, "SHA256:", 7);
        for (size_t i = 0; i <= text.n; i++) { // with its NUL
                const char c = buf_str(&text)[i];

                dst[7 + i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
        }
        return 0;
}

// What follows "publickey ": the type, the key, and perhaps more.
static int read_key(struct prior *ret, const char *at, const char *end)
{
        cleanup_buf struct buf blob = BUF_INIT(KEY_MAX);
        char url[KEY_MAX + 1];
        size_t type_n, n;
        const char *type = next_word(&at, end, &type_n), *key = next_word(&at, end, &n);
        int r;

        if (!is_word(type, type_n) || !is_word(key, n) || to_url(url, key, n) < 0)
                return -EBADMSG;
        r = b64url_decode(&blob, url, strlen(url));
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !blob_is_of(&blob, type, type_n))
                return -EBADMSG;
        return ret->fingerprint[0] ? 0 : fingerprint(ret->fingerprint, &blob);
}

int prior_parse(struct prior *ret, const char *text)
{
        int r = 0;

        *ret = (struct prior){.fingerprint = ""};
        if (text && strlen(text) > PRIOR_MAX)
                return -EBADMSG;
        while (r == 0 && text && *text) {
                const char *end = text + strcspn(text, "\n"), *at = text;
                size_t n;
                const char *method = next_word(&at, end, &n);

                if (!is_word(method, n))
                        r = -EBADMSG;
                else if (n == 9 && memcmp(method, "publickey", 9) == 0)
                        r = read_key(ret, at, end);
                text = *end ? end + 1 : end;
        }
        if (r < 0)
                *ret = (struct prior){.fingerprint = ""};
        return r;
}
