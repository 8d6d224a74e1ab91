# SPDX-License-Identifier: Apache-2.0
"""The keys of one test run, made by it: a private CA, a server certificate for 127.0.0.1 and localhost, and two signing
keys (RS256, ES256) with the self-signed certificates that radosgw wants to see as x5c."""
import base64
import datetime
import hashlib
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ALGORITHMS = ("RS256", "ES256")


def b64u(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(n, length):
    return b64u(n.to_bytes(length, "big"))


def _certificate(subject, key, issuer=None, issuer_key=None, extensions=()):
    now = datetime.datetime.utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    b = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject if issuer else name)
         .public_key(key.public_key()).serial_number(x509.random_serial_number())
         .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=2)))
    for extension, critical in extensions:
        b = b.add_extension(extension, critical)
    return b.sign(issuer_key or key, hashes.SHA256())


def _key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _jwk(alg, key, certificate):
    p = key.private_numbers()
    if alg == "RS256":
        n = p.public_numbers
        size = key.key_size // 8
        parts = {"kty": "RSA", "n": number(n.n, size), "e": number(n.e, 3), "d": number(p.d, size)}
        for field, value in (("p", p.p), ("q", p.q), ("dp", p.dmp1), ("dq", p.dmq1), ("qi", p.iqmp)):
            parts[field] = number(value, size // 2)
    else:
        n = p.public_numbers
        parts = {"kty": "EC", "crv": "P-256", "x": number(n.x, 32), "y": number(n.y, 32), "d": number(p.private_value, 32)}
    der = certificate.public_bytes(serialization.Encoding.DER)
    return dict(parts, kid=f"{alg.lower()}-1", alg=alg, use="sig", x5c=[base64.b64encode(der).decode()])


class Pki:
    def __init__(self, folder, names=()):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("valetkey test CA", ca_key, extensions=[
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)])
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([*map(x509.DNSName, ("localhost", *names)), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        server = _certificate("localhost", key, ca, ca_key, [
            (names, False), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])
        self.ca = self._write(folder, "ca.pem", self._pem(ca))
        self.server_key = self._write(folder, "server.key", _key_pem(key))
        self.server_chain = self._write(folder, "server.pem", self._pem(server) + self._pem(ca))
        self.server_both = self._write(folder, "server-both.pem", _key_pem(key) + self._pem(server))
        self.jwk, self.thumbprint = {}, {}
        for alg in ALGORITHMS:
            signing = rsa.generate_private_key(65537, 2048) if alg == "RS256" else ec.generate_private_key(ec.SECP256R1())
            certificate = _certificate(f"signs {alg}", signing)
            self.jwk[alg] = _jwk(alg, signing, certificate)
            self.thumbprint[alg] = hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()

    def jwks(self, first):
        """Private JWKS with the key of that algorithm first: radosgw 16 looks at the first key only."""
        return {"keys": [self.jwk[a] for a in sorted(ALGORITHMS, key=lambda a: a != first)]}

    @staticmethod
    def _pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    @staticmethod
    def _write(folder, name, data):
        path = os.path.join(folder, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(data)
        return path
