"""Images that DVC tracks, with the real DVC: what is new in a commit, and where its bytes come from."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from contextlib import closing, suppress
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from conftest import Dataset, Repository, manifest_of
from test_for_hooks import HOOK

from imgsim_guard.model import Image, Unreadable
from imgsim_guard.sources import tracked
from imgsim_guard.sources.git import Git
from imgsim_guard.sources.selection import has_image_suffix, image_filter, without_moved
from imgsim_guard.sources.trackers import Trackers
from imgsim_guard.store.shard import file_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from imgsim_guard.model import Selection


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the extra `dvc` is not installed."""
    monkeypatch.setitem(sys.modules, "dvc", None)


def md5(path: str, data: bytes | str) -> Image:
    return Image(path, "md5:" + file_digests(data.encode() if isinstance(data, str) else data)["md5"].hex())


def staged(dataset: Repository) -> Selection:
    return without_moved(tracked.staged(Git(dataset.root), has_image_suffix), identity=lambda content: content)


def contents(dataset: Repository, selection: Selection) -> dict[str, bytes | Unreadable]:
    """What is read for each new image."""
    with closing(Git(dataset.root)) as git:
        source = Trackers(git, selection.revision)
        return {image.path: source.read(image) for image in selection.queries}


OLD = {f"data/images/{name}.png": name for name in "abcd"}


def images(files: Mapping[str, bytes | str]) -> tuple[Image, ...]:
    """Files as images that DVC tracks."""
    return tuple(sorted(md5(path, data) for path, data in files.items()))


def judged(dataset: Repository) -> tuple[dict[str, bytes | Unreadable], list[str]]:
    """What is read for each new image, and the paths of the others. Nothing may be left unsaid."""
    selection = staged(dataset)
    assert (selection.unreadable, selection.notes) == ((), ())
    return contents(dataset, selection), [image.path for image in selection.gallery]


# What the pointers say.


def test_a_folder_that_dvc_tracks_is_compared_with_its_state_before(dataset: Dataset) -> None:
    folder = dataset.root / "data" / "images"
    (folder / "b.png").unlink()
    (folder / "c.png").rename(folder / "renamed.png")
    new = {"data/images/new.png": "new", "data/images/d.png": "replaced", "data/images/sub/copy.png": "a"}
    dataset.add(new, "data/images")
    selection = staged(dataset)
    assert selection.queries == images(new)
    assert selection.gallery == images({"data/images/a.png": "a", "data/images/renamed.png": "c"})
    assert (selection.unreadable, selection.notes) == ((), ())
    shutil.rmtree(folder)
    assert contents(dataset, selection) == {path: data.encode() for path, data in new.items()}


def test_what_dvc_added_and_git_did_not_stage_is_not_looked_at(dataset: Dataset) -> None:
    dataset.add({"data/images/staged.png": "staged"}, "data/images")
    dataset.write({"data/images/later.png": "later", "data/images/a.png": "edited"})
    dataset.dvc("add", "--quiet", "data/images")
    assert judged(dataset) == ({"data/images/staged.png": b"staged"}, sorted(OLD))


def test_before_the_first_commit_everything_is_new(dataset: Dataset) -> None:
    dataset.git("update-ref", "-d", "HEAD")
    assert judged(dataset) == ({path: data.encode() for path, data in OLD.items()}, [])


def test_a_folder_that_is_renamed_is_not_new(dataset: Dataset) -> None:
    dataset.dvc("move", "--quiet", "data/images", "data/pictures")
    dataset.git("add", "--all")
    assert judged(dataset) == ({}, [f"data/pictures/{name}.png" for name in "abcd"])


def test_single_files_have_a_pointer_each(dataset: Dataset) -> None:
    dataset.add(
        {"one.png": "1", "more/two.png": "2", "more/copy.png": "a", "text.txt": "3"},
        "--glob",
        "one.png",
        "more/*",
        "text.txt",
    )
    expected = {"one.png": b"1", "more/two.png": b"2", "more/copy.png": b"a"}
    assert judged(dataset) == (expected, sorted(OLD))
    dataset.save()
    dataset.add({"one.png": "changed"}, "one.png")
    assert judged(dataset) == ({"one.png": b"changed"}, sorted([*OLD, "more/copy.png", "more/two.png"]))


