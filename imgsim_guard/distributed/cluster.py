"""The only module that imports Ray. It connects to a cluster, or starts one on this machine for this run."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import tempfile
import threading
from collections import deque
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from imgsim_guard.model import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import FrameType

Result = TypeVar("Result")

WAITING = 1000
"""Calls submitted to Ray at once: more than any cluster runs at a time."""

RETRIES = 3
"""Retries of a call whose worker died."""

MEMORY = 256 * 2**20
"""Bytes that a local cluster keeps in memory between calls: the embeddings of 150,000 images. Ray writes the rest to
disk.
"""

SECONDS_TO_CONNECT = 10


class Cluster:
    """Runs functions of this package in other processes, each on one core."""

    def __init__(self, ray: Any, interrupted: threading.Event) -> None:  # noqa: ANN401  a module
        self._ray = ray
        self._interrupted = interrupted

    @property
    def cores(self) -> int:
        """How many calls it runs at once."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def put(self, value: object) -> Any:  # noqa: ANN401  an object of Ray
        """A reference to a value that is an argument of many calls. It is sent once to each machine; functions get the
        value.
        """
        return self._ray.put(value)

    def map(self, function: Callable[..., Result], calls: Iterable[tuple[object, ...]]) -> Generator[Result]:
        """The function's results in the order of the calls. A call whose worker dies is repeated.

        Raises GuardError if a call raises it, and if Ray gives up. Calls that are unfinished when the generator is
        closed end with the run: Ray 2.60 aborts this process if a call is cancelled that has just ended.
        """
        remote = self._ray.remote(num_cpus=1, max_retries=RETRIES)(function)
        calls = iter(calls)
        waiting = deque(remote.remote(*call) for call in islice(calls, WAITING))
        while waiting:
            result = self._result(waiting.popleft())
            if self._interrupted.is_set():
                self._interrupted.clear()
                raise KeyboardInterrupt
            waiting.extend(remote.remote(*call) for call in islice(calls, 1))
            yield result

    def _result(self, call: object) -> Any:  # noqa: ANN401  what the function returns
        errors = self._ray.exceptions
        try:
            return self._ray.get(call)
        except errors.RayTaskError as error:
            if isinstance(error.cause, GuardError):
                raise GuardError(str(error.cause)) from error
            if isinstance(error.cause, ImportError):
                raise GuardError(
                    f"a worker lacks a package that this machine has ({error.cause}); install the same "
                    "imgsim-guard[ray] on every machine of the cluster"
                ) from error
            raise
        except errors.RayError as error:
            raise GuardError(
                f"Ray gave up ({_first_line(error)}); what was embedded is kept. If an image crashes its decoder, the "
                "same command without --ray names it"
            ) from error


@contextmanager
def cluster_at(address: str) -> Iterator[Cluster]:
    """The cluster at an address, `host:port` or `auto`. Without an address, one on this machine that ends with the
    context.

    Raises GuardError if Ray is not installed, and if there is no cluster at the address.
    """
    ray = _imported(local=not address)
    with ExitStack() as left_behind:
        if address:
            _require_listener(address)
            options: dict[str, Any] = {"address": address}
        else:
            options = _of_our_own(left_behind)
        interrupted = left_behind.enter_context(_interruptions())
        left_behind.callback(ray.shutdown)
        try:
            ray.init(**options, log_to_driver=False, logging_level="ERROR")
        except (Exception, SystemExit) as error:  # SystemExit comes after two minutes of a listener that is not Ray
            where = f"the Ray cluster at {address}" if address else "Ray on this machine"
            raise GuardError(f"cannot start with {where}: {_first_line(error)}") from error
        yield Cluster(ray, interrupted)


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """An event that ^C sets, besides raising KeyboardInterrupt: if that is raised in a callback of Ray, it is lost."""
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _of_our_own(left_behind: ExitStack) -> dict[str, Any]:
    """The options for a cluster on this machine that leaves no files."""
    # Ray would keep its folder. It contains sockets, whose paths must be short.
    parent = "/tmp" if os.name == "posix" else None  # noqa: S108  the folder's name is random
    folder = tempfile.TemporaryDirectory(prefix="imgsim-guard-", dir=parent, ignore_cleanup_errors=True)
    return {
        "address": "local",
        "include_dashboard": False,
        "object_store_memory": MEMORY,
        "_temp_dir": left_behind.enter_context(folder),
    }


def _imported(*, local: bool) -> Any:  # noqa: ANN401  a module
    """Import Ray, after setting the environment variables that it reads on import."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise Ray warns
    if local:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # bind to this machine only, as on Windows and macOS
        # Only processes with the token may send commands. Ray would store the token in the home folder.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())
    try:
        import ray
    except ImportError as error:
        raise GuardError(f"--ray needs Ray ({error}); pip install 'imgsim-guard[ray]'") from error
    return ray


def _require_listener(address: str) -> None:
    """Raise GuardError at once if nothing listens there: Ray itself would try for two minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
        except (OSError, OverflowError) as error:
            raise GuardError(f"there is no Ray cluster at {address}: {error}") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
