"""How long certificates are good for: that of the authority that we trust, and the one that the broker presents."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509

from city.errors import SettingError
from qianshao.doctor.findings import ANSWER_WITHIN_S, Finding, failure, graded
from qianshao.settings import Settings

WARN_DAYS, FAIL_DAYS = 30, 7
RENEW = "make a new one and restart mosquitto: docs/operations.md, sections 3 and 12"


def of_mqtt(settings: Settings) -> Iterator[Finding]:
    """Where MQTT goes by TLS. Raises SettingError where the authority's file holds no certificate."""
    now = datetime.now(UTC)
    assert settings.mqtt.tls_ca is not None
    for certificate in _trusted(settings):
        yield validity("certificate authority of MQTT", certificate, now)
    place = (settings.mqtt.host, settings.mqtt.port)
    try:
        shown = ssl.get_server_certificate(place, timeout=ANSWER_WITHIN_S)  # also one that is no good
    except OSError as error:
        yield failure("certificate of the MQTT broker", f"none shown: {error}", "does this port speak TLS?")
        return
    yield validity("certificate of the MQTT broker", x509.load_pem_x509_certificate(shown.encode()), now)


def validity(what: str, certificate: x509.Certificate, now: datetime) -> Finding:
    """Whether a certificate is good now, and will be for a while."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    subject = certificate.subject.rfc4514_string()
    if begins > now:
        return failure(
            what, f"{subject}, not valid before {begins:%Y-%m-%d %H:%M} UTC", "is this machine's clock right?"
        )
    days = (ends - now).days
    detail = f"{subject}, until {ends:%Y-%m-%d}, {days} days" if ends > now else f"{subject}, expired {ends:%Y-%m-%d}"
    return graded(what, detail, RENEW, days < WARN_DAYS, days < FAIL_DAYS)


def _trusted(settings: Settings) -> list[x509.Certificate]:
    path = settings.mqtt.tls_ca
    assert path is not None
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise SettingError("mqtt.tls_ca", f"{path} holds no certificate: {error}", "name the CA's PEM file") from error
    except OSError as error:
        raise SettingError(
            "mqtt.tls_ca", f"{path} cannot be read: {error.strerror}", "name a file that is there"
        ) from error