def test_outputs_of_stages_are_where_their_working_directory_is(dataset: Dataset) -> None:
    copy = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)"
    write = "import sys; open(sys.argv[1], 'w').write(sys.argv[1])"
    dataset.write({"copy_folder.py": copy, "write.py": write, "work/x": ""})
    pipeline = {
        "stages": {
            "copies": {
                "wdir": "work",
                "cmd": f"{sys.executable} ../copy_folder.py ../data/images out",
                "deps": ["../data/images"],
                "outs": ["out"],
            },
            "each": {
                "foreach": ["x", "y"],
                "do": {"wdir": "work", "cmd": f"{sys.executable} ../write.py ${{item}}.png", "outs": ["${item}.png"]},
            },
            "grid": {
                "matrix": {"letter": ["p", "q"]},
                "cmd": f"{sys.executable} write.py ${{item.letter}}.png",
                "outs": ["${item.letter}.png"],
            },
            "unkept": {
                "cmd": f"{sys.executable} copy_folder.py data/images unkept && {sys.executable} write.py plot.png",
                "outs": [{"unkept": {"cache": False}}],
                "plots": [{"plot.png": {"cache": False}}],
            },
        }
    }
    dataset.write({"dvc.yaml": json.dumps(pipeline)})
    dataset.dvc("repro", "--quiet")
    dataset.git("add", "--all")
    queries, gallery = judged(dataset)
    in_git = {"plot.png": b"plot.png"} | {f"unkept/{name}.png": name.encode() for name in "abcd"}
    kept = {f"work/out/{name}.png": name.encode() for name in "abcd"}
    kept |= {"work/x.png": b"x.png", "work/y.png": b"y.png", "p.png": b"p.png", "q.png": b"q.png"}
    assert queries == in_git | kept
    assert gallery == sorted(OLD)


def test_imports_are_data_like_any_other(dataset: Dataset, template: Path, tmp_path: Path) -> None:
    dataset.dvc("import", "--quiet", str(template), "data/images", "-o", "imported")
    other = Repository(tmp_path / "elsewhere")
    other.write({"x.png": "x"})
    dataset.dvc("import-url", "--quiet", str(other.root), "from-url")
    dataset.git("add", "--all")
    expected = {f"imported/{name}.png": name.encode() for name in "abcd"} | {"from-url/x.png": b"x"}
    assert judged(dataset) == (expected, sorted(OLD))


def test_an_import_that_was_not_downloaded_counts_as_not_checked(dataset: Dataset, template: Path) -> None:
    dataset.dvc("import", "--quiet", "--no-download", str(template), "data/images", "-o", "imported")
    dataset.dvc("import", "--quiet", "--no-download", str(template), "data/images/notes.txt")
    dataset.git("add", "--all")
    why = "imported.dvc: it has no checksum yet, because it was never downloaded; run dvc update imported.dvc"
    assert staged(dataset).unreadable == (("imported", Unreadable(why, absent=True)),)
    dataset.dvc("update", "--quiet", "imported.dvc")
    dataset.git("add", "--all")
    assert judged(dataset) == ({f"imported/{name}.png": name.encode() for name in "abcd"}, sorted(OLD))


def test_data_of_dvc_2_is_read_in_its_own_layout(dataset: Dataset) -> None:
    cache = dataset.root / ".dvc" / "cache"
    for folder in (cache / "files" / "md5").iterdir():
        shutil.move(folder, cache / folder.name)
    pointer = dataset.root / "data" / "images.dvc"
    pointer.write_text(pointer.read_text().replace("  hash: md5\n", ""))
    dataset.git("add", "--all")
    dataset.save()
    dataset.add({"data/images/new.png": "new"}, "data/images")
    assert "hash: md5" in pointer.read_text()
    shutil.rmtree(dataset.root / "data" / "images")
    assert judged(dataset) == ({"data/images/new.png": b"new"}, sorted(OLD))


def test_the_files_may_stand_in_the_pointer_itself(dataset: Dataset) -> None:
    """As `dvc push` to a remote with `version_aware` leaves it."""
    entries = [{"relpath": f"{name}.png", "md5": md5("", name).content[4:], "size": 1} for name in "abcde"]
    cloud = {"cloud": {"remote": {"etag": "1", "version_id": "2"}}}
    document = {"outs": [{"path": "images", "hash": "md5", "nfiles": 5, "files": [entry | cloud for entry in entries]}]}
    dataset.write({"data/images/e.png": "e"})
    dataset.stage({"data/images.dvc": json.dumps(document)})
    assert judged(dataset) == ({"data/images/e.png": b"e"}, sorted(OLD))
    document["outs"][0]["nfiles"] = 8
    dataset.stage({"data/images.dvc": json.dumps(document)})
    why = "data/images.dvc: 3 of its files are not listed; run dvc push again"
    assert staged(dataset).unreadable == (("data/images", Unreadable(why, absent=True)),)


