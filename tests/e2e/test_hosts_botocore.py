# SPDX-License-Identifier: Apache-2.0
"""What a host's name tells about service and region, against botocore: for every service botocore knows, the names its signatures have."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import botocore.session

CLI = os.path.join(os.environ["VALETKEY_BUILD"], "valetkey")
REGIONS = ("eu-west-1",)
# Debian's botocore is of the end of 2022.
DIFFERENT = {
    "iot": "is signed as iot since; it was execute-api",
    "codecatalyst": "has no region, and takes tokens instead of signatures",
    "importexport": "was closed",
}


def rows():
    session = botocore.session.Session()
    loader, resolver = session.get_component("data_loader"), session._get_internal_component("endpoint_resolver")
    for region in REGIONS:
        for service in session.get_available_services():
            metadata = loader.load_service_model(service, "service-2")["metadata"]
            endpoint = resolver.construct_endpoint(metadata["endpointPrefix"], region)
            if endpoint:
                scope = endpoint.get("credentialScope", {})
                yield service, endpoint["hostname"], scope.get("service", metadata.get("signingName", metadata["endpointPrefix"])), scope.get("region", region)


def ask(row):
    r = subprocess.run([CLI, "sign", "--env", "--show", "string-to-sign"], input=f"GET / HTTP/1.1\r\nHost: {row[1]}\r\n\r\n".encode(), capture_output=True, timeout=30,
                       check=False, env={"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})
    if r.returncode:
        return None
    _, region, service, _ = r.stdout.decode().split("\n")[2].split("/")
    return service, region


def test_every_service():
    every = list(rows())
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, every))
    different = {}
    for (service, host, name, region), got in zip(every, answers):
        if got != (name, region):
            different.setdefault(service, []).append((host, (name, region), got))
    assert set(different) == set(DIFFERENT), {k: v for k, v in different.items() if k not in DIFFERENT}
    assert len(every) > 300
