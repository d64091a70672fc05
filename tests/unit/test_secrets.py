"""`qianshao init-secrets`: everything that must not have a default is made, once; and who may do what at the broker
follows from the registry."""

import re
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import pbkdf2_hmac
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from city.city import City
from city.errors import SettingError
from city.generate import FleetRequest, generate_fleet
from city.tables import read_city, shipped_pack
from ingest.intake import Intake
from ingest.registry import Registry
from qianshao.secrets.accounts import read_accounts
from qianshao.secrets.folder import Outcome, Wishes, init_secrets
from qianshao.secrets.passwords import is_hash_of
from qianshao.settings import WEAK_PASSWORDS
from tests.servers.deployed import compose

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GAUGE, OTHER, NVR, BEHIND_IT = "BA-WL-0001", "BA-WL-0002", "BA-NVR-0001", "BA-VC-000001"


@cache
def baoan() -> City:
    return generate_fleet(read_city(shipped_pack("baoan")), FleetRequest.of_size(200), seed=1)


def without(device: str) -> City:
    return replace(baoan(), devices={id: d for id, d in baoan().devices.items() if id != device})


Init = Callable[..., Outcome]


@pytest.fixture
def init(tmp_path: Path) -> Init:
    """init(city=..., now=..., wishes...): as the command does, into `tmp_path`."""

    def run(city: City | None = None, now: datetime = NOW, **wishes: object) -> Outcome:
        return init_secrets(tmp_path, Registry(city or baoan(), shards=1), Wishes(**wishes), now)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accounts(folder: Path) -> dict[str, str]:
    return read_accounts((folder / "mosquitto" / "passwords").read_text())


def allowed(folder: Path) -> dict[str, str]:
    """User -> what the access control list lets it do."""
    blocks = re.findall(r"^user (\S+)\ntopic (.+)$", (folder / "mosquitto" / "acl").read_text(), re.MULTILINE)
    return dict(blocks)


def test_every_file_that_compose_asks_for_is_made(init: Init, tmp_path: Path) -> None:
    init(simulate=True)
    text = str(compose())
    asked = set(re.findall(r"\$\{QIANSHAO_SECRETS:\?[^}]*\}/([\w./-]+)", text)) | {
        f"mosquitto/{name}" for name in re.findall(r"/mosquitto/secrets/([\w-]+)", text)
    }
    assert {"qianshao.toml", "postgres-password", "mosquitto", "mosquitto/health-password"} <= asked
    assert [name for name in asked if not (tmp_path / name).exists()] == []


def test_no_password_is_weak_and_none_is_used_twice(init: Init, tmp_path: Path) -> None:
    init(simulate=True)
    init_secrets(tmp_path / "other", Registry(baoan(), shards=1), Wishes(), NOW)
    settings = [tomllib.loads((tmp_path / name).read_text()) for name in ("qianshao.toml", "simulate.toml")]
    words = [each["mqtt"]["password"] for each in settings]
    words += [path.read_text() for path in tmp_path.rglob("*") if re.search("password$|token$|key$", path.name)]
    assert len(set(words)) == len(words) and not set(words) & WEAK_PASSWORDS
    assert all(len(word) >= 48 for word in words)


def test_the_programs_settings_hold_the_passwords_that_its_servers_are_given(init: Init, tmp_path: Path) -> None:
    init()
    settings = tomllib.loads((tmp_path / "qianshao.toml").read_text())
    assert settings["database"].split(":")[2] == f"{(tmp_path / 'postgres-password').read_text()}@postgres/qianshao"
    assert settings["influx"]["token"] == (tmp_path / "influxdb-token").read_text()
    assert is_hash_of(accounts(tmp_path)[settings["mqtt"]["username"]], settings["mqtt"]["password"])


def test_what_is_there_already_stays_as_it_is(init: Init, tmp_path: Path) -> None:
    init(hosts=["broker.example"], simulate=True, all_devices=True)
    before = contents(tmp_path)
    again = init(hosts=["other.example"], all_devices=True)
    assert contents(tmp_path) == before and again.passwords == {}
    assert "remove it to have one made for these" in again.done[0]