def test_the_store_is_no_part_of_the_dataset(dataset: Dataset) -> None:
    dataset.add({".imgsim-guard/store/preview.png": "x"}, ".imgsim-guard/store")
    assert judged(dataset) == ({}, sorted(OLD))


def test_patterns_choose_among_what_dvc_tracks(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "1", "other/new.png": "2", "other/moved.png": "a"}, "data/images", "other")
    dataset.run("rm", "data/images/a.png")
    selection = tracked.staged(Git(dataset.root), image_filter(["data/**", "!data/images/b.png"]))
    assert [image.path for image in selection.queries] == ["data/images/new.png"]
    assert [image.path for image in selection.gallery] == [path for path in sorted(OLD) if "b.png" not in path]


def test_a_broken_pipeline_elsewhere_does_not_matter(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "new"}, "data/images")
    dataset.stage({"sub/dvc.yaml": "stages: [broken", "dvc.yaml": "\t"})
    assert judged(dataset) == ({"data/images/new.png": b"new"}, sorted(OLD))


def test_two_projects_in_one_repository_have_a_cache_each(dataset: Dataset) -> None:
    (dataset.root / "sub").mkdir()
    sub = Dataset(dataset.root / "sub")
    sub.dvc("init", "--quiet", "--subdir")
    sub.add({"pictures/s.png": "s", "t.png": "t"}, "pictures", "t.png")
    dataset.add({"data/images/new.png": "new"}, "data/images")
    for folder in ("sub/pictures", "data/images"):
        shutil.rmtree(dataset.root / folder)
    (dataset.root / "sub" / "t.png").unlink()
    expected = {"data/images/new.png": b"new", "sub/pictures/s.png": b"s", "sub/t.png": b"t"}
    assert judged(dataset) == (expected, sorted(OLD))


# Where the cache is.


@pytest.mark.parametrize("level", ["--project", "--local", "--global", "--system"])
def test_the_cache_is_where_the_configuration_says(
    dataset: Dataset, tmp_path: Path, dvcs_folders: Path, level: str
) -> None:
    dataset.dvc("cache", "dir", level, str(tmp_path / "shared cache"))
    dataset.add({"data/images/new.png": "new"}, "data/images")
    shutil.rmtree(dataset.root / "data" / "images")
    try:
        assert list((tmp_path / "shared cache").rglob("*.dir"))
        selection = staged(dataset)
        assert contents(dataset, selection)["data/images/new.png"] == b"new"
    finally:
        for file in dvcs_folders.glob("*/config"):
            file.unlink()


def test_a_relative_cache_is_relative_to_the_configuration(dataset: Dataset, tmp_path: Path) -> None:
    dataset.dvc("cache", "dir", "../shared")
    assert (dataset.root / ".dvc" / "config").read_text() == "[cache]\n    dir = ../../shared\n"
    dataset.add({"data/images/new.png": "new"}, "data/images")
    shutil.rmtree(dataset.root / "data" / "images")
    assert (tmp_path / "shared").is_dir()
    assert contents(dataset, staged(dataset))["data/images/new.png"] == b"new"


def test_a_linked_worktree_finds_what_the_main_one_has(dataset: Dataset, tmp_path: Path) -> None:
    dataset.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    linked = Dataset(tmp_path / "linked")
    linked.add(OLD | {"data/images/notes.txt": "x", "data/images/new.png": "new"}, "data/images")
    assert len(list((linked.root / ".dvc" / "cache").rglob("*.dir"))) == 1
    assert judged(linked) == ({"data/images/new.png": b"new"}, sorted(OLD))


# What is not there.


@pytest.fixture
def pushed(dataset: Dataset, tmp_path: Path) -> Dataset:
    """The same with a remote that has it all."""
    dataset.dvc("remote", "add", "--quiet", "--default", "storage", str(tmp_path / "remote"))
    dataset.git("add", "--all")
    dataset.save()
    dataset.dvc("push", "--quiet")
    return dataset


def test_adding_to_a_folder_of_which_nothing_was_pulled_is_new_alone(pushed: Dataset, tmp_path: Path) -> None:
    clone = pushed.clone(tmp_path / "clone")
    clone.add({"data/images/new.png": "new"}, "data/images/new.png")
    assert judged(clone) == ({"data/images/new.png": b"new"}, sorted(OLD))
    assert not (clone.root / "data/images/a.png").exists()


