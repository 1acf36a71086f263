"""The store that a team shares, with the real DVC: published, cloned, looked after, and never damaged."""

from __future__ import annotations

import fcntl
import shutil
import sys
from typing import TYPE_CHECKING

from conftest import Dataset, Person, encoded, manifest_of, near, random_picture

from imgsim_guard.augnet import fingerprint
from imgsim_guard.sources.team_store import NO_PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

STORE = ".imgsim-guard/store"
POINTER = f"{STORE}.dvc"
COMMIT_IT = f"  commit it:  git commit -m 'Publish embeddings' -- {POINTER} .imgsim-guard/.gitignore\n"
SHARE_IT = f"  share it:   dvc push {POINTER}\n"
WOULD_CHANGE_THE_STORE = [("sync",), ("store", "compact"), ("store", "prune")]


def shards(dataset: Dataset) -> list[Path]:
    return sorted((dataset.root / STORE / fingerprint("onnx")).glob("*.safetensors"))


def everything_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but git's, with its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def publish(person: Person, **pictures: int) -> None:
    """Commit pictures to git, by name and seed, and publish their embeddings; the pointer is left staged."""
    person.dataset.commit({f"{name}.png": near(seed) for name, seed in pictures.items()})
    person.guard("embed", "--quiet")
    person.guard("sync", "--quiet")


# Publishing.


FORGOTTEN = (
    "note: images are pushed whose embeddings are not in the tracked store: 1; others will have to "
    "embed them: run imgsim-guard sync, commit, then dvc push and git push\n"
)


