"""Certificates for tests: an authority, and a broker's certificate of it, good from and until whenever a test says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.places import HOST


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, in files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path
    key_file: Path


def authority(folder: Path, days: float = 3650) -> Signed:
    """A certificate authority that is good for so many days more; negative: until so many days ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    draft = _draft("Tests CA", "Tests CA", key, days).add_extension(x509.BasicConstraints(True, None), True)
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False)
    usage |= dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False)
    draft = draft.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), True)
    return _written(folder / "ca", draft.sign(key, hashes.SHA256()), key)


def signed_by(ca: Signed, folder: Path, days: float) -> Signed:
    """A certificate for HOST."""
    key = ec.generate_private_key(ec.SECP256R1())
    draft = _draft("broker", "Tests CA", key, days)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), False)
    draft = draft.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), False)
    return _written(folder / "broker", draft.sign(ca.key, hashes.SHA256()), key)


def _draft(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=4000))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _written(stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Signed:
    file, key_file = stem.with_suffix(".crt"), stem.with_suffix(".key")
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(certificate.public_bytes(pem))
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return Signed(certificate, key, file, key_file)
