"""deploy/restore.sh touches nothing for a backup that is not whole, not ours, or not for this program; and on a new
machine it brings secrets and devices back first."""

import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.by_hand import ByHand, scripts
from tests.servers.deployed import DEPLOY

pytestmark = pytest.mark.servers

BACKUP, RESTORE = DEPLOY / "backup.sh", DEPLOY / "restore.sh"
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Stranger:
    """A machine on which nothing runs. `calls`: what docker was told there."""

    folder: Path
    run: Run
    backup: Path
    calls: list[str] = field(default_factory=list)

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def restore(self) -> subprocess.CompletedProcess[str]:
        return self.run(
            RESTORE,
            self.backup,
            QIANSHAO_SECRETS=str(self.secrets),
            QIANSHAO_FLEET_FOLDER=str(self.folder / "fleet"),
        )

    def manifest(self, name: str, value: str) -> None:
        """Say otherwise in the manifest, as whoever had written it so."""
        lines = (self.backup / "MANIFEST").read_text().splitlines()
        changed = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in lines]
        (self.backup / "MANIFEST").write_text("\n".join(changed))
        self.sum_up()

    def sum_up(self) -> None:
        command = "find . -type f ! -name SHA256SUMS -print0 | xargs -0 sha256sum > SHA256SUMS"
        subprocess.run(["bash", "-c", command], cwd=self.backup, check=True)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    backup, kept = tmp_path / "qianshao-20261126T030000Z", tmp_path / "kept"
    backup.mkdir()
    kept.mkdir(mode=0o700)
    (kept / "mosquitto").mkdir()
    (kept / "installation").write_text("0f9c1d")
    (kept / "ca.key").write_text("key")
    (kept / "ca.key").chmod(0o600)
    for name in ("secrets", "fleet"):
        with tarfile.open(backup / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(kept, ".")
    (backup / "database.dump").write_text("a dump")
    (backup / "grafana.db").write_text("users")
    known = {"made": "2026-11-26T03:00:00Z", "program": "0.1.0", "schema": "0001", "installation": "0f9c1d"}
    lines = ["qianshao backup 1", *(f"{name}={value}" for name, value in known.items())]
    (backup / "MANIFEST").write_text("\n".join(lines))
    with scripts(ByHand(), tmp_path, lambda verb, services: found.calls.append(verb)) as run:
        found = Stranger(tmp_path, run, backup)
        found.sum_up()
        yield found


def refused(stranger: Stranger, why: str) -> None:
    done = stranger.restore()
    assert done.returncode == 1 and why in done.stderr
    assert stranger.calls == [] and not stranger.secrets.exists()


def test_a_damaged_backup_is_refused(stranger: Stranger) -> None:
    (stranger.backup / "database.dump").write_text("a dumb")
    refused(stranger, "is damaged")


def test_a_backup_that_lacks_a_file_is_refused(stranger: Stranger) -> None:
    (stranger.backup / "grafana.db").unlink()
    refused(stranger, "is damaged")


def test_a_backup_that_was_never_finished_is_refused(stranger: Stranger) -> None:
    (stranger.backup / "SHA256SUMS").unlink()
    refused(stranger, "was never finished")


def test_what_is_no_backup_of_this_program_is_refused(stranger: Stranger) -> None:
    (stranger.backup / "MANIFEST").write_text("somebody else's backup\n")
    stranger.sum_up()
    refused(stranger, "is a backup of something else")
    (stranger.backup / "MANIFEST").unlink()
    refused(stranger, "is no backup")


def test_a_backup_of_a_newer_program_is_refused(stranger: Stranger) -> None:
    stranger.manifest("schema", "9999")
    refused(stranger, "made by a newer program (0.1.0)")


def test_a_backup_of_another_installation_is_refused(stranger: Stranger) -> None:
    stranger.secrets.mkdir()
    (stranger.secrets / "installation").write_text("another")
    done = stranger.restore()
    assert done.returncode == 1 and "of another installation" in done.stderr
    assert stranger.calls == []


def test_on_a_new_machine_secrets_and_devices_are_unpacked_first_and_as_they_were(stranger: Stranger) -> None:
    stranger.restore()
    assert stranger.secrets.stat().st_mode & 0o777 == 0o700
    assert (stranger.secrets / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (stranger.folder / "fleet" / "installation").exists()
    assert stranger.calls[:2] == ["stop", "up"]


def test_what_is_there_stays_as_it_is(stranger: Stranger) -> None:
    stranger.secrets.mkdir()
    (stranger.secrets / "installation").write_text("0f9c1d")
    stranger.restore()
    assert [path.name for path in stranger.secrets.iterdir()] == ["installation"]
    assert stranger.calls[:2] == ["stop", "up"]


@pytest.mark.parametrize("script", [BACKUP, RESTORE])
def test_a_script_that_is_not_told_enough_says_what_is_lacking(stranger: Stranger, script: Path) -> None:
    assert "say wh" in stranger.run(script).stderr
    assert "QIANSHAO_SECRETS" in stranger.run(script, stranger.backup).stderr
    assert stranger.calls == []


def test_a_backup_that_fails_leaves_none_behind_that_looks_whole(stranger: Stranger, tmp_path: Path) -> None:
    told = {"QIANSHAO_SECRETS": str(tmp_path / "kept"), "QIANSHAO_FLEET_FOLDER": str(tmp_path / "kept")}
    done = stranger.run(BACKUP, tmp_path / "backups", **told)
    assert done.returncode != 0
    assert [path.name[0] for path in (tmp_path / "backups").iterdir()] == ["."]
