# SPDX-License-Identifier: Apache-2.0
"""valetkey service-url against botocore: the same URL for every region botocore knows, with each of the two flags. Debian's copy of the
rules is of 2023; where the rules of today say otherwise, the difference has a name here."""
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import botocore
import pytest
from botocore.endpoint_provider import EndpointProvider

CLI = os.path.join(os.environ["VALETKEY_BUILD"], "valetkey")
DATA = os.path.join(os.path.dirname(botocore.__file__), "data")
SETS = {"sts": "sts/2011-06-15", "sso": "sso/2019-06-10", "oidc": "sso-oidc/2019-06-10"}
FLAGS = [(False, False), (True, False), (False, True), (True, True)]


def load(name):
    with open(f"{DATA}/{name}", encoding="utf-8") as f:
        return json.load(f)


def url(service, region, fips=False, dualstack=False):
    r = subprocess.run([CLI, "service-url", service, "--region", region, *["--fips"] * fips, *["--dualstack"] * dualstack],
                       capture_output=True, text=True, timeout=30, check=False, env={})
    return r.stdout.strip() if r.returncode == 0 else None


def regions():
    """Those with a row of their own: the rules know them all, and each partition's pseudo-region, which is no region."""
    found = {}
    for p in load("endpoints.json")["partitions"]:
        for r in p["regions"]:
            found[r] = p["partition"]
    for p in load("partitions.json")["partitions"]:
        for r in p["regions"]:
            found.setdefault(r, p["id"])
    return {r: p for r, p in found.items() if not r.endswith("-global")}


def difference(service, partition, fips, dualstack):
    """Why today's rules say something else than Debian's botocore."""
    if partition.startswith("aws-iso") and dualstack:
        return "the isolated partitions have got dual-stack endpoints since"
    if service in ("sso", "oidc") and partition == "aws-us-gov" and fips and not dualstack:
        return "in GovCloud the plain endpoint is the FIPS one, for sso and oidc, too"
    return None


def test_as_botocore_resolves_it():
    partitions, named, rows = load("partitions.json"), set(), []
    for service, folder in SETS.items():
        rules = EndpointProvider(load(f"{folder}/endpoint-rule-set-1.json"), partitions)
        for region, partition in regions().items():
            if partition not in {p["id"] for p in partitions["partitions"]}:
                continue
            for fips, dualstack in FLAGS:
                more = {"UseGlobalEndpoint": False} if service == "sts" else {}
                try:
                    theirs = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dualstack, **more).url
                except Exception:  # pylint: disable=broad-except  # what it cannot resolve it says with several
                    theirs = None
                rows.append((service, region, partition, fips, dualstack, theirs))
    with ThreadPoolExecutor(2) as pool:
        ours = list(pool.map(lambda row: url(row[0], row[1], row[3], row[4]), rows))
    for row, mine in zip(rows, ours):
        why = difference(row[0], row[2], row[3], row[4])
        if why:
            named.add(why)
            assert mine and mine != row[5], f"{row} {mine}: no difference any more: {why}"
        else:
            assert mine == row[5], f"{row} {mine}"
    assert len(rows) > 300 and len(named) == 2


@pytest.mark.parametrize("argv, want", [
    # of the rule set that came with "aws login", botocore's data/signin; Debian's botocore has none
    (("signin", "eu-central-1"), "https://eu-central-1.signin.aws.amazon.com"), (("signin", "cn-north-1"), "https://cn-north-1.signin.amazonaws.cn"),
    (("signin", "us-gov-west-1"), "https://us-gov-west-1.signin.amazonaws-us-gov.com"), (("signin", "eu-west-1", True), "https://signin-fips.eu-west-1.amazonaws.com"),
    (("signin", "eu-west-1", False, True), "https://signin.eu-west-1.api.aws"), (("signin", "us-gov-west-1", True, True), "https://signin-fips.us-gov-west-1.api.aws"),
    (("signin", "eusc-de-east-1"), "https://signin.eusc-de-east-1.amazonaws.eu"), (("signin", "us-iso-east-1"), "https://signin.us-iso-east-1.c2s.ic.gov"),
    # partitions that Debian's copy does not have yet
    (("sts", "eusc-de-east-1"), "https://sts.eusc-de-east-1.amazonaws.eu"), (("sts", "eu-isoe-west-1"), "https://sts.eu-isoe-west-1.cloud.adc-e.uk"),
    (("oidc", "us-isof-south-1"), "https://oidc.us-isof-south-1.csp.hci.ic.gov"), (("sso-oidc", "eu-west-1"), "https://oidc.eu-west-1.amazonaws.com"),
    (("sso", "us-isob-east-1", False, True), "https://portal.sso.us-isob-east-1.api.aws.scloud"),
])
def test_by_the_rules_of_today(argv, want):
    assert url(*argv) == want


@pytest.mark.parametrize("argv, env, says", [
    (["sts"], {}, "--region"), (["s3", "--region", "eu-west-1"], {}, "sts, sso, oidc, signin"), (["sts", "--region", "aws-global"], {}, "region"),
    (["sts", "--region", "eu-west-1.example.com/"], {}, "region"), (["sts", "--region", "\x1b[2J"], {}, "region"), ([], {}, "which service"),
])
def test_what_has_no_url(argv, env, says):
    r = subprocess.run([CLI, "service-url", *argv], capture_output=True, text=True, timeout=30, check=False, env=env)
    assert r.returncode == 2 and not r.stdout and says in r.stderr and "\x1b" not in r.stderr, r


def test_the_region_of_the_environment():
    r = subprocess.run([CLI, "service-url", "sts"], capture_output=True, text=True, timeout=30, check=True, env={"AWS_DEFAULT_REGION": "us-west-2"})
    assert r.stdout == "https://sts.us-west-2.amazonaws.com\n"
