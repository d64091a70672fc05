"""Where a server comes from: an address in the environment, Docker, or a local program."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers import docker
from tests.servers.missing import REMEDY, MissingError
from tests.servers.places import locked


@dataclass(frozen=True)
class Found:
    """What there is of a server: an address, an image, or a local program (for Kafka, the folder of its jars)."""

    what: str
    version: str
    origin: str
    address: str | None = None
    image: str | None = None
    program: Path | None = None

    def __str__(self) -> str:
        return f"{self.what} {self.version}, from {self.origin}"


@dataclass(frozen=True)
class Kind:
    """A kind of server. `variable`: of the environment, with an address. `local`: what is here, or None. `install`: get
    it here, or raise MissingError. `image` is empty for what does not run in a container."""

    what: str
    local: Callable[[], Found | None]
    install: Callable[[], None]
    variable: str = ""
    image: str = ""

    def find(self, own: bool = False) -> Found:
        """What is there now. `own`: only what we can stop and start ourselves. Raises MissingError."""
        found = (None if own else self._given()) or self._image(docker.has_image) or self.local()
        if found is None:
            raise MissingError(self.what, "neither an address, nor Docker, nor a local one", REMEDY)
        return found

    def get(self) -> Found:
        """What is there, got if need be: an image is pulled, a local one installed or built. Raises MissingError."""
        found = self._given() or self._image(self._pulled) or self.local()
        if found is not None:
            return found
        with locked(self.what.lower()):
            if self.local() is None:  # nobody else was faster
                self.install()
        found = self.local()
        if found is None:
            raise MissingError(self.what, "still not there after its installation", "look at what apt or Maven says")
        return found

    def _given(self) -> Found | None:
        address = os.environ.get(self.variable) if self.variable else None
        return Found(self.what, "as it is", f"{self.variable}", address=address) if address else None

    def _image(self, there: Callable[[str], bool]) -> Found | None:
        if not self.image or not docker.engine_answers() or not there(self.image):
            return None
        return Found(self.what, self.image.rpartition(":")[2], f"Docker ({self.image})", image=self.image)

    def _pulled(self, image: str) -> bool:
        return docker.has_image(image) or docker.pull(image)