def test_what_was_added_without_commit_is_read_from_the_folder(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "new", "data/images/sub/é.png": "2"}, "--no-commit", "data/images")
    assert judged(dataset) == ({"data/images/new.png": b"new", "data/images/sub/é.png": b"2"}, sorted(OLD))


@pytest.mark.usefixtures("without_the_extra")
def test_what_was_added_without_commit_and_changed_since_is_not_checked(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "new", "one.png": "1"}, "--no-commit", "data/images", "one.png")
    dataset.write({"data/images/new.png": "edited", "one.png": "edited"})
    selection = staged(dataset)
    why = (
        "data/images.dvc: its list of files is not in DVC's cache; "
        "run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit"
    )
    assert selection.unreadable == (("data/images", Unreadable(why, absent=True)),)
    why = "DVC's copy of it is not what was committed; run dvc pull one.png"
    assert contents(dataset, selection) == {"one.png": Unreadable(why, absent=True)}


@pytest.fixture
def unpulled(pushed: Dataset, tmp_path: Path) -> Dataset:
    """A clone of which nothing was pulled, one commit behind and with that commit's change staged."""
    pushed.add({"data/images/new.png": "new", "one.png": "1"}, "data/images", "one.png")
    pushed.save()
    pushed.dvc("push", "--quiet")
    clone = pushed.clone(tmp_path / "clone")
    clone.git("reset", "--quiet", "--soft", "HEAD~1")
    return clone


@pytest.mark.usefixtures("without_the_extra")
def test_what_was_not_pulled_is_not_checked_and_says_which_command_brings_it(unpulled: Dataset) -> None:
    selection = staged(unpulled)
    why = (
        "data/images.dvc: its list of files is not in DVC's cache; "
        "run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit"
    )
    assert selection.unreadable == (("data/images", Unreadable(why, absent=True)),)
    why = "not on this machine; run dvc pull one.png"
    assert contents(unpulled, selection) == {"one.png": Unreadable(why, absent=True)}
    assert (selection.gallery, selection.notes) == ((), ())


def test_with_the_extra_dvc_brings_what_was_not_pulled(unpulled: Dataset) -> None:
    selection = staged(unpulled)
    assert (selection.unreadable, selection.notes) == ((), ())
    assert [image.path for image in selection.gallery] == sorted(OLD)
    assert contents(unpulled, selection) == {"data/images/new.png": b"new", "one.png": b"1"}
    assert not (unpulled.root / ".dvc" / "cache").exists()


def test_between_revisions_the_images_of_the_revision_are_brought(unpulled: Dataset) -> None:
    selection = tracked.between(Git(unpulled.root), has_image_suffix, base="HEAD", revision="origin/main")
    assert contents(unpulled, selection) == {"data/images/new.png": b"new", "one.png": b"1"}


def test_a_version_that_no_remote_has_is_not_checked(unpulled: Dataset, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote")
    (tmp_path / "remote").mkdir()
    selection = staged(unpulled)
    assert [path for path, _ in selection.unreadable] == ["data/images"]
    why = "not on this machine; run dvc pull one.png"
    assert contents(unpulled, selection) == {"one.png": Unreadable(why, absent=True)}


@pytest.mark.usefixtures("without_the_extra")
def test_what_is_not_new_and_not_there_is_a_note(unpulled: Dataset) -> None:
    unpulled.save()
    unpulled.stage({"new.png": "in git"})
    selection = staged(unpulled)
    assert [image.path for image in selection.queries] == ["new.png"]
    assert [image.path for image in selection.gallery] == ["one.png"]
    assert selection.unreadable == ()
    assert selection.notes == (
        (
            "the images of data/images were not compared: data/images.dvc: its list of files is not in "
            "DVC's cache; run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit"
        ),
    )


@pytest.mark.usefixtures("without_the_extra")
def test_a_folder_that_is_only_renamed_needs_no_list_of_files(unpulled: Dataset) -> None:
    unpulled.save()
    pointer = (unpulled.root / "data" / "images.dvc").read_text()
    unpulled.git("rm", "--quiet", "data/images.dvc")
    unpulled.stage({"data/pictures.dvc": pointer.replace("path: images", "path: pictures")})
    selection = staged(unpulled)
    assert (selection.queries, selection.unreadable) == ((), ())
    assert [note.partition(":")[0] for note in selection.notes] == ["the images of data/pictures were not compared"]


@pytest.mark.usefixtures("without_the_extra")
def test_a_target_in_another_project_is_pulled_from_there(unpulled: Dataset) -> None:
    unpulled.write({"sub/.dvc/config": ""})
    unpulled.stage({"sub/x.png.dvc": f"outs:\n- md5: {'1' * 32}\n  size: 1\n  hash: md5\n  path: x.png\n"})
    why = "not on this machine; run dvc --cd sub pull x.png"
    assert contents(unpulled, staged(unpulled))["sub/x.png"] == Unreadable(why, absent=True)


# What is damaged, or hostile.


@pytest.mark.usefixtures("without_the_extra")
def test_a_damaged_list_of_files_is_not_believed(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "new"}, "data/images")
    (dataset.root / "data/images/new.png").unlink()
    manifest = manifest_of(dataset)
    manifest.chmod(0o644)
    manifest.write_bytes(manifest.read_bytes()[:-100] + b"]")
    why = (
        f"data/images.dvc: its list of files is damaged in DVC's cache: delete {manifest}; "
        "run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit"
    )
    assert staged(dataset).unreadable == (("data/images", Unreadable(why, absent=True)),)


