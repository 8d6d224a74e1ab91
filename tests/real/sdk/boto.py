# SPDX-License-Identifier: Apache-2.0
"""boto3 as anybody's program would use it: one client, made once, by the default chain. Every error is fatal.

boto.py s3 ENDPOINT BUCKET SECONDS: puts and gets so long; prints {"rounds": …, "keys": […]}.
boto.py identity ENDPOINT: prints the caller's ARN.
SDK_WEB_STS in the environment: AssumeRoleWithWebIdentity there with AWS_WEB_IDENTITY_TOKEN_FILE, by hand (this botocore cannot be
told of an STS that is not Amazon's)."""
import json
import os
import sys
import time

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials


def by_web_identity(endpoint):
    from botocore import UNSIGNED  # pylint: disable=import-outside-toplevel
    sts = boto3.client("sts", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED))

    def refresh():
        with open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"], encoding="ascii") as f:
            c = sts.assume_role_with_web_identity(RoleArn=os.environ["AWS_ROLE_ARN"], RoleSessionName="by-hand", WebIdentityToken=f.read())["Credentials"]
        return {"access_key": c["AccessKeyId"], "secret_key": c["SecretAccessKey"], "token": c["SessionToken"], "expiry_time": c["Expiration"].isoformat()}

    session = botocore.session.get_session()
    session._credentials = DeferredRefreshableCredentials(refresh, "by-hand")  # pylint: disable=protected-access
    return boto3.session.Session(botocore_session=session)


def s3(session, endpoint, bucket, seconds):
    client = session.client("s3", endpoint_url=endpoint, config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
    keys, rounds, end = [], 0, time.monotonic() + float(seconds)
    client.create_bucket(Bucket=bucket)
    while True:
        body = f"round {rounds}".encode()
        client.put_object(Bucket=bucket, Key=f"boto/{os.getpid()}", Body=body)
        assert client.get_object(Bucket=bucket, Key=f"boto/{os.getpid()}")["Body"].read() == body
        rounds += 1
        key = session.get_credentials().get_frozen_credentials().access_key
        if key not in keys:
            keys.append(key)
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    print(json.dumps({"rounds": rounds, "keys": keys}))


def main():
    what, endpoint, *rest = sys.argv[1:]
    web = os.environ.get("SDK_WEB_STS")
    session = by_web_identity(web) if web else boto3.session.Session()
    if what == "s3":
        s3(session, endpoint, *rest)
    else:
        # an endpoint of one's own needs a region beside it, which this boto3 does not ask IMDS for
        print(session.client("sts", endpoint_url=endpoint, region_name=session.region_name or "us-east-1").get_caller_identity()["Arn"])


main()
