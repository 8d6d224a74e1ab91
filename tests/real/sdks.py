# SPDX-License-Identifier: Apache-2.0
"""The SDKs and programs that valetkey is tried with, the doors, and which of them knows which. docs/man/valetkey-sdks.7.scd
shows KNOWS as a table; a test holds the two together.

A client is given an environment in which one door stands open and everything else is shut, and then does something with S3,
or asks STS who it is."""
import json
import os
import subprocess

from . import npm

BUILD = os.path.abspath(os.environ.get("VALETKEY_BUILD", "build"))
HERE = os.path.dirname(os.path.abspath(__file__))
REGION = "us-east-1"

# door -> its column
DOORS = ("process", "token", "token-file", "imds", "web-identity", "exec", "exec-static")
YES, BY_HAND, NO = "yes", "by hand", "no"
# By hand: the program, and not its environment, must name the provider and, for a web identity, the STS.
KNOWS = {
    "awscli": dict(zip(DOORS, (YES, YES, NO, YES, NO, YES, YES))),
    "boto3": dict(zip(DOORS, (YES, YES, NO, YES, BY_HAND, YES, YES))),
    "js": dict(zip(DOORS, (YES, YES, YES, YES, YES, YES, YES))),
    "ruby": dict(zip(DOORS, (YES, NO, NO, NO, BY_HAND, NO, YES))),
    "crt": dict(zip(DOORS, (NO, YES, NO, NO, NO, YES, YES))),
    "rclone": dict(zip(DOORS, (YES, YES, NO, YES, YES, YES, YES))),
    "restic": dict(zip(DOORS, (NO, YES, NO, NO, NO, YES, YES))),
}
PACKAGES = {"awscli": "awscli", "boto3": "python3-boto3", "ruby": "ruby-aws-sdk-s3", "crt": "python3-awscrt", "rclone": "rclone", "restic": "restic"}
# as the page calls them, before the version
NAMES = {"awscli": "AWS CLI", "boto3": "boto3", "js": "JavaScript", "ruby": "Ruby aws-sdk-s3", "crt": "CRT awscrt", "rclone": "rclone", "restic": "restic"}
PYTHON = "/usr/bin/python3"


def source(name):
    with open(f"{HERE}/sdk/{name}", encoding="utf-8") as f:
        return f.read()


def why_not(client):
    """None: it is here."""
    return npm.why_not() if client == "js" else None if version(client) else f"no {PACKAGES[client]}"


def version(client):
    """As its package says; None: not there."""
    if client == "js":
        with open(f"{HERE}/js/package.json", encoding="utf-8") as f:
            return json.load(f)["dependencies"]["@aws-sdk/client-s3"]
    r = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", PACKAGES[client]], capture_output=True, text=True, check=False)
    status, _, number = r.stdout.partition(" ")
    return number if status == "installed" else None


def remote(endpoint, path):
    """A bucket to rclone, without a file of its own."""
    return f":s3,provider=Ceph,env_auth=true,no_check_bucket=true,endpoint='{endpoint}':{path}"


def program(client):
    """The words before what a client that is a library is to do; its source as an argument, for the session's uid need not reach this
    folder. (JavaScript's lies beside its packages in the build folder.)"""
    if client == "js":
        return ["node", f"{npm.install(BUILD, f'{HERE}/js')}/client.mjs"]
    return {"boto3": [PYTHON, "-c", source("boto.py")], "crt": [PYTHON, "-c", source("crt.py")], "ruby": ["/usr/bin/ruby", "-e", source("ruby.rb"), "--"]}[client]


def once(client, endpoint, bucket, door):
    """A command that writes one object, or does as much as writing one."""
    return {"awscli": ["/usr/bin/aws", "--endpoint-url", endpoint, "s3api", "put-object", "--bucket", bucket, "--key", f"awscli-{door}"],
            "rclone": ["/usr/bin/rclone", "--config=", "--retries=1", "--low-level-retries=1", "touch", remote(endpoint, f"{bucket}/rclone-{door}")],
            "restic": ["/usr/bin/restic", "--no-cache", "-r", f"s3:{endpoint}/{bucket}/restic-{door}", "init"],
            }.get(client) or [*program(client), "s3", endpoint, bucket, "0"]


