"""Stand-ins for libraries that are too large for the tests (torch: 5 GB, datasets: 200 MB, MongoDB), as far as the
documentation uses them: the same names, the same arguments, the same order of images.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import PIL.Image
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class ImageFolder:
    """Of torchvision: `samples` are the paths of the images, each with the number of its class, sorted by both."""

    def __init__(self, root: str) -> None:
        self.classes = sorted(entry.name for entry in Path(root).iterdir() if entry.is_dir())
        self.samples = [
            (str(path), number)
            for number, name in enumerate(self.classes)
            for path in sorted(Path(root, name).rglob("*"))
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
        ]

    def __getitem__(self, index: int) -> tuple[PIL.Image.Image, int]:
        path, number = self.samples[index]
        return PIL.Image.open(path).convert("RGB"), number

    def __len__(self) -> int:
        return len(self.samples)


class Subset:
    """Of torch: some of the items of a dataset."""

    def __init__(self, dataset: ImageFolder, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> tuple[PIL.Image.Image, int]:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class Dataset:
    """Of datasets: a table, of which a column is a list and a selection is another table."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns

    def __getitem__(self, column: str) -> list[Any]:
        return self._columns[column]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def select(self, indices: Sequence[int]) -> Dataset:
        return Dataset({name: [column[at] for at in indices] for name, column in self._columns.items()})


def load_dataset(path: str, *, data_dir: str, split: str) -> Dataset:
    """Of datasets, for folders of images: pictures of Pillow's and the numbers of their classes."""
    assert (path, split) == ("imagefolder", "train")
    folder = ImageFolder(data_dir)
    pictures = [PIL.Image.open(name) for name, _ in folder.samples]
    return Dataset({"image": pictures, "label": [number for _, number in folder.samples]})


class Samples:
    """Of fiftyone: a dataset whose samples have an absolute `filepath` and fields."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._fields: dict[str, dict[str, object]] = {str(path.absolute()): {} for path in paths}

    @classmethod
    def from_images_dir(cls, images_dir: str) -> Samples:
        return cls(sorted(path for path in Path(images_dir).rglob("*") if path.is_file()))

    def set_values(self, field_name: str, values: dict[str, object], *, key_field: str) -> None:
        assert key_field == "filepath"
        for path, value in values.items():
            self._fields[path][field_name] = value  # a KeyError for a path that is no sample's

    def count_values(self, field: str) -> dict[object, int]:
        return dict(Counter(fields.get(field) for fields in self._fields.values()))


@contextmanager
def stand_ins() -> Iterator[None]:
    """While this lasts, they can be imported by the libraries' own names."""
    names: dict[str, dict[str, Any]] = {
        "torch": {},
        "torch.utils": {},
        "torch.utils.data": {"Subset": Subset},
        "torchvision": {},
        "torchvision.datasets": {"ImageFolder": ImageFolder},
        "datasets": {"load_dataset": load_dataset},
        "fiftyone": {"Dataset": Samples},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, content in names.items():
            module = ModuleType(name)
            module.__dict__.update(content)
            patch.setitem(sys.modules, name, module)
        yield
