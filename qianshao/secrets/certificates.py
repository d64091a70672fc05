"""A certificate authority of our own, for trying and for closed networks, and a certificate of it for the broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_FOR, SERVER_FOR = timedelta(days=3650), timedelta(days=825)
"""Longer than 825 days some devices do not believe a server."""
CLOCKS_DIFFER = timedelta(hours=1)
NO_USE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def of_pem(cls, certificate: bytes, key: bytes) -> Self:
        """One of ours, as it was written. Raises ValueError."""
        private = load_pem_private_key(key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("not a key of an elliptic curve")
        return cls(x509.load_pem_x509_certificate(certificate), private)

    @classmethod
    def signed(cls, draft: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, by: "Pair | None") -> Self:
        """`by`: whose certificate signs; None for one that signs itself."""
        return cls(draft.sign(by.key if by else key, hashes.SHA256()), key)


def new_authority(now: datetime) -> Pair:
    """One that may sign certificates of servers, and no further authorities."""
    key, name = _new_key(), _name("Qianshao CA")
    draft = _draft(name, name, key, now, AUTHORITY_FOR)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Pair.signed(draft.add_extension(_use("key_cert_sign", "crl_sign"), critical=True), key, None)


def new_server(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """A certificate for a server that is called by these names and addresses."""
    key = _new_key()
    draft = _draft(_name(hosts[0]), authority.certificate.subject, key, now, SERVER_FOR)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    draft = (
        draft.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signer, critical=False)
    )
    return Pair.signed(draft, key, authority)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _use(*purposes: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{**NO_USE, **dict.fromkeys(purposes, True)})


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, valid_for: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