def test_who_forgot_to_sync_hears_of_it_at_the_push(bert: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    team = bert.dataset
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", team.git("rev-parse", "HEAD").strip())
    team.commit({"new.png": near(7)})
    monkeypatch.setenv("PRE_COMMIT_TO_REF", team.git("rev-parse", "HEAD").strip())
    assert bert.guard("hook").endswith(FORGOTTEN)
    before = everything_in(team.root)
    assert FORGOTTEN not in bert.guard("hook", "--quiet")
    assert everything_in(team.root) == before
    bert.guard("sync", "--quiet")
    assert FORGOTTEN not in bert.guard("hook")


def test_without_a_store_nobody_forgot_it(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", anna.dataset.git("rev-parse", "HEAD").strip())
    anna.dataset.commit({"new.png": near(7)})
    monkeypatch.setenv("PRE_COMMIT_TO_REF", anna.dataset.git("rev-parse", "HEAD").strip())
    assert "tracked store" not in anna.guard("hook")


def test_sync_publishes_the_embeddings_of_staged_and_committed_images_and_stages_the_pointer(anna: Person) -> None:
    team = anna.dataset
    team.stage({"staged.png": near(5)})
    anna.guard("embed", "--quiet")
    assert anna.embedder.embedded == 1
    with_the_rest = "  commit it:  git commit    (with what else is staged)\n"
    assert anna.guard("sync") == f"published embeddings: 6; already published: 0.\n{with_the_rest}{SHARE_IT}"
    assert team.git("status", "--porcelain").splitlines() == [
        "A  .imgsim-guard/.gitignore",
        f"A  {POINTER}",
        "A  staged.png",
    ]
    assert (team.root / ".imgsim-guard" / ".gitignore").read_text() == "/store\n"
    pointer, (shard,) = (team.root / POINTER).read_bytes(), shards(team)

    assert anna.guard("sync") == f"published embeddings: 0; already published: 6.\n{with_the_rest}{SHARE_IT}"
    team.git("commit", "--quiet", "-m", "published", "--", POINTER, ".imgsim-guard/.gitignore")
    assert anna.guard("sync") == "published embeddings: 0; already published: 6.\n"
    assert anna.guard("sync", "--quiet") == ""
    assert ((team.root / POINTER).read_bytes(), shards(team)) == (pointer, [shard])

    team.save()
    assert "published embeddings: 0; already published: 6.\n" in anna.guard("sync")
    assert shard in shards(team)
    assert len(shards(team)) == 1


def test_what_has_no_embedding_here_is_said(anna: Person) -> None:
    shutil.rmtree(anna.cache)
    assert anna.guard("sync") == (
        "published embeddings: 0; already published: 0.\n"
        "note: 5 staged or committed images have no embedding yet: run imgsim-guard embed, then sync\n"
    )
    assert not (anna.dataset.root / ".imgsim-guard").exists()


def test_what_cannot_be_listed_here_is_said(anna: Person) -> None:
    manifest_of(anna.dataset).unlink()
    (anna.dataset.root / "data" / "images" / "0.png").unlink()
    shutil.rmtree(anna.dataset.root.parent / "remote")
    assert anna.guard("sync") == (
        "note: the embeddings of data/images were not published: data/images.dvc: "
        "its list of files is not in DVC's cache; "
        "run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit\n"
        f"published embeddings: 1; already published: 0.\n{COMMIT_IT}{SHARE_IT}"
    )


def test_a_clone_with_the_store_embeds_nothing(carla: Person) -> None:
    clone = carla.dataset
    pointer = (clone.root / POINTER).read_bytes()
    for arguments in WOULD_CHANGE_THE_STORE:
        said = carla.guard(*arguments, code=2)
        assert said == (
            f"imgsim-guard: 2 of the 2 files of {STORE} are not on this machine; "
            f"run dvc pull {POINTER} first, or the embeddings of others would be lost\n"
        )
    assert carla.guard("store", "verify", code=1) == (
        f"2 of the 2 files of {STORE} are not on this machine; run dvc pull {POINTER}\n"
    )
    assert (clone.root / POINTER).read_bytes() == pointer
    assert not (clone.root / STORE).exists()

    clone.dvc("pull", "--quiet", STORE)
    assert "no near-duplicates among 5 images, checked against 4 " in carla.guard("check", "--all")
    assert carla.guard("sync") == "published embeddings: 0; already published: 5.\n"
    clone.stage({"new.png": near(2, 2)})
    assert "new.png   near-duplicate of    data/images/2.png   distance 0." in carla.guard("hook", code=1)
    assert carla.embedder.embedded == 1
    assert clone.git("status", "--porcelain") == "A  new.png\n"


def test_a_clone_that_has_an_older_store_leaves_nobodys_embeddings_out(bert: Person, carla: Person) -> None:
    carla.dataset.dvc("pull", "--quiet", STORE)
    publish(bert, more=6)
    bert.dataset.save()
    bert.dataset.dvc("push", "--quiet", STORE)
    carla.dataset.git("pull", "--quiet")
    assert f"2 of the 4 files of {STORE} are not on this machine; run dvc pull" in carla.guard("sync", code=2)
    assert carla.dataset.git("status", "--porcelain") == ""


def test_a_stage_publishes_what_it_embeds_and_leaves_dvc_to_dvc(anna: Person) -> None:
    anna.guard("embed", "--publish", "--worktree")
    assert len(shards(anna.dataset)) == 1
    anna.dataset.write({"untracked.png": near(7)})
    anna.guard("embed", "--publish", "--worktree")
    assert anna.guard("store", "info").splitlines()[1].startswith("tracked store: 6 embeddings in 2 files, 0.0 MB (")
    assert not (anna.dataset.root / POINTER).exists()


# What stands in the way.


def test_a_lock_that_another_dvc_process_holds_is_said_and_the_next_sync_goes_on(anna: Person) -> None:
    team = anna.dataset
    with (team.root / ".dvc" / "tmp" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = anna.guard("sync", code=2)
    assert said.startswith("imgsim-guard: dvc add: Unable to acquire lock. Most likely another DVC process is running")
    assert not (team.root / POINTER).exists()
    (shard,) = shards(team)
    shard.with_name("killed.tmp").write_bytes(b"half")
    assert anna.guard("sync") == f"published embeddings: 0; already published: 5.\n{COMMIT_IT}{SHARE_IT}"
    assert shards(team) == [shard]

    team.git("rm", "--quiet", "--cached", POINTER)  # as if killed after dvc add
    assert anna.guard("sync") == f"published embeddings: 0; already published: 5.\n{COMMIT_IT}{SHARE_IT}"
    assert f"A  {POINTER}" in team.git("status", "--porcelain")


def test_a_broken_pipeline_elsewhere_is_said_in_dvcs_words_and_stops_no_check(anna: Person) -> None:
    anna.dataset.commit({"sub/dvc.yaml": "stages: [broken"})
    said = anna.guard("sync", code=2)
    assert said.startswith("imgsim-guard: dvc add: './sub/dvc.yaml' is invalid.\n\nWhile parsing a flow sequence, ")
    anna.dataset.stage({"new.png": near(1, 3)})
    assert "new.png   near-duplicate of    data/images/1.png " in anna.guard("hook", code=1)


def test_without_dvc_the_message_says_what_is_missing(
    anna: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(tools))
    assert anna.guard("sync").endswith(SHARE_IT)  # by the DVC beside this package
    shutil.rmtree(anna.dataset.root / ".imgsim-guard")
    monkeypatch.setitem(sys.modules, "dvc", None)
    assert anna.guard("sync", code=2) == "imgsim-guard: DVC is not installed, or not on the PATH: pip install dvc\n"
    (tools / "dvc").write_text("#!/no/such/python\n")
    (tools / "dvc").chmod(0o755)
    assert anna.guard("sync", code=2) == f"imgsim-guard: cannot run {tools / 'dvc'}: No such file or directory\n"


def test_pictures_that_are_staged_are_published_so_that_both_are_one_commit(anna: Person) -> None:
    anna.dataset.add({"data/images/5.png": near(5)}, "data/images")
    anna.guard("hook")
    printed = anna.guard("sync")
    assert printed.startswith("published embeddings: 6; already published: 0.\n")
    assert "  commit it:  git commit    (with what else is staged)\n" in printed
    staged = anna.dataset.git("diff", "--cached", "--name-only").split()
    assert staged == [".imgsim-guard/.gitignore", ".imgsim-guard/store.dvc", "data/images.dvc"]


def test_where_there_is_nothing_to_publish_to_sync_says_so(anna: Person) -> None:
    shutil.rmtree(anna.dataset.root / ".dvc")
    said = anna.guard("sync", code=2)
    assert said == f"imgsim-guard: {NO_PROJECT}\n"


def test_a_store_that_a_stage_puts_out_is_published_by_the_stage(anna: Person) -> None:
    cmd = f"mkdir -p {STORE} && touch {STORE}/x"
    anna.dataset.write({"dvc.yaml": f"stages:\n  embed:\n    cmd: {cmd}\n    outs: [{STORE}]\n"})
    anna.dataset.dvc("repro", "--quiet")
    anna.dataset.git("add", "--all")
    before = everything_in(anna.dataset.root)
    for arguments in WOULD_CHANGE_THE_STORE:
        assert anna.guard(*arguments, code=2) == (
            f"imgsim-guard: {STORE} is an output of a stage in dvc.lock: use dvc repro instead of imgsim-guard sync\n"
        )
    assert everything_in(anna.dataset.root) == before


def test_a_pointer_that_cannot_be_read_is_an_error(bert: Person) -> None:
    text = (bert.dataset.root / POINTER).read_text()
    bert.dataset.write({POINTER: f"<<<<<<< ours\n{text}=======\n>>>>>>> theirs\n"})
    for arguments in WOULD_CHANGE_THE_STORE:
        said = bert.guard(*arguments, code=2)
        assert said == f"imgsim-guard: {POINTER}: a merge conflict is not resolved here (line 1)\n"


def test_the_hook_writes_nothing_that_is_tracked_and_stops_no_dvc_command(bert: Person) -> None:
    team = bert.dataset
    team.add({"data/images/new.png": near(8)}, "data/images")
    team.stage({"broken.png": "no image"})
    before = everything_in(team.root)
    assert "1 unreadable among 2 new images, checked against 5 " in bert.guard("hook", code=1)
    assert everything_in(team.root) == before
    assert bert.embedder.embedded == 1
    for command in ("checkout", "pull", "push"):
        team.dvc(command, "--quiet")
    assert everything_in(team.root).keys() == before.keys()


# What is damaged.


def test_a_damaged_shard_is_said_and_not_used_and_nothing_is_done_to_it(bert: Person) -> None:
    team = bert.dataset
    shutil.rmtree(bert.cache)
    (shard,) = shards(team)
    data = bytearray(shard.read_bytes())
    data[8 + int.from_bytes(data[:8], "little")] ^= 1  # in an embedding
    shard.unlink()  # it may be a link into DVC's cache
    shard.write_bytes(data)
    before = everything_in(team.root)
    assert bert.guard("check", "--all").startswith(
        f"note: did not use a damaged part of the store ({shard}: its contents do not match its name); "
        "its images are embedded again\n"
    )
    assert bert.embedder.embedded == 5
    assert bert.guard("store", "verify", code=1) == (
        f"{shard}   damaged: its contents do not match its name\n"
        "delete the damaged files: dvc checkout restores the tracked store's, and the others are embedded again.\n"
    )
    for arguments in [*WOULD_CHANGE_THE_STORE, ("embed", "--publish")]:
        assert (
            f"imgsim-guard: {shard} is damaged: its contents do not match its name. Delete it; then "
            f"dvc checkout {team.root / STORE} brings it back or, if what DVC has of it is damaged, too, "
            f"dvc add {team.root / STORE} goes on without it\n"
        ) in bert.guard(*arguments, code=2)
    assert everything_in(team.root) == before

    shard.unlink()
    team.dvc("checkout", "--quiet", str(team.root / STORE))
    assert bert.guard("store", "verify") == "no damage found.\n"
    assert bert.guard("sync") == "published embeddings: 0; already published: 5.\n"


def test_a_store_of_another_model_is_said_and_kept(anna: Person) -> None:
    file = anna.dataset.root / STORE / "an-older-model" / "x.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"anything")
    assert "published embeddings: 5; already published: 0.\n" in anna.guard("sync")
    lines = anna.guard("store", "info").splitlines()
    assert lines[0] == f"model: {fingerprint('onnx')}"
    assert [line.partition(" embeddings in ")[0] for line in lines[1:]] == [
        "tracked store: 5",
        "  of another model, not used: an-older-model",
        "cache of this user: 5",
    ]
    anna.guard("store", "compact")
    assert file.read_bytes() == b"anything"


def test_who_lacks_embeddings_is_told_where_they_are(bert: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(bert.dataset.root / STORE)
    bert.dataset.add({"data/images/new.png": encoded(random_picture(99))}, "data/images")
    advice = f"run dvc pull {STORE} to get the team's embeddings"
    assert advice in bert.guard("check")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_PREFIX", "data/")
        bert.dataset.add({"data/images/another.png": encoded(random_picture(97))}, "data/images")
        assert f"run dvc pull ../{STORE} to get the team's embeddings" in bert.guard("check")
    Dataset(bert.dataset.root / "data").dvc("pull", "--quiet", f"../{STORE}")
    assert advice not in bert.guard("check")
    shutil.rmtree(bert.dataset.root / STORE)
    bert.dataset.write({f"{STORE}/of-an-older-model/x.safetensors": b""})
    bert.dataset.add({"data/images/newer.png": encoded(random_picture(98))}, "data/images")
    said = "the tracked store was made with another version of the model, or another preprocessing"
    assert said in bert.guard("check")


# Looking after it.


def test_compact_makes_one_file_of_many(bert: Person) -> None:
    team = bert.dataset
    for seed in (5, 6):
        publish(bert, more=seed)
    assert len(shards(team)) == 3
    team.save()
    assert bert.guard("store", "compact") == (
        "3 files are now 1.\n"
        f"  commit it:  git commit -m 'Tidy the store' -- {POINTER}\n"
        f"  share it:   dvc push {POINTER}\n"
    )
    assert team.git("status", "--porcelain") == f"M  {POINTER}\n"
    (shard,) = shards(team)
    team.save()
    shutil.rmtree(bert.cache)
    bert.guard("check", "--all")
    assert bert.embedder.embedded == 2
    assert bert.guard("store", "compact") == "1 files are now 1.\n"
    assert shards(team) == [shard]


def test_prune_drops_what_no_branch_and_no_tag_has(bert: Person) -> None:
    team = bert.dataset
    publish(bert, gone=5)
    team.git("rm", "--quiet", "gone.png")
    team.save()
    team.git("checkout", "--quiet", "-b", "branch")
    publish(bert, tagged=6)
    team.save()
    team.git("tag", "-a", "v1", "-m", "with it")
    team.git("rm", "--quiet", "tagged.png")
    publish(bert, kept=7)
    team.save()
    team.git("checkout", "--quiet", "main")
    assert bert.guard("store", "prune").splitlines() == [
        "kept 7 of 8 embeddings: those of images that a branch or a tag still has.",
        f"  commit it:  git commit -m 'Tidy the store' -- {POINTER}",
        f"  share it:   dvc push {POINTER}",
    ]
    shutil.rmtree(bert.cache)
    assert bert.guard("store", "info").splitlines()[1].startswith("tracked store: 7 embeddings in 1 files")
    for revision, embedded in (("main", 0), ("branch", 0), ("v1", 0), ("main~1", 1)):
        team.git("checkout", "--quiet", "--force", revision)
        bert.guard("check", "--all")
        assert bert.embedder.embedded == 3 + embedded, revision


def test_prune_refuses_while_it_cannot_tell_what_a_branch_has(bert: Person) -> None:
    team = bert.dataset
    manifest_of(team).unlink()
    (team.root / "data" / "images" / "0.png").unlink()
    shutil.rmtree(team.root.parent / "remote")
    before = everything_in(team.root)
    assert bert.guard("store", "prune", code=2) == (
        "imgsim-guard: cannot list the images of every branch: data/images: data/images.dvc: its list of files is not "
        "in DVC's cache; run dvc pull data/images.dvc, or dvc commit after dvc add --no-commit; "
        "or run dvc fetch --all-commits\n"
    )
    assert everything_in(team.root) == before


def test_a_store_of_which_nothing_is_left_is_an_empty_one(bert: Person) -> None:
    bert.dataset.git("rm", "--quiet", "data/images.dvc", "in-git.png")
    bert.dataset.save()
    assert bert.guard("store", "prune").startswith(
        "kept 0 of 5 embeddings: those of images that a branch or a tag still has"
    )
    assert bert.dataset.git("status", "--porcelain") == f"M  {POINTER}\n"
    assert bert.guard("store", "verify") == "no damage found.\n"
    assert bert.guard("sync") == "published embeddings: 0; already published: 0.\n" + COMMIT_IT + SHARE_IT