def test_only_the_owner_of_the_folder_reads_it_and_only_he_the_authoritys_key(init: Init, tmp_path: Path) -> None:
    init()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name, mode in modes.items() if mode == 0o600} == {"ca.key", "left-passwords"}
    assert set(modes.values()) == {0o600, 0o444}  # users in containers have other numbers


def test_a_lost_file_is_made_again_and_fits_the_others(init: Init, tmp_path: Path) -> None:
    init()
    (tmp_path / "mosquitto" / "passwords").unlink()
    init()
    password = tomllib.loads((tmp_path / "qianshao.toml").read_text())["mqtt"]["password"]
    assert is_hash_of(accounts(tmp_path)["_ingest"], password)


# Certificates


def trusts(folder: Path, host: str, at: datetime = NOW) -> bool:
    """Whether a client that has only ca.crt believes the broker at that name or address, as TLS asks."""
    store = Store([x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())])
    server = x509.load_pem_x509_certificate((folder / "mosquitto" / "server.crt").read_bytes())
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(host))
    try:
        verifier.verify(server, [])
    except VerificationError:
        return False
    return True


def test_devices_believe_the_broker_at_the_names_that_were_given_and_at_no_other(init: Init, tmp_path: Path) -> None:
    init(hosts=["mqtt.example.gov.cn"])
    assert trusts(tmp_path, "mqtt.example.gov.cn") and trusts(tmp_path, "mosquitto") and trusts(tmp_path, "localhost")
    assert not trusts(tmp_path, "mqtt.elsewhere.example")
    assert not trusts(tmp_path, "mosquitto", NOW + timedelta(days=826))


