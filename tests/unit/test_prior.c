// SPDX-License-Identifier: Apache-2.0
//
// What sshd says of earlier factors. The keys are real ones, the fingerprints ssh-keygen's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "prior.h"

#define ED25519    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKe/P1XiLkZw7OwrtO0gE/ekB6dnRJyJFXLE/jHt3SSV"
#define ED25519_FP "SHA256:h8Sdv8Nx205X2qSSFRu1l+lcSkIL3Dg21MNV/dBQ+Qs"
#define ECDSA                                                                                                \
        "ecdsa-sha2-nistp256 "                                                                               \
        "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDEaYvpADJ3XsmjQ84KvYR7Wu3gNgbEPhpvuT3AGMVk+"   \
        "jJf5vnAlgGvKmVBt0bD6j9u3yE10mivbUhrbCjdy5II="
#define ECDSA_FP "SHA256:AdFguhqsVyI/wGJFfu6QpG2ny7/YkvXPoOUxSur78oA"
#define CERT                                                                                                 \
        "ssh-ed25519-cert-v01@openssh.com "                                                                  \
        "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIHfms/+fbihPbkb0e37gLeSorqavDw8E+I+3FeO3/"      \
        "XvFAAAAIKe/P1XiLkZw7OwrtO0gE/ekB6dnRJyJFXLE/"                                                       \
        "jHt3SSVAAAAAAAAAAAAAAABAAAABWFsaWNlAAAACQAAAAVhbGljZQAAAAAAAAAA//////////"                          \
        "8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZw" \
        "ZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMw" \
        "AAAAtzc2gtZWQyNTUxOQAAACCQ2XgWAzWkaD8fyf4Ti6WxwPbTR1AgkRDju7gT6QknqAAAAFMAAAALc3NoLWVkMjU1MTkAAABA" \
        "qkqX79QpbL9CiunqBVzPckODN775c/My3YpbQFhO5Sk8VVJCez4RMKPrb4IQOhJvzMADo2gf0stpfjlCdp4qDg=="

static void is(const char *text, const char *fingerprint)
{
        struct prior p;

        assert_int_equal(prior_parse(&p, text), 0);
        assert_string_equal(p.fingerprint, fingerprint);
}

static void the_first_key_that_was_taken(void **state)
{
        struct prior p;

        (void)state;
        is(NULL, "");
        is("", "");
        is("publickey " ED25519 "\n", ED25519_FP);
        is("publickey " ED25519, ED25519_FP);
        is("publickey " ECDSA "\n", ECDSA_FP);
        is("publickey " ED25519 "\npublickey " ECDSA "\n", ED25519_FP);
        is("keyboard-interactive/pam\npublickey " ECDSA "\n", ECDSA_FP);
        is("publickey " ED25519 " more words of sshd\n", ED25519_FP);
        assert_int_equal(prior_parse(&p, "publickey " CERT "\n"), 0);
        assert_int_equal(strlen(p.fingerprint), PRIOR_FINGERPRINT_MAX - 1);
}

static void other_factors_are_no_key(void **state)
{
        (void)state;
        is("password\n", "");
        is("keyboard-interactive/pam\n", "");
        is("hostbased " ED25519 " client user\n", "");
        is("publickey-hostbound-v00@openssh.com " ED25519 "\n", "");
        is("gssapi-with-mic publickey " ED25519 "\n", "");
}

static void what_sshd_would_not_write_is_not_believed(void **state)
{
        static const char *const bad[] = {"publickey", "publickey\n", "publickey ", "publickey ssh-ed25519",
                "publickey ssh-ed25519 ", "publickey  " ED25519, " publickey " ED25519, "\n",
                "password\n\npassword",
                "publickey ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKe/P1XiLkZw7OwrtO0gE/ekB6dnRJyJFXLE/jHt3SSV",
                "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKe/P1XiLkZw7OwrtO0gE/ekB6dnRJyJFXLE/jHt3SSV=",
                "publickey ssh-ed25519 "
                "AAAAC3NzaC1lZDI1NTE5AAAAIKe/P1XiLkZw7OwrtO0gE/ekB6dnRJyJFXLE/jHt3SSVAAA",
                "publickey ssh-ed25519 AAAA",
                "publickey ssh-ed25519 ====", "publickey ssh-ed25519 =", "publickey ssh-ed25519 AAAAC3-_",
                "publickey ssh-ed25519\tAAAA", "pass\x01word\n", "\xff\n",
                "publickey " ED25519 "\npublickey x y\n", "publickey x y\npublickey " ED25519};
        char long_text[PRIOR_MAX + 2];
        struct prior p;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                memset(&p, 'x', sizeof p);
                if (prior_parse(&p, bad[i]) != -EBADMSG || p.fingerprint[0])
                        fail_msg("%s", bad[i]);
        }
        memset(long_text, 'x', sizeof long_text);
        long_text[PRIOR_MAX + 1] = 0;
        assert_int_equal(prior_parse(&p, long_text), -EBADMSG);
        long_text[PRIOR_MAX] = 0;
        assert_int_equal(prior_parse(&p, long_text), 0);
}

// CVE-2025-23013: memory that runs out is no factor.
static void memory_that_runs_out_is_no_key(void **state)
{
        unsigned failed = 0;
        struct prior p;
        int r = 0;

        (void)state;
        FAULT_EACH(50, r = prior_parse(&p, "publickey " ED25519 "\n"))
        {
                assert_int_equal(r, -ENOMEM);
                assert_string_equal(p.fingerprint, "");
                failed++;
        }
        assert_int_equal(r, 0);
        assert_string_equal(p.fingerprint, ED25519_FP);
        assert_true(failed >= 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_key_that_was_taken),
                cmocka_unit_test(other_factors_are_no_key),
                cmocka_unit_test(what_sshd_would_not_write_is_not_believed),
                cmocka_unit_test(memory_that_runs_out_is_no_key),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
