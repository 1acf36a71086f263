"""The settings. `reader` reads them from a file.

The annotations are for pydantic, which is imported only when there is a file to check: until then they are strings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgsim_guard.augnet import Model

if TYPE_CHECKING:
    from typing import Annotated, Literal

    from pydantic import Field

    from imgsim_guard.augnet import Device, Engine, Preprocessing
    from imgsim_guard.config.setting_types import (
        FOLDER_PATTERN,
        STORE_PATTERN,
        Distance,
        LimitSetting,
        Pattern,
        SplitName,
        Uncompared,
    )
    from imgsim_guard.model import Action, Keep, Retrieve

FILE_NAME = ".imgsim-guard.yaml"

FILE_NAMES = (FILE_NAME, ".imgsim-guard.yml")
"""Files of which one may be in the root, with settings and nothing else."""

PYPROJECT = "pyproject.toml"
"""The file that may have settings in its table `tool.imgsim-guard` instead."""

LARGEST_FILE = 100_000
"""Bytes. No configuration comes near it, and what reads more can be made to wait."""

PREVIEWS = "previews"
"""The folder of previews, beside that of the store."""


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """One of `rules`: for pairs between two splits, or within one."""

    between: Annotated[
        list[SplitName] | None,
        Field(
            min_length=2,
            max_length=2,
            description="The rule is for pairs between these two splits",
            json_schema_extra={"uniqueItems": True},
        ),
    ] = None
    within: Annotated[SplitName | None, Field(description="The rule is for pairs within this split")] = None
    threshold: Annotated[Distance | None, Field(description="Replaces the general threshold")] = None
    on_match: Annotated[Action, Field(description="fail; warn: report, but pass; ignore: only count")] = "fail"
    limit: Annotated[
        LimitSetting | None,
        Field(description="Fail above this number or share; replaces max_near_duplicates and max_exact_duplicates"),
    ] = None

    @property
    def splits(self) -> tuple[str, str]:
        """The names of the two splits, the same twice for `within`."""
        first, second = self.between or [self.within or ""] * 2
        return first, second


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default and its range; the names are those of the file."""

    images: Annotated[
        list[Pattern] | None,
        Field(description="The images of the dataset, as .gitignore patterns; without it, all tracked images"),
    ] = None
    threshold: Annotated[
        Distance,
        Field(description="The AugNet distance up to which two images are near-duplicates"),
    ] = 10.0
    reach: Annotated[Distance, Field(description="The distance up to which verification may confirm a pair")] = 26.0
    candidates: Annotated[
        int,
        Field(
            ge=1, le=1000, description="How many of the nearest images within reach are compared with each new image"
        ),
    ] = 20
    verify: Annotated[
        Literal["auto", "never"],
        Field(description="auto: pixels decide where they can; never: only the distance decides, as in imgsim"),
    ] = "auto"
    retrieve: Annotated[
        Retrieve,
        Field(
            description="all: AugNet, perceptual hashes and local features find what is compared; hashes: without "
            "AugNet, which takes a small part of the time and finds fewer copies"
        ),
    ] = "all"
    max_near_duplicates: Annotated[
        LimitSetting, Field(description="Fail when more new images than this, or a greater share, are near-duplicates")
    ] = 0
    max_exact_duplicates: Annotated[
        LimitSetting,
        Field(description="Fail when more new images than this, or a greater share, are exact duplicates"),
    ] = 0
    unreadable: Annotated[
        Literal["fail", "warn"], Field(description="Whether new images that cannot be read fail the check")
    ] = "fail"
    unchecked: Annotated[
        Literal["fail", "warn"],
        Field(description="Whether new images that are not on this machine (DVC, git LFS) fail the check"),
    ] = "fail"
    uncompared: Annotated[
        Uncompared,
        Field(
            description="Fail when more images of the dataset than this number, or share, are not compared, because "
            "they have no embedding or DVC's list of them is not on this machine; fail is 0, and warn never fails"
        ),
    ] = "warn"
    engine: Annotated[Engine, Field(description="onnx, or imgsim: the reference package (extra [imgsim])")] = "onnx"
    preprocessing: Annotated[
        Preprocessing,
        Field(description="reference: as in imgsim; antialiased: for large images. Each has its own embeddings"),
    ] = "reference"
    device: Annotated[
        Device,
        Field(description="Where the model runs; auto: on CUDA if it is installed and starts, otherwise on the CPU"),
    ] = "auto"
    max_missing_embeddings: Annotated[
        int,
        Field(
            ge=0, description="With more missing embeddings than this, the hook asks you to run `imgsim-guard embed`"
        ),
    ] = 200

    splits: Annotated[
        dict[SplitName, Pattern | list[Pattern]],
        Field(
            description="Parts of the dataset by name, as .gitignore patterns that must not overlap",
            json_schema_extra={"additionalProperties": False},
        ),
    ] = field(default_factory=dict)
    labels: Annotated[
        Pattern | list[Pattern] | None,
        Field(
            description="Which part of a path is the class of an image, such as data/{label}/**, or a CSV or COCO file "
            "that names it"
        ),
    ] = None
    on_label_conflict: Annotated[
        Literal["fail", "warn"],
        Field(description="Whether the same image under two labels fails the check, whatever the rules say"),
    ] = "fail"
    keep: Annotated[
        Keep,
        Field(
            description="Which of several copies stays; best: what is in the dataset already, then the one with the "
            "most pixels, the least compressed, the oldest"
        ),
    ] = "best"
    keep_in: Annotated[
        list[Pattern] | None, Field(description="What never moves, and is kept first, as gitignore-style patterns")
    ] = None
    rules: Annotated[
        list[RuleSettings],
        Field(description="Rules for pairs of certain splits; for the same splits, the first rule applies"),
    ] = field(default_factory=list)
    store: Annotated[
        str, Field(pattern=STORE_PATTERN, description="The folder of embeddings that DVC tracks for the whole team")
    ] = ".imgsim-guard/store"
    previews: Annotated[
        bool,
        Field(description="Whether sync also publishes a small picture of each image, for machines without the images"),
    ] = False
    accepted: Annotated[str, Field(pattern=FOLDER_PATTERN, description="The file of the accepted pairs")] = (
        ".imgsim-guard/accepted.yaml"
    )

    @property
    def model(self) -> Model:
        """The settings that determine what is made of an image."""
        return Model(self.engine, self.preprocessing, self.device, embeds=self.retrieve == "all")
