"""Kills what writes to a store, at any line of the code that does, and looks at what is left.

`python tests/fire.py --kills 300` is a long run of what tests/store/test_fire.py does briefly; `--only accept` kills
that command alone. `--by-clock 60` kills whole processes, with the real model and the real DVC and all their children,
at random moments instead. Both print the seed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from conftest import THUMBNAILS, Dataset, ThumbnailEmbedder, encoded, near, random_picture

from imgsim_guard import augnet
from imgsim_guard.cli import main as guard
from imgsim_guard.gate import embed, pipeline
from imgsim_guard.store import shared
from imgsim_guard.store import store as stores
from imgsim_guard.store.journal import _record_of, _rows
from imgsim_guard.store.shared import inspect
from imgsim_guard.store.store import Store
from imgsim_guard.system.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

FINGERPRINT = augnet.fingerprint("onnx")
WATCHED = ("store/", "files.py", "gate/embed.py", "gate/publish.py", "commands/sync.py", "team_store.py", "terminal.py")
"""Where a process may be killed: the modules of the package that write what is to last, or decide when."""

SMALL = {"ROWS_A_SHARD": 4, "SMALL_SHARDS_KEPT": 3, "ROWS_OF_A_PUBLISHED_SHARD": 8}
"""So that a few pictures make many shards, merge them, and merge what was merged."""

GITS_AND_DVCS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.com",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.com",
    "DVC_NO_ANALYTICS": "1",
}


class Job(NamedTuple):
    """A command in a folder with a cache. `fatal`: after how many lines of the watched code it is killed; 0: never.

    `space`: bytes beyond which no file can grow, as on a full disk; -1: any. `user`: who runs it, to whom a folder may
    be read-only; 0: whoever runs this.
    """

    command: tuple[str, ...]
    folder: str
    cache: str
    answer: str
    fatal: int = 0
    space: int = -1
    user: int = 0


class Ended(NamedTuple):
    """How it went: the exit status, and unless it was killed the lines it ran, and how many images it embedded."""

    code: int
    lines: tuple[str, ...] = ()
    embedded: int = 0


# The process that is killed


class _Steps:
    """Traces the lines of the watched code; kills this process at one of them."""

    def __init__(self, fatal: int) -> None:
        self.lines: list[str] = []
        self._fatal = fatal
        self._root = str(Path(augnet.__file__).parents[1]) + "/"

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> object:
        name = frame.f_code.co_filename
        is_ours = name.startswith(self._root)
        return self._step if is_ours and any(watched in name for watched in WATCHED) else None

    def _step(self, frame: FrameType, event: str, _argument: object) -> object:
        if event == "line":
            self.lines.append(f"{frame.f_code.co_filename.removeprefix(self._root)}:{frame.f_lineno}")
            if len(self.lines) == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._step


def _live(job: Job) -> int:
    """Run a job in this process, which is there for nothing else."""
    os.environ[CACHE_VARIABLE] = job.cache
    os.chdir(job.folder)
    output = os.open(job.answer + ".said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    answer = os.open(job.answer, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    embedder = ThumbnailEmbedder()
    vars(pipeline)["load"] = lambda *_, **__: embedder
    if job.user:  # who need not be allowed to import anything: so it is all imported before
        os.environ[CACHE_VARIABLE] = job.answer + ".cache"
        guard(job.command)
        os.ftruncate(output, 0)
        os.lseek(output, 0, os.SEEK_SET)
        os.environ[CACHE_VARIABLE], embedder.embedded = job.cache, 0
        os.setuid(job.user)
    if job.space >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.space, resource.RLIM_INFINITY))
    for module in (embed, stores, shared):
        for name in SMALL.keys() & vars(module).keys():
            setattr(module, name, SMALL[name])
    steps = _Steps(job.fatal)
    sys.settrace(steps)  # type: ignore[arg-type]  # it returns itself or None
    try:
        code = guard(job.command)
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.settrace(None)
    sys.stdout.flush()
    if job.space >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.write(answer, json.dumps([steps.lines, embedder.embedded]).encode())
    return code


def _zygote() -> None:
    """Fork a child for each of the jobs on a line of standard input, all at once, and answer with how they ended."""
    for line in sys.stdin:
        children = []
        for job in json.loads(line):
            pid = os.fork()
            if not pid:
                code = 70
                try:
                    code = _live(Job(*job))
                finally:
                    os._exit(code)
            children.append(pid)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]) + "\n")
        sys.stdout.flush()


class Runner(Protocol):
    """Runs jobs at once."""

    def __call__(self, *jobs: Job) -> list[Ended]:
        """How they ended."""


@contextmanager
def forked() -> Iterator[Runner]:
    """Runs jobs in processes that have everything loaded but the store."""
    command = [sys.executable, __file__, "--zygote"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        requests, answers = _pipes(zygote)

        def run(*jobs: Job) -> list[Ended]:
            requests.write(json.dumps(jobs) + "\n")
            requests.flush()
            return [_ended(code, job) for code, job in zip(json.loads(answers.readline()), jobs, strict=True)]

        yield run
        requests.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("Popen was asked for pipes and gave none")
    return process.stdin, process.stdout


def _ended(code: int, job: Job) -> Ended:
    answer = Path(job.answer).read_bytes()
    if not answer:
        return Ended(code)
    lines, embedded = json.loads(answer)
    return Ended(code, tuple(lines), embedded)


def killed_after(seconds: float, job: Job) -> int:
    """Run a job as the command it is; kill it with all its children. Its exit status."""
    command = [sys.executable, "-P", "-m", "imgsim_guard", *job.command]
    environment = {**os.environ, CACHE_VARIABLE: job.cache}
    with (
        Path(job.answer + ".said").open("wb") as said,
        subprocess.Popen(
            command, cwd=job.folder, env=environment, stdout=said, stderr=said, start_new_session=True
        ) as process,
    ):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()


# What is left


def rows_in(layer: Path) -> dict[str, bytes]:
    """The embeddings of a folder of shards, by the SHA-256 of their images. Nothing in it may be damaged."""
    assert not inspect(layer, fingerprint=FINGERPRINT).damaged
    store = Store(layer, fingerprint=FINGERPRINT, decoder=lambda: "none")
    assert store.notes == []
    shards = [file.shard for file in store._files if file.shard]  # noqa: SLF001  all of it
    return {row.sha256.hex(): row.embedding.tobytes() for shard in shards for row in shard.rows()}


def journaled(cache: Path) -> set[str]:
    """The images whose embeddings a killed process had in its journal."""
    journals = (cache / FINGERPRINT).glob("*.journal")
    return {row.sha256.hex() for path in journals for row in _rows(path.read_bytes(), _record_of(path.parent))}


def assert_kept(before: dict[str, bytes], now: dict[str, bytes], whole: dict[str, bytes]) -> None:
    """What was there before is there, and what is there is what an undisturbed run puts there."""
    assert before.items() <= now.items() <= whole.items()


class Scene:
    """A repository, a cache, and a command that is killed in there, from copies of one template.

    `before` and `whole`: the rows of the layer that the command writes to, before it and after an undisturbed run.
    """

    command: tuple[str, ...]
    layer: str

    def __init__(self, folder: Path, run: Runner) -> None:
        self.run = run
        self._folder = folder
        self.template = folder / "template"
        self.template.mkdir(parents=True)
        self.make()
        self.before = rows_in(self.template / self.layer)
        place = self.copy()
        self.undisturbed = self.go(place, *self.command)
        self.whole = rows_in(place / self.layer)
        self.verdict = self.judged(place)
        shutil.rmtree(place)

    def make(self) -> None:
        """Fill the template."""
        raise NotImplementedError

    def copy(self) -> Path:
        """A place of its own for one kill."""
        return Path(shutil.copytree(self.template, self._folder / "place", symlinks=True))

    def job(self, place: Path, *command: str, fatal: int = 0) -> Job:
        """A command in a place."""
        return Job(command, str(place / "dataset"), str(place / "cache"), str(self._folder / "answer"), fatal)

    def go(self, place: Path, *command: str, code: int = 0) -> Ended:
        """Run a command that is not killed."""
        job = self.job(place, *command)
        [ended] = self.run(job)
        assert ended.code == code, self.said()
        return ended

    def judged(self, place: Path) -> dict[str, object]:
        """The report on all images."""
        self.go(place, "check", "--all", "--quiet", "--json", str(self._folder / "report.json"), code=1)
        report: dict[str, object] = json.loads((self._folder / "report.json").read_bytes())
        return report

    def said(self) -> str:
        """What the last command printed."""
        return (self._folder / "answer.said").read_text()

    def examine(self, place: Path) -> None:
        """What every killed command must have left; then the command again, and all is as if nothing had been."""
        left = rows_in(place / self.layer)
        assert_kept(self.before, left, self.whole)
        self.verified(place)
        self.again(place, left)
        assert rows_in(place / self.layer) == self.whole
        assert self.judged(place) == self.verdict
        Scene.verified(self, place)

    def verified(self, place: Path) -> None:
        """`store verify` has nothing to say."""
        self.go(place, "store", "verify")

    def again(self, place: Path, left: dict[str, bytes]) -> None:  # noqa: ARG002  embed wants it
        """The command, undisturbed."""
        self.go(place, *self.command)

    def kill(self, draw: random.Random) -> str:
        """Kill the command at a line, which is drawn first so that rare ones are as likely; where it was."""
        lines = self.undisturbed.lines
        line = draw.choice(sorted(set(lines)))
        fatal = draw.choice([number for number, other in enumerate(lines, start=1) if other == line])
        place = self.copy()
        [ended] = self.run(self.job(place, *self.command, fatal=fatal))
        assert ended.code == -signal.SIGKILL, (line, fatal, ended.code)
        try:
            self.examine(place)
            assert not [path.name for path in (place / "cache").rglob("*.journal")]
        except AssertionError as error:
            error.add_note(f"{self.command} was killed at {line}, after {fatal} lines; left in {place}")
            raise
        shutil.rmtree(place)
        return line


class Embed(Scene):
    """`embed` into a cache that has some of the images, one of which nobody can read."""

    command = ("embed", "--quiet")
    layer = "cache"

    def make(self) -> None:
        """A git repository of a few pictures, then of more."""
        made = Dataset(self.template / "dataset")
        made.root.mkdir()
        made.git("init", "--quiet", "--initial-branch=main", ".")
        first = {f"{seed}.png": near(seed) for seed in range(5)}
        made.write({".imgsim-guard.yaml": THUMBNAILS, **first})
        made.git("add", "--all")
        self.go(self.template, "embed", "--quiet")
        more = {f"{seed}.png": encoded(random_picture(seed)) for seed in range(100, 118)}
        made.write({**more, "copy.png": near(3, by=2), "broken.png": near(3)[:60]})
        made.git("add", "--all")

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """Only what had been lost is embedded once more: at most the row that was under way."""
        kept = left.keys() | journaled(place / "cache")
        assert self.go(place, *self.command).embedded == len(self.whole) - len(kept)


class Compact(Scene):
    """`store compact` of a store that DVC tracks, of as many files as rows."""

    command = ("store", "compact")
    layer = "dataset/.imgsim-guard/store"

    def make(self) -> None:
        """A dataset of pictures that were published one by one."""
        made = _dataset(self.template, pictures=12)
        self.go(self.template, "embed", "--quiet")
        shards = self.template / "cache" / FINGERPRINT
        store = Store(shards.parent, fingerprint=FINGERPRINT, decoder=lambda: "none")
        for row in [row for file in store._files if file.shard for row in file.shard.rows()]:  # noqa: SLF001
            shared.publish([row], self.template / self.layer, fingerprint=FINGERPRINT)
        made.dvc("add", "--quiet", ".imgsim-guard/store")
        made.git("add", "--all")
        made.git("commit", "--quiet", "-m", "published")

    def verified(self, place: Path) -> None:
        """Where files are gone that DVC tracks, that is said, and DVC brings them back."""
        [ended] = self.run(self.job(place, "store", "verify"))
        if ended.code:
            assert "files of .imgsim-guard/store are not on this machine" in self.said()
            Dataset(place / "dataset").dvc("checkout", "--quiet", ".imgsim-guard/store.dvc")
            super().verified(place)

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """The files are those of an undisturbed run."""
        super().again(place, left)
        assert inspect(place / self.layer, fingerprint=FINGERPRINT).shards == 2
        assert not [*(place / self.layer).rglob("*.tmp")]


class Sync(Scene):
    """`sync` to a store that DVC tracks and that has some of the images, with previews."""

    command = ("sync", "--quiet")
    layer = "dataset/.imgsim-guard/store"

    def make(self) -> None:
        """A dataset some of whose pictures are published."""
        made = _dataset(self.template, pictures=3)
        self.go(self.template, "embed", "--quiet")
        self.go(self.template, "sync", "--quiet")
        made.write({f"{seed}.png": encoded(random_picture(seed)) for seed in range(100, 110)})
        made.git("add", "--all")
        made.git("commit", "--quiet", "-m", "more")
        self.go(self.template, "embed", "--quiet")

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """DVC tracks all that is there, and nothing else is."""
        super().again(place, left)
        made = Dataset(place / "dataset")
        for folder in ("store", "previews"):
            where = made.root / ".imgsim-guard" / folder
            assert (
                f"nfiles: {sum(path.is_file() for path in where.rglob('*'))}\n"
                in where.with_name(f"{folder}.dvc").read_text()
            )
        assert not [*(made.root / ".imgsim-guard").rglob("*.tmp")]


class Accept(Scene):
    """`accept` of one more pair, with another accepted already."""

    command = ("accept", "copy.png", "3.png", "--reason", "another")
    layer = "cache"

    def make(self) -> None:
        """A git repository with two pairs of near-duplicates, and one more."""
        made = Dataset(self.template / "dataset")
        made.root.mkdir()
        made.git("init", "--quiet", "--initial-branch=main", ".")
        made.write({".imgsim-guard.yaml": THUMBNAILS, **{f"{seed}.png": near(seed) for seed in (2, 3)}})
        made.write({"copy.png": near(3, by=2), "other.png": near(2, by=2), "third.png": near(2, by=3)})
        made.git("add", "--all")
        made.git("commit", "--quiet", "-m", "all")
        self.go(self.template, "accept", "other.png", "2.png", "--reason", "the first")

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """The pair that was there is there; the other one is there as a whole, or not yet."""
        accepted = place / "dataset" / ".imgsim-guard" / "accepted.yaml"
        lines = accepted.read_text().splitlines()
        assert sum("the first" in line and line.endswith("other.png and 2.png") for line in lines) == 1
        there = sum("another" in line and line.endswith("copy.png and 3.png") for line in lines)
        if there:
            self.go(place, *self.command, code=2)
        else:
            super().again(place, left)


SCENES: dict[str, type[Scene]] = {"embed": Embed, "sync": Sync, "compact": Compact, "accept": Accept}
SHARES = {"embed": 12, "sync": 3, "compact": 3, "accept": 2}
"""Of twenty kills."""


def _dataset(template: Path, *, pictures: int) -> Dataset:
    """A committed repository with DVC, and a pair of near-duplicates among its pictures."""
    made = Dataset(template / "dataset")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main", ".")
    made.dvc("init", "--quiet")
    made.write({".imgsim-guard.yaml": THUMBNAILS + "previews: true\n", "copy.png": near(0, by=2)})
    made.write({f"{seed}.png": near(seed) for seed in range(pictures)})
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "pictures")
    return made


def kill_many(
    kills: int, seed: int, folder: Path, say: Callable[[str], object], only: Sequence[str] = tuple(SCENES)
) -> dict[str, dict[str, int]]:
    """So many kills of these scenes; by scene, how many, at how many different lines."""
    figures = {}
    with forked() as run:
        for name in only:
            draw = random.Random(f"{seed} {name}")
            share = max(1, kills * SHARES[name] // sum(SHARES[other] for other in only))
            made = SCENES[name](folder / name, run)
            say(f"{name}: {len(made.undisturbed.lines):,} lines run, {len(set(made.undisturbed.lines)):,} different")
            where = Counter(made.kill(draw) for _ in range(share))
            figures[name] = {"kills": share, "different lines": len(where)}
            say(f"{name}: {figures[name]}, nothing lost")
    return figures


# By the clock, with the real model


def kill_by_clock(kills: int, seed: int, folder: Path, say: Callable[[str], object]) -> dict[str, dict[str, int]]:
    """The same with whole processes, killed at random moments between their start and when they would have ended."""

    def whole_processes(*jobs: Job) -> list[Ended]:
        return [Ended(killed_after(600, job)) for job in jobs]

    figures = {}
    for name in ("embed", "sync", "compact"):
        draw = random.Random(f"{seed} {name}")
        scene = CLOCKED[name](folder / f"{name} by clock", whole_processes)
        place = scene.copy()
        started = time.monotonic()
        scene.go(place, *scene.command)
        duration = time.monotonic() - started
        shutil.rmtree(place)
        codes: Counter[int] = Counter()
        for _ in range(kills // 3):
            place, moment = scene.copy(), draw.uniform(0, duration)
            codes[killed_after(moment, scene.job(place, *scene.command))] += 1
            try:
                scene.examine(place)
            except AssertionError as error:
                error.add_note(f"{scene.command} was killed after {moment:.3f} s; left in {place}")
                raise
            shutil.rmtree(place)
        assert codes.keys() <= {0, -signal.SIGKILL}, codes
        figures[name] = {"kills": codes[-signal.SIGKILL], "ended before": codes[0]}
        say(f"{name}: {figures[name]} within {duration:.1f} s, nothing lost")
    return figures


def fill_disks(folder: Path, say: Callable[[str], object]) -> dict[str, int]:
    """`embed` into caches on file systems of 24 kB to 120 kB; then there is room, and all is as if there had been.

    This process must be allowed to mount: `unshare --mount` gives that to root.
    """
    ends: Counter[str] = Counter()
    with forked() as run:
        scene = Embed(folder / "full", run)
        for size in range(24, 121, 4):
            place = scene.copy()
            cache = place / "cache"
            shutil.rmtree(cache)
            cache.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(cache)], check=True)
            shutil.copytree(scene.template / "cache", cache, dirs_exist_ok=True)
            [ended] = run(scene.job(place, *scene.command))
            assert ended.code == 0 or "No space left on device" in scene.said(), scene.said()
            ends["there was room" if ended.code == 0 else "the disk was full"] += 1
            assert ended.code in {0, 2}
            subprocess.run(["mount", "-o", "remount,size=10m", str(cache)], check=True)
            scene.examine(place)
            subprocess.run(["umount", str(cache)], check=True)
            shutil.rmtree(place)
    say(f"{dict(ends)}, nothing lost")
    return dict(ends)


class EmbedByClock(Embed):
    """Of whole processes it is not known what they embedded."""

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """The command, undisturbed."""
        Scene.again(self, place, left)


class CompactByClock(Compact):
    """With shards of the usual size there is one."""

    def again(self, place: Path, left: dict[str, bytes]) -> None:
        """The file is that of an undisturbed run."""
        Scene.again(self, place, left)
        assert inspect(place / self.layer, fingerprint=FINGERPRINT).shards == 1


CLOCKED: dict[str, type[Scene]] = {"embed": EmbedByClock, "sync": Sync, "compact": CompactByClock}


def main(arguments: Sequence[str]) -> None:
    """The command."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=0, help="at lines of the code")
    options.add_argument("--only", nargs="+", choices=SCENES, default=list(SCENES), help="of these commands")
    options.add_argument("--by-clock", type=int, default=0, help="at moments of whole processes")
    options.add_argument("--full-disks", action="store_true", help="under `unshare --mount`, as root")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--zygote", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    os.environ.update(GITS_AND_DVCS)
    if chosen.zygote:
        _zygote()
        return

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    say(f"seed {chosen.seed}")
    folder = Path(tempfile.mkdtemp(prefix="fire-"))
    if chosen.kills:
        kill_many(chosen.kills, chosen.seed, folder, say, chosen.only)
    if chosen.by_clock:
        kill_by_clock(chosen.by_clock, chosen.seed, folder, say)
    if chosen.full_disks:
        fill_disks(folder, say)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