def stream(client, endpoint, bucket, seconds, door):
    """-> (a command that is one process for so many seconds, whether it is to be fed meanwhile). Those that are no libraries
    send what they are fed in pieces of five megabytes, each a request of its own."""
    fed = {"awscli": ["/usr/bin/aws", "--endpoint-url", endpoint, "s3", "cp", "-", f"s3://{bucket}/awscli-stream-{door}"],
           "rclone": ["/usr/bin/rclone", "--config=", "--retries=1", "--low-level-retries=1", "--streaming-upload-cutoff=1k", "--s3-chunk-size=5Mi",
                      "--s3-upload-concurrency=1", "rcat", remote(endpoint, f"{bucket}/rclone-stream-{door}")],
           "restic": ["/usr/bin/restic", "--no-cache", "-r", f"s3:{endpoint}/{bucket}/restic-{door}", "--pack-size=4", "backup", "--stdin"]}
    if client in fed:
        return fed[client], True
    return [*program(client), "s3", endpoint, bucket, str(seconds)], False


def identity(client, endpoint):
    """A command that prints the ARN of who it is; None: this one knows S3 only."""
    if client in ("rclone", "restic"):
        return None
    if client == "awscli":
        return ["/usr/bin/aws", "--endpoint-url", endpoint, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
    return [*program(client), "identity", endpoint]


def needs(client):
    """What a client must be told that has nothing to do with credentials."""
    return {"RESTIC_PASSWORD": "no secret"} if client == "restic" else {"AWS_REGION": REGION} if client in ("ruby", "js") else {}


class Session:
    """Where the doors of one user are. home: a folder that his programs can read, for files that are told about by name."""

    def __init__(self, endpoint, role, cli, shim, home, web=None):
        """endpoint: as valetkey status has it; web: (STS, role ARN, ID token file)"""
        self.url, self.token_file = endpoint["url"], endpoint["token_file"]
        self.role, self.cli, self.web = role, cli, web
        self.process, self.nothing = f"{home}/process-{role}", f"{home}/nothing-{role}"
        for path, line in ((self.process, f"credential_process = {shim} {role}\n"), (self.nothing, "")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"[default]\n{line}s3 =\n  multipart_chunksize = 5MB\n")
            os.chmod(path, 0o644)

    def open(self, client, door):
        """-> (words to put in front of a command, environment)"""
        if door == "imds":  # as a sign-in leaves it, and nothing else
            return [], {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.url}/", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **needs(client)}
        front = []
        env = {"AWS_CONFIG_FILE": self.nothing, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": REGION,
               "AWS_DEFAULT_REGION": REGION, **needs(client)}
        if door == "process":
            env["AWS_CONFIG_FILE"] = self.process
            env["SDK_PROCESS"] = "1"
            if client == "rclone":
                env["AWS_SDK_LOAD_CONFIG"] = "1"  # Go's first SDK reads ~/.aws/config only then
        elif door in ("token", "token-file"):
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{self.url}/credentials/role/{self.role}"
            if door == "token":
                with open(self.token_file, encoding="ascii") as f:
                    env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = f.read()
            else:
                env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = self.token_file
        elif door == "web-identity":
            sts, arn, path = self.web
            env.update(AWS_WEB_IDENTITY_TOKEN_FILE=path, AWS_ROLE_ARN=arn, AWS_ENDPOINT_URL_STS=sts)
            if KNOWS[client][door] == BY_HAND:
                env["SDK_WEB_STS"] = sts
        else:
            front = [self.cli, "exec", *(["--static"] if door == "exec-static" else []), self.role, "--"]
        return front, env
