"""Credentials are what the processes of a private cluster show each other, and nobody else has.

Whoever reaches one of their ports could otherwise run programs as the person who started them. One
key serves all of them: it is made at every start, handed on through pipes, and never in a file, an
environment or a command line that others could read.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Of no meaning: the key dies with the program, and no clock that is set wrong should refuse it.
VALID_FROM, VALID_TO = datetime.datetime(1950, 1, 1), datetime.datetime(2999, 1, 1)


def temporary_credentials() -> dict[str, str | bool]:
    """Keywords of `distributed.Security`: a new key and its certificate, which signs itself.

    Dask's own `Security.temporary` does the same with an RSA key, which takes 0.1 s.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "flatdiff")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_TO)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    roles = ("client", "scheduler", "worker")
    return {
        "require_encryption": True,
        "tls_ca_file": certificate,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": secret for role in roles},
    }
