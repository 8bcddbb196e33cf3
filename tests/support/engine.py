"""The container engine for tests: a client or a reason to skip, the runner's image, a label that cleans up.

A test module takes the fixtures with `pytest_plugins = ["tests.support.engine"]`, and may import from here as well
(PYTEST_DONT_REWRITE: it is no test itself).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container

ROOT = Path(__file__).resolve().parents[2]
LABEL = "dovecote.installation"  # what tells the containers of two installations apart
DEFAULT_IMAGE = "dovecote-runner:dev"
DEFAULT_HOST_IMAGE = "dovecote:test"
OFFLINE_BASE = "dovecote-base:bookworm"  # made by .ci/base-image; taken for a build when it is here
ENGINE_TIMEOUT = 90  # seconds for one request to the engine, which may be waiting for a container to end
BUILD_TIMEOUT = 600  # seconds for `make image`, which fetches the wheels the first time
TEST_TIMEOUT = 900  # seconds for a test that may be the first, and so the one that builds


def engine_required() -> bool:
    """Whether this run promised an engine, so that none is a failure."""
    return os.environ.get("DOVECOTE_REQUIRE_DOCKER") == "1"


def require_engine() -> docker.DockerClient:
    """A client of an engine that answers; skips the test without one, or fails it where one was promised."""
    try:
        client = docker.from_env(timeout=ENGINE_TIMEOUT)
        client.ping()
    except DockerException as error:
        reason = f"No container engine answers: {error}"
        if engine_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return client


def runner_image() -> str:
    """The id of the runner's image; ids stay right when another build takes the name.

    `DOVECOTE_TEST_IMAGE` names an image to test as it is. Without it, and where that image is missing,
    `make image` builds it, one worker at a time; a build from an unchanged tree only finds its layers again.
    """
    return _image("DOVECOTE_TEST_IMAGE", "image", "IMAGE", DEFAULT_IMAGE)


def host_image() -> str:
    """The id of the host's image; `DOVECOTE_TEST_HOST_IMAGE` names one, in the same way."""
    return _image("DOVECOTE_TEST_HOST_IMAGE", "host-image", "HOST_IMAGE", DEFAULT_HOST_IMAGE)


def guard_image() -> str:
    """The id of the image that stands before an engine; `DOVECOTE_TEST_ENGINE_IMAGE` names one, in the same way."""
    return _image("DOVECOTE_TEST_ENGINE_IMAGE", "engine-image", "ENGINE_IMAGE", "dovecote-engine:dev")


def _image(given: str, target: str, variable: str, default: str) -> str:
    client = require_engine()
    name = os.environ.get(given, "")
    with _build_lock(target):
        if name:
            with contextlib.suppress(ImageNotFound):
                return _image_id(client, name)
        _make_image(client, target, f"{variable}={name or default}")
        return _image_id(client, name or default)


def _image_id(client: docker.DockerClient, name: str) -> str:
    identity = client.images.get(name).id
    assert identity is not None
    return identity


@contextlib.contextmanager
def _build_lock(target: str) -> Iterator[None]:
    path = Path(tempfile.gettempdir(), f"dovecote-{target}-{os.getuid()}.lock")
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make_image(client: docker.DockerClient, target: str, name: str) -> None:
    command = ["make", "--silent", target, name]
    if "BASE_IMAGE" not in os.environ:
        with contextlib.suppress(ImageNotFound):
            client.images.get(OFFLINE_BASE)
            command.append(f"BASE_IMAGE={OFFLINE_BASE}")
    built = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    if built.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed:\n{built.stdout[-4000:]}", pytrace=False)


@dataclass(frozen=True)
class Installation:
    """One installation's share of the engine: everything that carries its label."""

    client: docker.DockerClient
    image: str
    id: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.id}

    def start(self, *command: str, mounts: dict[Path, str] | None = None, **options: Any) -> Container:
        """Starts a container without network and returns it running.

        `mounts` maps a folder to `"/target:ro"` or `"/target:rw"`; `options` are those of `containers.run`.
        """
        settings: dict[str, Any] = {
            "entrypoint": [""],  # the engine's way to say: the command alone
            "init": True,
            "labels": self.labels,
            "network_mode": "none",
            "volumes": [f"{folder}:{target}" for folder, target in (mounts or {}).items()],
            **options,
        }
        return self.client.containers.run(self.image, list(command), detach=True, **settings)

    def run(self, *command: str, mounts: dict[Path, str] | None = None, **options: Any) -> tuple[int, str]:
        """Runs a command in a container of its own to its end: (exit status, everything it printed)."""
        container = self.start(*command, mounts=mounts, **options)
        status = container.wait(timeout=ENGINE_TIMEOUT)["StatusCode"]
        printed = container.logs().decode()
        container.remove(force=True)
        return int(status), printed

    def containers(self) -> list[Container]:
        """Its containers, running or not."""
        found: list[Container] = self.client.containers.list(
            all=True, filters={"label": f"{LABEL}={self.id}"}, ignore_removed=True
        )
        return found

    def remove(self) -> None:
        """Ends and removes whatever carries the label; what is already going away is left to it."""
        for container in self.containers():
            try:
                container.remove(force=True, v=True)
            except NotFound:
                continue
            except APIError as error:
                if error.status_code != 409:  # conflict: its removal is under way
                    raise


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = require_engine()
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    return runner_image()


@pytest.fixture
def installation(engine: docker.DockerClient, image: str) -> Iterator[Installation]:
    """An installation of the test's own; its containers are gone when the test ends, however it ends."""
    own = Installation(engine, image)
    yield own
    own.remove()