@pytest.mark.parametrize("name", ["../../../etc/passwd.png", "/etc/passwd.png", "a/../../x.png", ""])
def test_a_list_of_files_that_leads_elsewhere_is_refused(dataset: Dataset, name: str) -> None:
    text = json.dumps([{"md5": "1" * 32, "relpath": name}])
    checksum = md5("", text).content.removeprefix("md5:")
    target = dataset.root / ".dvc" / "cache" / "files" / "md5" / checksum[:2] / f"{checksum[2:]}.dir"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    dataset.stage({"data/images.dvc": f"outs:\n- md5: {checksum}.dir\n  path: images\n"})
    why = f"data/images.dvc: its list of files is not valid: it lists a file at {name!r}"
    assert staged(dataset).unreadable == (("data/images", Unreadable(why, absent=True)),)


def test_a_pointer_that_cannot_be_read_is_not_checked_when_new_and_a_note_otherwise(dataset: Dataset) -> None:
    pointer = (dataset.root / "data/images.dvc").read_text()
    conflict = pointer.replace("- md5", "<<<<<<< ours\n- md5").replace(
        "  size", "=======\n- md5: x\n>>>>>>> theirs\n  size"
    )
    dataset.stage({"data/images.dvc": conflict, "outside.png.dvc": f"outs: [{{md5: {'1' * 32}, path: ../x.png}}]"})
    damaged = "a merge conflict is not resolved here (line 2)"
    outside = "outside.png.dvc: its path is outside the repository"
    assert staged(dataset).unreadable == (
        ("../x.png", Unreadable(outside, absent=True)),
        ("data/images.dvc", Unreadable(damaged, absent=True)),
    )
    dataset.save()
    assert staged(dataset).notes == (
        f"the images of ../x.png were not compared: {outside}",
        f"the images of data/images.dvc were not compared: {damaged}",
    )


def test_an_image_in_the_cache_that_is_not_what_its_name_says_is_not_used(dataset: Dataset) -> None:
    dataset.add({"data/images/new.png": "new"}, "data/images")
    digest = md5("", "new").content.removeprefix("md5:")
    cached = dataset.root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    cached.chmod(0o644)
    cached.write_bytes(b"other")
    assert contents(dataset, staged(dataset)) == {"data/images/new.png": b"new"}
    (dataset.root / "data/images/new.png").unlink()
    why = "DVC's copy of it is not what was committed; run dvc pull data/images/new.png"
    assert contents(dataset, staged(dataset)) == {"data/images/new.png": Unreadable(why, absent=True)}


# From within a hook.


@pytest.fixture
def report(dataset: Dataset, tmp_path: Path) -> Path:
    target = tmp_path / "seen.json"
    hook = dataset.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    text = HOOK.replace("REPORT", str(target)).replace("git.read", "trackers.Trackers(git, None).read")
    hook.write_text(text)
    hook.chmod(0o755)
    return target