def test_an_address_may_stand_for_a_name(init: Init, tmp_path: Path) -> None:
    init(hosts=["10.20.30.40"])
    server = x509.load_pem_x509_certificate((tmp_path / "mosquitto" / "server.crt").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.20.30.40"]


def test_a_removed_certificate_is_made_again_by_the_authority_that_devices_trust(init: Init, tmp_path: Path) -> None:
    init()
    trusted = (tmp_path / "ca.crt").read_bytes()
    (tmp_path / "mosquitto" / "server.crt").unlink()
    later = NOW + timedelta(days=800)
    init(now=later, hosts=["new.example"])
    assert (tmp_path / "ca.crt").read_bytes() == trusted and trusts(tmp_path, "new.example", later)


def test_an_authority_whose_key_is_elsewhere_is_not_replaced_by_another(init: Init, tmp_path: Path) -> None:
    init()
    (tmp_path / "ca.key").unlink()
    init()  # nothing to sign
    (tmp_path / "mosquitto" / "server.crt").unlink()
    with pytest.raises(SettingError, match="bring it back"):
        init()


def test_a_certificate_from_elsewhere_stays(init: Init, tmp_path: Path) -> None:
    (tmp_path / "mosquitto").mkdir()
    for name in ("ca.crt", "mosquitto/server.crt", "mosquitto/server.key"):
        (tmp_path / name).write_text("from elsewhere")
    init()
    assert (tmp_path / "ca.crt").read_text() == (tmp_path / "mosquitto" / "server.key").read_text() == "from elsewhere"
    assert not (tmp_path / "ca.key").exists()


# Devices


def test_a_device_gets_its_password_once_and_only_a_hash_is_kept(init: Init, tmp_path: Path) -> None:
    password = init(devices=[GAUGE]).passwords[GAUGE]
    assert init().passwords == {}
    assert is_hash_of(accounts(tmp_path)[GAUGE], password)
    assert not any(password.encode() in content for content in contents(tmp_path).values())


def test_the_hash_is_what_mosquitto_computes(init: Init, tmp_path: Path) -> None:
    password = init(devices=[GAUGE]).passwords[GAUGE]
    _, kind, rounds, salt, digest = accounts(tmp_path)[GAUGE].split("$")
    again = pbkdf2_hmac("sha512", password.encode(), b64decode(salt), int(rounds), 64)
    assert (kind, digest) == ("7", b64encode(again).decode())


def test_a_device_that_is_named_again_gets_another_password(init: Init, tmp_path: Path) -> None:
    first = init(devices=[GAUGE]).passwords[GAUGE]
    second = init(devices=[GAUGE]).passwords[GAUGE]
    assert is_hash_of(accounts(tmp_path)[GAUGE], second) and not is_hash_of(accounts(tmp_path)[GAUGE], first)


def test_all_devices_that_have_no_password_can_be_given_one(init: Init, tmp_path: Path) -> None:
    first = init(devices=[GAUGE]).passwords[GAUGE]
    assert init(all_devices=True).passwords.keys() == baoan().devices.keys() - {GAUGE}
    assert is_hash_of(accounts(tmp_path)[GAUGE], first)


@pytest.mark.parametrize("name", ["_ingest", "a/b", "a+", "", "a:b", "BA-WL-9999"])
def test_who_is_not_registered_gets_no_password_and_nothing_is_changed(init: Init, tmp_path: Path, name: str) -> None:
    init()
    before = contents(tmp_path)
    with pytest.raises(SettingError, match="not in the registry"):
        init(devices=[GAUGE, name])
    assert contents(tmp_path) == before


def test_a_device_may_write_its_own_topics_under_its_own_place_and_nothing_else(init: Init, tmp_path: Path) -> None:
    init(all_devices=True)
    assert allowed(tmp_path)[GAUGE] == "write citysafety/440306/440306017/waterlogging/BA-WL-0001/+"
    assert allowed(tmp_path)[NVR] == "write citysafety/440306/440306017/gateway/BA-NVR-0001/+"
    assert allowed(tmp_path)[BEHIND_IT] == "write citysafety/440306/440306017/video-coverage/BA-VC-000001/+"


def test_the_broker_lets_through_exactly_the_topics_that_ingest_takes_in(init: Init, tmp_path: Path) -> None:
    init(all_devices=True)
    intake = Intake(baoan(), shards=1, ingest="test")
    topics = {id: may.removeprefix("write ").removesuffix("+") for id, may in allowed(tmp_path).items() if id[0] != "_"}
    assert topics.keys() == baoan().devices.keys()
    for topic in topics.values():
        intake.accept(f"{topic}will".encode(), b"", retained=False, now_ms=0)
    assert intake.letters == []


def test_only_who_has_a_password_is_in_the_list(init: Init, tmp_path: Path) -> None:
    init(devices=[GAUGE])
    assert allowed(tmp_path).keys() == accounts(tmp_path).keys() == {"_ingest", "_health", GAUGE}


def test_the_programs_own_users_hear_or_speak_and_never_both(init: Init, tmp_path: Path) -> None:
    init(simulate=True)
    assert allowed(tmp_path) == {
        "_ingest": "read citysafety/#",
        "_health": "read $SYS/broker/#",
        "_simulator": "write citysafety/#",
    }


def test_nobody_speaks_for_all_devices_until_that_is_asked_for(init: Init, tmp_path: Path) -> None:
    init()
    assert "_simulator" not in accounts(tmp_path) and "_simulator" not in allowed(tmp_path)


def test_a_device_that_moved_speaks_from_where_it_is_now(init: Init, tmp_path: Path) -> None:
    init(devices=[GAUGE])
    site = next(s for s in baoan().sites.values() if baoan().areas[s.area].admin == "440306019")
    gauge = msgspec.structs.replace(baoan().devices[GAUGE], site=site.id)
    init(city=replace(baoan(), devices={**baoan().devices, GAUGE: gauge}))
    assert allowed(tmp_path)[GAUGE].startswith("write citysafety/440306/440306019/")


def test_a_device_that_left_the_registry_loses_its_access_and_gets_it_back_with_its_place(
    init: Init, tmp_path: Path
) -> None:
    password = init(devices=[GAUGE, OTHER]).passwords[GAUGE]
    left = init(city=without(GAUGE))
    assert f"{GAUGE} is not in the registry: no access" in left.done
    assert GAUGE not in accounts(tmp_path) and GAUGE not in allowed(tmp_path) and OTHER in accounts(tmp_path)
    assert not any(GAUGE in line for line in init(city=without(GAUGE)).done)  # told once
    init()
    assert is_hash_of(accounts(tmp_path)[GAUGE], password)
