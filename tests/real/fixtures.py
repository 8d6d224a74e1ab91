# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures: keys, one radosgw, and the providers, each started when a test first asks and kept for the file.

A test file names them with `pytest_plugins = ("real.fixtures",)`; what cannot be started here is a skip with a reason.
"""
import os
import shutil
import tempfile

import pytest

from . import glewlwyd as glewlwyd_module
from . import oidc_provider as op_module
from . import radosgw as radosgw_module
from .pki import Pki

BUILD = os.environ.get("VALETKEY_BUILD") or os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build")


def _need(why):
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def servers_dir():
    folder = tempfile.mkdtemp(prefix="valetkey-real-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pki(servers_dir):
    return Pki(f"{servers_dir}/pki")


@pytest.fixture(scope="session")
def radosgw(servers_dir, pki):
    _need(radosgw_module.why_not())
    server = radosgw_module.Radosgw(f"{servers_dir}/ceph", pki)
    yield server
    server.stop()


class Providers:
    """Starts a provider at its first use: get("glewlwyd" or "oidc-provider", "RS256" or "ES256", …)."""

    def __init__(self, folder, pki):
        self.folder, self.pki, self.running = folder, pki, {}

    def get(self, kind, alg, **options):
        key = (kind, alg, *sorted(options.items()))
        if key not in self.running:
            folder = f"{self.folder}/{kind}-{len(self.running)}"
            if kind == "glewlwyd":
                _need(glewlwyd_module.why_not())
                self.running[key] = glewlwyd_module.Glewlwyd(folder, self.pki, alg, **options)
            else:
                _need(op_module.why_not())
                self.running[key] = op_module.OidcProvider(folder, BUILD, self.pki, alg, **options)
        return self.running[key]

    def stop(self):
        for p in self.running.values():
            p.stop()


@pytest.fixture(scope="session")
def providers(servers_dir, pki):
    p = Providers(servers_dir, pki)
    yield p
    p.stop()


def make_chain(radosgw, pki, provider, *settings, mode="root", role=None, condition=None, more=None, **kw):
    """A chain with role s3 at radosgw, signed out. more: other roles with its ARN, name -> settings"""
    from .chain import Chain  # needs the folder of the end-to-end tests on the path

    name = role or f"r{len(radosgw.registered)}-{os.urandom(3).hex()}"
    arn = radosgw.trust(provider, pki.thumbprint[provider.alg], name, condition)
    if "bind" not in kw:
        kw["bind"] = provider.subject()
    settings = settings or (f"sts_endpoint = {radosgw.endpoint}",)
    roles = {"s3": settings, **(more or {})}
    c = Chain(provider, {n: [f"role_arn = {arn}", "region = us-east-1", *lines] for n, lines in roles.items()}, mode, **kw)
    c.role_arn = arn
    return c


@pytest.fixture
def chain(radosgw, pki):
    """chain(provider, role settings…, mode): see make_chain()"""
    made = []

    def make(*args, **kw):
        made.append(make_chain(radosgw, pki, *args, **kw))
        return made[-1]

    yield make
    for c in made:
        print(c.logs())
        c.close()
