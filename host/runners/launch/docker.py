"""Runners in containers: no network, no secret, no capability, a read-only root, limits for everything.

The engine's names are the assignment (law 10): a container is called after its installation and session, so a second one
cannot be created. The list of containers is the truth, the engine's events are hints to look at it (law 3).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import LogConfig, Ulimit

from host.config import Runner as Settings
from host.folders import ownership, unnamed
from host.runners.launch import binds, engine
from host.runners.launch import labels as marks
from host.runners.launch.base import LaunchError, Runner, RunnerSpec
from host.runners.launch.echo import TAIL, Echo
from host.runners.launch.events import Events
from host.runners.launch.labels import CONTRACT_LABEL, INCARNATION, INSTALLATION, LOG, OUTLINE, ROLE, SESSION
from host.runners.launch.logs import append_bounded
from sessiondb.contract import CONTRACT

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

ENGINE_THREADS = 8  # requests to the engine at a time
REMEMBERED_DEATHS = 1_000
HEAR_EVERY = 5.0  # s between two looks at what containers print
LOOK_EVERY = 10.0  # s between two looks at the list when no event hints at one
KILL_DEADLINE = 30.0  # s for a killed container to be confirmed dead
MAINTENANCE_DEADLINE = 60  # s
MOST_UNREAD = 3  # looks after which a container that has ended is over, however it ended
LONGEST_HELD = 20.0  # s; who is held for longer was forgotten, and is let go
LOST = -9  # the exit code of a container that somebody else removed
LARGEST_LOG = 1_000_000  # bytes of a container's output that are kept when it ends
MIB = 1024 * 1024

_NOT_RUNNING = 409  # the engine's answer to a signal for a container that has ended, and to a name in use


class DockerRunner:
    def __init__(self, container: str, name: str, labels: dict[str, str], since: float = 1.0) -> None:
        """What it printed before `since` (s) was heard in an earlier life of the host."""
        self.container = container
        self.name = name
        self.session_id = labels[SESSION]
        self.incarnation = labels[INCARNATION]
        self.outline = labels.get(OUTLINE, "")
        self.log = Path(labels[LOG])
        self.since = since
        self.echo = Echo(self.session_id, self.incarnation)
        self.held = False
        self.held_at = 0.0  # loop time of the last order
        self.ending = False
        self.ordering = asyncio.Lock()  # to hold it and to let it go are orders that must not pass each other
        self.unread = 0  # looks at which the engine could not say how it ended
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    def is_forgotten(self) -> bool:
        """Whether it is paused without an order, or for longer than anybody orders."""
        return asyncio.get_running_loop().time() - self.held_at > LONGEST_HELD


class DockerLauncher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(ENGINE_THREADS, thread_name_prefix="engine")
        self._connected: docker.DockerClient | None = None
        self._connecting = threading.Lock()
        self._runners: dict[str, DockerRunner] = {}
        self._names: Counter[str] = (
            Counter()
        )  # in use from before the creation until after the removal, by how many
        self._away = False
        self._odd: set[str] = set()  # containers about which something failed at the last look
        self._hint = asyncio.Event()
        self._died: dict[str, None] = {}  # containers, by their events
        self._watching: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._events: Events | None = None

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, spec: RunnerSpec) -> DockerRunner:
        self._watch(spec.installation, spec.node)
        labels = marks.labels(spec, "runner")
        name = marks.name(spec)
        self._names[name] += 1
        try:
            container = await self._call(self._launch, name, spec, labels, ())
        except BaseException:
            self._no_longer(name)
            raise
        runner = DockerRunner(container, name, labels)
        self._runners[container] = runner
        self._hint.set()  # it may have ended already, before anyone knew its id
        return runner

    async def stop(self, runner: Runner, grace: float) -> None:
        assert isinstance(runner, DockerRunner)  # noqa: S101 - made by this launcher
        runner.ending = True
        if runner.held:  # not every engine signals a container that is paused
            with contextlib.suppress(LaunchError):
                await self.let_go(runner)
        if grace > 0:
            await self._call(self._signal, runner.container, "SIGTERM")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await runner.wait()
                    return
        await self._call(self._signal, runner.container, "SIGKILL")
        self._hint.set()
        try:
            async with asyncio.timeout(KILL_DEADLINE):
                await runner.wait()
        except TimeoutError as error:
            raise LaunchError("the engine does not confirm the end of a container", transient=True) from error

    async def first_process(self, runner: Runner) -> int:
        assert isinstance(runner, DockerRunner)  # noqa: S101 - made by this launcher
        return await self._call(self._first_process, runner.container)

    async def hold(self, runner: Runner) -> None:
        assert isinstance(runner, DockerRunner)  # noqa: S101 - made by this launcher
        async with runner.ordering:
            if runner.ending:
                return
            # Before it is: whoever stops it meanwhile lets it go first.
            runner.held, runner.held_at = True, asyncio.get_running_loop().time()
            await self._call(self._pause, runner.container, paused=True)

    async def let_go(self, runner: Runner) -> None:
        assert isinstance(runner, DockerRunner)  # noqa: S101 - made by this launcher
        async with runner.ordering:
            await self._call(self._pause, runner.container, paused=False)
            runner.held = False

    async def reconcile(self, installation: str, node: str = "") -> list[Runner]:
        adopted: list[Runner] = []
        try:
            for found in await self._call(self._list, installation, node):
                labels: dict[str, str] = found["Labels"]
                alive = found["State"] in ("running", "paused") and labels.get(ROLE) == "runner"
                if alive and labels.get(CONTRACT_LABEL) == str(CONTRACT):
                    runner = DockerRunner(found["Id"], marks.name_in(found), labels, time.time())
                    self._names[runner.name] += 1
                    self._runners[runner.container] = runner
                    adopted.append(runner)
                    if found["State"] == "paused":  # the life of the host that held it is over
                        runner.held = True
                        await self._alone(runner.name, self.let_go(runner))
                else:
                    # One that cannot be removed now is a stray at the next look.
                    with contextlib.suppress(LaunchError):
                        await self._call(self._remove, found["Id"])
        finally:
            # After an engine that was away, too: what lives there by then nobody has adopted, and it has to end.
            self._watch(installation, node)
        return adopted

    async def maintain(self, spec: RunnerSpec, *, delivered_up_to: int, older_than: int) -> None:
        arguments = ("--maintain", f"--delivered-up-to={delivered_up_to}", f"--older-than={older_than}")
        name = f"{marks.name(spec)}-care"
        self._names[name] += 1
        try:
            container = await self._call(
                self._launch, name, spec, marks.labels(spec, "maintenance"), arguments
            )
            code = await self._call(self._await_end, container)
            await self._call(self._keep_log, container, spec.log)
            await self._call(self._remove, container)
        finally:
            self._no_longer(name)
        if code != 0:
            raise LaunchError(f"maintenance ended with code {code}", transient=True, code=code)

    async def close(self) -> None:
        if self._events is not None:
            self._events.close()
        for task in (self._watching, self._hearing):
            if task is not None:
                task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ── watching: an event is a hint, the list is the truth ──────────────────────────────────────────────

    def _watch(self, installation: str, node: str) -> None:
        if self._watching is None:
            loop = asyncio.get_running_loop()

            def hint(died: str) -> None:
                loop.call_soon_threadsafe(self._heard, died)

            self._events = Events(self._client, installation, hint)
            self._watching = asyncio.create_task(self._keep_looking(installation, node), name="engine")
            self._hearing = asyncio.create_task(self._keep_hearing(), name="echo")

    def _heard(self, container: str) -> None:
        if container:
            # The engine tells of a death before its list shows it; the list alone would be ten seconds late.
            self._died[container] = None
            if len(self._died) > REMEMBERED_DEATHS:
                self._died.pop(next(iter(self._died)))
        self._hint.set()

    async def _keep_looking(self, installation: str, node: str) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._hint.wait()
            self._hint.clear()
            try:
                await self._look(installation, node)
            except LaunchError as error:
                if not self._away:
                    log.error("Runners cannot be watched: %s", error.reason, extra={"action": "engine_away"})
                self._away = True
                continue
            except (
                Exception
            ):  # a task's boundary: if nobody looked any more, no runner would ever be seen to end
                log.exception("A look at the containers failed", extra={"action": "look_failed"})
                continue
            if self._away:
                log.info("The container engine is back", extra={"action": "engine_back"})
            self._away = False

    async def _keep_hearing(self) -> None:
        """Apart from the looks: what containers print holds up no end of any."""
        while True:
            await asyncio.sleep(HEAR_EVERY)
            for runner in list(self._runners.values()):
                with contextlib.suppress(
                    Exception
                ):  # what one prints, or an engine that is away, deafens nobody
                    await self._call(self._hear, runner)

    async def _look(self, installation: str, node: str = "") -> None:
        """Settles the ended, lets go the forgotten, removes the strays. Only what was known before the list was made can be
        judged by it."""
        known, named = list(self._runners.values()), set(self._names)
        found = {entry["Id"]: entry for entry in await self._call(self._list, installation, node)}
        for runner in known:
            entry = found.get(runner.container)
            state = entry["State"] if entry is not None else ""
            if state in ("", "exited", "dead") or runner.container in self._died:
                await self._alone(runner.name, self._settle(runner, gone=entry is None))
            elif state == "paused" and runner.is_forgotten():
                await self._alone(runner.name, self.let_go(runner))
        for id_, entry in found.items():
            name = marks.name_in(entry)
            if name not in named and name not in self._names:
                log.warning("Stray container removed: %s", name, extra={"action": "stray_removed"})
                await self._alone(name, self._call(self._remove, id_))

    async def _alone(self, name: str, about_one: Coroutine[Any, Any, None]) -> None:
        """One container that the engine cannot tell of is looked at again, and hides the end of no other (law 15)."""
        try:
            await about_one
        except Exception as error:  # noqa: BLE001 - a library's own, too
            if name not in self._odd:
                log.warning("Container %s: %s", name, error, extra={"action": "container_odd"})
            self._odd.add(name)
        else:
            self._odd.discard(name)

    async def _settle(self, runner: DockerRunner, *, gone: bool) -> None:
        """Its end is confirmed: keeps its output, frees its name, tells who waits."""
        code = LOST
        if not gone:
            try:
                code = await self._call(self._exit_code, runner.container)
                await self._call(self._hear, runner)
                runner.echo.end()
                await self._call(self._keep_log, runner.container, runner.log)
            except Exception as error:
                runner.unread += 1
                if runner.unread < MOST_UNREAD:
                    raise
                # Its end is known all the same: who waits for it is told.
                log.warning("How a container ended is not known: %s", error, extra={"action": "end_unknown"})
            # What cannot be removed now is a stray at the next look, or in the way of the next start and removed there.
            with contextlib.suppress(LaunchError):
                await self._call(self._remove, runner.container)
        self._runners.pop(runner.container, None)
        self._no_longer(runner.name)
        if not runner.ended.done():
            runner.ended.set_result(code)

    def _no_longer(self, name: str) -> None:
        # Counted: a container that was in the way of the next one's start settles after that one took the name.
        self._names[name] -= 1
        if self._names[name] <= 0:
            del self._names[name]

    # ── on the engine's threads ──────────────────────────────────────────────────────────────────────────

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking request off the loop. Raises `LaunchError`."""
        call = functools.partial(function, *args, **kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except APIError as error:
            refused = error.response is not None and 400 <= error.response.status_code < 500
            reason = f"the container engine refuses: {error.explanation or error}"
            raise LaunchError(reason, transient=not refused) from error
        except engine.GONE as error:
            raise LaunchError(f"the container engine does not answer: {error}", transient=True) from error

    def _client(self) -> docker.DockerClient:
        with self._connecting:
            if self._connected is None:
                self._connected = engine.connect(self._settings.engine)
            return self._connected

    def _launch(self, name: str, spec: RunnerSpec, labels: dict[str, str], arguments: Sequence[str]) -> str:
        self._check_image()
        folders = (
            spec.folder.inbound,
            spec.folder.outbound,
            spec.folder.gateway,
            spec.folder.work,
            spec.shared,
        )
        try:
            ownership.hand_over(folders)
        except OSError as error:
            reason = f"the session's files cannot be given to the container's user: {error}"
            raise LaunchError(reason, transient=False) from error
        options = self._options(name, spec, labels, arguments)
        client = self._client()
        try:
            container = client.containers.create(**options)
        except APIError as error:
            if error.response is None or error.response.status_code != _NOT_RUNNING:
                raise
            # The name is taken by a life the host knows nothing of: it ends before another begins.
            self._remove(name)
            container = client.containers.create(**options)
        identity = str(container.id)
        try:
            container.start()
        except BaseException:
            with contextlib.suppress(*engine.GONE):
                self._remove(identity)
            raise
        return identity

    def _first_process(self, container: str) -> int:
        try:
            pid = int(self._client().api.inspect_container(container)["State"]["Pid"])
        except NotFound:
            return 0
        return pid if unnamed.belongs(pid, container) else 0

    def _check_image(self) -> None:
        name = self._settings.image
        try:
            image = self._client().images.get(name)
        except ImageNotFound as error:
            raise LaunchError(f"the engine has no image {name}, run `make image`", transient=False) from error
        spoken = image.labels.get(CONTRACT_LABEL, "none")
        if spoken != str(CONTRACT):
            raise LaunchError(
                f"the image {name} speaks contract version {spoken}, this host speaks {CONTRACT}, run `make image`",
                transient=False,
            )

    def _options(
        self, name: str, spec: RunnerSpec, labels: dict[str, str], arguments: Sequence[str]
    ) -> dict[str, Any]:
        limits = self._settings.limits
        uid, gid = ownership.container_ids()
        largest_file = limits.largest_file_mb * MIB
        return {
            "image": self._settings.image,
            "command": list(arguments),
            "name": name,
            "labels": labels,
            "environment": {
                **spec.environment,
                "DOVECOTE_INSTALLATION": spec.installation,
                "DOVECOTE_INCARNATION": spec.incarnation,
                "DOVECOTE_SESSION_DIR": "/session",
                "DOVECOTE_WORKSPACE": "/workspace",
                "DOVECOTE_SHARED": "/shared",
                "DOVECOTE_AGENT_DIR": "/agent" if spec.agent else "",
            },
            **binds.options(binds.of(spec), self._settings.selinux),
            "working_dir": "/workspace",
            "user": f"{uid}:{gid}",
            "hostname": "runner",
            "network_mode": "none",
            "ipc_mode": "private",
            "read_only": True,
            "tmpfs": {"/tmp": f"size={limits.temporary_mb}m,mode=1777,nosuid,nodev"},  # noqa: S108 - the container's
            "cap_drop": ["ALL"],
            "init": False,  # the runner's own first process is one, and nobody in the container has more than it
            "mem_limit": limits.memory_mb * MIB,
            "memswap_limit": limits.memory_mb * MIB,
            "nano_cpus": int(limits.cpus * 1_000_000_000),
            "pids_limit": limits.pids,
            "shm_size": 16 * MIB,
            "ulimits": [
                Ulimit(name="fsize", soft=largest_file, hard=largest_file),
                Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
                Ulimit(name="core", soft=0, hard=0),
            ],
            "log_config": LogConfig(
                type=LogConfig.types.JSON, config={"max-size": f"{limits.log_mb}m", "max-file": "2"}
            ),
        }

    def _list(self, installation: str, node: str) -> list[dict[str, Any]]:
        label = f"{INSTALLATION}={installation}"
        found: list[dict[str, Any]] = self._client().api.containers(all=True, filters={"label": label})
        return [entry for entry in found if marks.is_of(entry, node)]

    def _signal(self, container: str, signal: str) -> None:
        try:
            self._client().api.kill(container, signal)
        except NotFound:
            return
        except APIError as error:
            if error.response is None or error.response.status_code != _NOT_RUNNING:
                raise

    def _pause(self, container: str, *, paused: bool) -> None:
        """Engines have several answers for one that is so already, or has ended."""
        api = self._client().api
        try:
            (api.pause if paused else api.unpause)(container)
        except NotFound:
            return
        except APIError:
            with contextlib.suppress(NotFound):
                state = api.inspect_container(container)["State"]
                if state["Running"] and bool(state["Paused"]) is not paused:
                    raise

    def _exit_code(self, container: str) -> int:
        try:
            state = self._client().api.inspect_container(container)["State"]
        except NotFound:
            return LOST
        if state.get("OOMKilled"):
            log.warning("Container %s ran out of memory", container[:12], extra={"action": "out_of_memory"})
        code = int(state["ExitCode"])
        return 128 - code if code > 128 else code

    def _await_end(self, container: str) -> int:
        return int(self._client().api.wait(container, timeout=MAINTENANCE_DEADLINE)["StatusCode"])

    def _remove(self, container: str) -> None:
        """Ends it if need be. What is being removed already, or gone, is fine."""
        try:
            self._client().api.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if error.response is None or error.response.status_code != _NOT_RUNNING:
                raise

    def _hear(self, runner: DockerRunner) -> None:
        asked_at = time.time()
        told = self._client().api.logs(runner.container, timestamps=True, since=runner.since, tail=TAIL)
        runner.since = asked_at - 1.0  # what was printed meanwhile comes again, and is known by its time
        runner.echo.hear_stamped(told)

    def _keep_log(self, container: str, path: Path) -> None:
        try:
            stream: Iterator[bytes] = self._client().api.logs(container, stream=True, timestamps=True)
            append_bounded(path, stream, LARGEST_LOG)
        except engine.GONE as error:
            log.warning("Output of a container is lost: %s", error, extra={"action": "log_lost"})
