"""A child process with limits of memory and time, in which suspicious files are decoded.

It starts with the first such file and ends with this process. It runs `images.limited`.
"""

from __future__ import annotations

import atexit
import json
import signal
import struct
import sys
from contextlib import suppress
from threading import Event, Lock, Timer
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from imgsim_guard.images.claims import memory_of, pixels_of
from imgsim_guard.images.picture import Picture
from imgsim_guard.model import Unreadable

if TYPE_CHECKING:
    import subprocess

    from imgsim_guard.images.headers import Header

REQUEST = struct.Struct("<QQdq?")
"""Length of the file, bytes of memory, seconds, the least side or -1, and whether made-up parts are unreadable."""

READY = b"!"
"""What the child writes before it reads the first request."""

LEAST_SECONDS, PIXELS_A_SECOND = 2.0, 5_000_000
"""Seconds of processor time for decoding: two, plus the time of slow decoders for this many pixels."""

KEPT_PIXELS = 1_000_000
"""After a larger or refused picture the child ends: memory that it still holds would reduce what the next file may use,
and change the reason in its message.
"""

MORE_ON_THE_CLOCK = 6
"""Elapsed time may be this multiple of the processor time, since a busy machine gives the child only a part of it."""

_START = """# with the parent's path, and nothing of the environment's or the working folder's
import sys
sys.path[:] = sys.argv[1:]
from imgsim_guard.images.limited import serve
serve()
"""


def decode_in_child(data: bytes, header: Header, least_side: int | None, *, whole: bool) -> Picture | Unreadable:
    """As `read_picture` or, if `whole`, as `decode_whole`, for a file with this header. A file that takes more memory
    or time than its pixels need, or that ends the child, is unreadable, too.
    """
    return CHILD.decode(data, header, -1 if least_side is None else least_side, whole)


class _Child:
    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes, header: Header, least_side: int, whole: bool) -> Picture | Unreadable:  # noqa: FBT001
        seconds = LEAST_SECONDS + pixels_of(header, data) / PIXELS_A_SECOND
        with self._one_at_a_time:
            process = self._started()
            stopped = Event()
            clock = Timer(seconds * MORE_ON_THE_CLOCK, _stop, (process, stopped))
            clock.start()
            try:
                request = REQUEST.pack(len(data), memory_of(header, data), seconds, least_side, whole)
                answer = self._asked(process, request, data)
            except (EOFError, OSError):
                code = process.wait()
                return _ended(header, code, seconds, timed_out=stopped.is_set())
            except BaseException:  # interrupted: an answer may be on its way
                self.end()
                raise
            finally:
                clock.cancel()
            if isinstance(answer, Unreadable) or header.width * header.height > KEPT_PIXELS:
                self.end()
            return answer

    @staticmethod
    def _asked(process: subprocess.Popen[bytes], request: bytes, data: bytes) -> Picture | Unreadable:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(request)
        process.stdin.write(data)
        process.stdin.flush()
        return read_answer(process.stdout)

    def _started(self) -> subprocess.Popen[bytes]:
        import subprocess

        if self.process is None or self.process.poll() is not None:
            self.end()
            command = [sys.executable, "-I", "-c", _START, *filter(None, sys.path)]
            pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing)
            atexit.register(self.end)
            if self.process.stdout is not None:
                self.process.stdout.read(len(READY))  # its time begins when it has loaded its libraries
        return self.process

    def end(self) -> None:
        """Close its input, which ends it."""
        atexit.unregister(self.end)
        process, self.process = self.process, None
        if process is not None:
            with suppress(OSError):
                process.kill()
            with suppress(OSError), process:
                pass


CHILD = _Child()


def _stop(process: subprocess.Popen[bytes], stopped: Event) -> None:
    stopped.set()
    process.kill()


def _ended(header: Header, code: int, seconds: float, *, timed_out: bool) -> Unreadable:
    """Why there is no picture after the child ended. Never lasting, since the machine may be the cause."""
    if timed_out or code == -getattr(signal, "SIGPROF", 0):
        return too_much(header, f"{seconds:.0f} seconds", passing=True)
    return Unreadable(f"its {header.format} decoder ended with code {code}; the image may be damaged", passing=True)


def too_much(header: Header, what: str, *, passing: bool) -> Unreadable:
    """An image that takes more than this amount to decode."""
    size = f"{header.width:,} x {header.height:,} pixels"
    return Unreadable(f"takes more than {what} to decode, too much for its {size}; save it anew", passing=passing)


def write_answer(answer: Picture | Unreadable, to: IO[bytes]) -> None:
    """A line of JSON, and then the samples of each array."""
    if isinstance(answer, Unreadable):
        to.write(json.dumps({"reason": answer.reason, "passing": answer.passing}).encode() + b"\n")
        return
    arrays = [answer.pixels, *([] if answer.other is None else [answer.other])]
    arrays += [frame for frame in answer.frames if frame is not answer.pixels]
    line = {
        "shapes": [array.shape for array in arrays],
        "digest": answer.digest.hex(),
        "ground": answer.ground,
        "other": answer.other is not None,
        "at": next((n for n, frame in enumerate(answer.frames) if frame is answer.pixels), None),
        "total": answer.total,
        "seen": answer.seen,
        "pages": answer.pages,
        "sound": answer.sound,
    }
    to.write(json.dumps(line).encode() + b"\n")
    for array in arrays:
        to.write(np.ascontiguousarray(array).data)


def read_answer(source: IO[bytes]) -> Picture | Unreadable:
    """What `write_answer` wrote. Raises EOFError where it ends early."""
    line = source.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    said: dict[str, Any] = json.loads(line)
    if "reason" in said:
        return Unreadable(said["reason"], passing=said["passing"])
    pixels, *rest = [_array(source, shape) for shape in said["shapes"]]
    other = rest.pop(0) if said["other"] else None
    if said["at"] is not None:
        rest.insert(said["at"], pixels)
    digest = bytes.fromhex(said["digest"])
    return Picture(
        pixels,
        digest,
        said["ground"],
        other,
        tuple(rest),
        **{name: said[name] for name in ("total", "seen", "pages", "sound")},
    )


def _array(source: IO[bytes], shape: list[int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array = np.empty(shape, np.uint8)
    view, at = array.reshape(-1).data, 0
    while at < len(view):
        count = source.readinto(view[at:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        at += count
    return array
