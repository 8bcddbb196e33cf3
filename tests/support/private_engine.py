"""A container engine of the test's own, to be stopped and started (PYTEST_DONT_REWRITE: no test itself)."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
import requests
from docker.errors import DockerException

from tests.support.engine import engine_required
from tests.support.waiting import until

STOP_TIMEOUT = 60  # s for it to end its containers and itself
END_TIMEOUT = 8  # s for it to end in peace at the end of the test
LOAD_TIMEOUT = 200  # s for the image to get from one engine into the other
LONGEST_LOG = 3_000  # characters


class PrivateEngine:
    """Without networks, for runners have none. Its folder is short: the address of a socket holds 107 bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix://{folder}/sock"

    def start(self) -> None:
        # In a network of its own: an engine without a bridge takes away the one of the engine that everybody uses.
        command = [
            "unshare",
            "--net",
            "dockerd",
            "--host",
            self.address,
            "--pidfile",
            str(self._folder / "pid"),
        ]
        command += ["--data-root", str(self._folder / "data"), "--exec-root", str(self._folder / "run")]
        command += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--shutdown-timeout=5"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(STOP_TIMEOUT)

    def end(self) -> None:
        """For good: its containers are gone, or end here; what it waits for in peace would only take a minute."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_TIMEOUT)
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self._folder / "run/containerd/containerd.pid").read_text()), signal.SIGKILL)
        process.kill()
        process.wait(END_TIMEOUT)

    def load(self, image: str) -> None:
        """Takes the image over from the engine that everybody uses."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
            taken = ["docker", "--host", self.address, "load"]
            subprocess.run(taken, stdin=saving.stdout, capture_output=True, timeout=LOAD_TIMEOUT, check=True)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail("dockerd ended:\n" + (self._folder / "log").read_text()[-LONGEST_LOG:], pytrace=False)
        try:
            client = docker.DockerClient(base_url=self.address, timeout=5)
            with contextlib.closing(client):
                return bool(client.ping())
        except (DockerException, requests.RequestException):
            return False


@contextmanager
def private_engine() -> Iterator[PrivateEngine]:
    if os.geteuid() != 0 or not (shutil.which("dockerd") and shutil.which("unshare")):
        reason = "an engine of one's own needs root and dockerd"
        if engine_required():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/tmp"))
    engine = PrivateEngine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.end()
        subprocess.run(["rm", "-rf", str(folder)], timeout=STOP_TIMEOUT * 2, check=True)