def test_commit_all_and_commit_path_see_what_they_are_about_to_commit(dataset: Dataset, report: Path) -> None:
    dataset.write({"data/images/new.png": "new"})
    dataset.dvc("add", "--quiet", "data/images")
    dataset.git("commit", "--quiet", "--all", "-m", "all")
    everything = {**OLD, "data/images/new.png": "new"}
    assert json.loads(report.read_text()) == [["data/images/new.png"], sorted(OLD), everything]

    dataset.add({"staged-but-not-named.png": "x"}, "staged-but-not-named.png")
    dataset.write({"data/images/newer.png": "newer"})
    dataset.dvc("add", "--quiet", "data/images")
    dataset.git("commit", "--quiet", "-m", "path", "--", "data/images.dvc")
    queries, gallery, _ = json.loads(report.read_text())
    assert (queries, gallery) == (["data/images/newer.png"], sorted(everything))


# Which servers are asked.


@pytest.fixture
def listener() -> Iterator[Listener]:
    with closing(Listener()) as listening:
        yield listening


class Listener:
    """A server on this machine that answers nothing, and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked = 0
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()
                self.asked += 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)


IMPORTS = {
    "import": "deps: [{path: x.png, repo: {url: 'URL/other.git', rev_lock: ONE}}]\n",
    "import with a remote": "deps: [{path: x, repo: {url: 'URL/other.git', rev_lock: ONE, remote: 'URL'}}]\n",
    "import-url": "deps: [{path: 'URL/x.png', checksum: abc}]\n",
    "import-url --no-download": "deps: [{path: 'URL/x.png', size: 1}]\n",
    "update": "deps: [{path: x.png, repo: {url: 'URL/other.git', rev: main}}]\n",
}


@pytest.mark.parametrize("kind", IMPORTS)
def test_the_source_of_an_import_is_not_asked(pushed: Dataset, listener: Listener, kind: str) -> None:
    dependency = IMPORTS[kind].replace("URL", listener.url).replace("ONE", "a" * 40)
    recorded = "" if "no-download" in kind else f"md5: '{'1' * 32}', hash: md5, "
    pushed.stage({"x.png.dvc": f"frozen: true\n{dependency}outs: [{{{recorded}path: x.png}}]\n"})
    selection = staged(pushed)
    assert [path for path, _ in selection.unreadable] or isinstance(contents(pushed, selection)["x.png"], Unreadable)
    assert listener.asked == 0


def test_what_was_imported_and_pushed_is_brought_from_the_remote(pushed: Dataset, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x.png").write_text("imported")
    pushed.dvc("import-url", "--quiet", str(tmp_path / "there" / "x.png"), "x.png")
    pushed.dvc("push", "--quiet")
    pushed.git("add", "--all")
    pushed.save()
    (tmp_path / "there" / "x.png").unlink()
    clone = pushed.clone(tmp_path / "clone")
    clone.git("reset", "--quiet", "--soft", "HEAD~1")
    assert contents(clone, staged(clone)) == {"x.png": b"imported"}


@pytest.mark.parametrize(("project", "remote"), [("", ""), ("sub/", ""), ("", ", remote: strangers")])
def test_a_remote_that_only_the_commit_configures_is_not_asked(
    pushed: Dataset, listener: Listener, tmp_path: Path, project: str, remote: str
) -> None:
    clone = pushed.clone(tmp_path / "clone")
    evil = f"[core]\n    remote = strangers\n['remote \"strangers\"']\n    url = {listener.url}/\n"
    clone.git("checkout", "--quiet", "-b", "theirs")
    pointer = f"outs: [{{md5: '{'1' * 32}', hash: md5, path: x.png{remote}}}]\n"
    clone.stage({f"{project}.dvc/config": evil, f"{project}x.png.dvc": pointer})
    clone.save()
    clone.git("restore", "--source=main", "--worktree", "--", ".dvc")  # as the templates for CI do
    shutil.rmtree(clone.root / "sub" / ".dvc", ignore_errors=True)
    selection = tracked.between(Git(clone.root), has_image_suffix, base="main", revision="theirs")
    [found] = contents(clone, selection).values()
    assert isinstance(found, Unreadable)
    assert listener.asked == 0


def test_the_remote_of_the_configuration_is_asked(pushed: Dataset, listener: Listener, tmp_path: Path) -> None:
    clone = pushed.clone(tmp_path / "clone")
    clone.dvc("remote", "add", "--quiet", "--default", "--force", "storage", f"{listener.url}/")
    clone.stage({"x.png.dvc": f"outs: [{{md5: '{'1' * 32}', hash: md5, path: x.png}}]\n"})
    assert isinstance(contents(clone, staged(clone))["x.png"], Unreadable)
    assert listener.asked > 0
