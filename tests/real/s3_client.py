# SPDX-License-Identifier: Apache-2.0
"""Debian's boto3 as anybody's program would use it: one client, made once, that puts and gets for some seconds with the
credentials of a profile. Usage: s3_client.py ENDPOINT BUCKET SECONDS. Prints one JSON object; every error is fatal."""
import json
import sys
import time

import boto3
from botocore.config import Config

endpoint, bucket, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
session = boto3.session.Session(profile_name="default")
s3 = session.client("s3", endpoint_url=endpoint, config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
keys, rounds, end = [], 0, time.monotonic() + seconds
s3.create_bucket(Bucket=bucket)
while True:
    body = f"round {rounds}".encode()
    s3.put_object(Bucket=bucket, Key=f"k/{rounds % 3}", Body=body)
    assert s3.get_object(Bucket=bucket, Key=f"k/{rounds % 3}")["Body"].read() == body
    rounds += 1
    key = session.get_credentials().get_frozen_credentials().access_key
    if key not in keys:
        keys.append(key)
    if time.monotonic() > end:
        break
    time.sleep(0.1)
print(json.dumps({"rounds": rounds, "keys": keys}))
