"""First looks at pairs, by what the store has of both images: most different pictures need no look at their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.model import Evidence
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgsim_guard.model import Candidate
    from imgsim_guard.store.store import Store
    from imgsim_guard.verification.glance import Glance

KEPT = 4096
"""Images whose features are kept for their next pair: 20 MB."""

NOT_WORTH_IT = Evidence("refuted", 0, 0.0, 0.0, None, "a first look finds nothing in common")


class FirstLooks:
    """Whether pairs are worth a look at their pixels. The images are in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, list[Glance]] = {}

    def worth(self, pairs: Sequence[Candidate]) -> list[bool]:
        """Whether the pixels of each pair have to be compared. Those of near and likely pairs always have to be."""
        far = [pair for pair in pairs if not (pair.near or pair.likely)]
        found = (answer for start in range(0, len(far), KEPT) for answer in self._promising(far[start : start + KEPT]))
        return [pair.near or pair.likely or next(found) for pair in pairs]

    def _promising(self, pairs: Sequence[Candidate]) -> Iterable[bool]:
        from imgsim_guard.verification.glance import worth_verifying  # it imports OpenCV

        glances = self._of(dict.fromkeys(image.content for pair in pairs for image in (pair.query, pair.gallery)))

        def promising(pair: Candidate) -> bool:
            looks = glances[pair.query.content], glances[pair.gallery.content]
            return any(worth_verifying(one, other) for one in looks[0] for other in looks[1])

        return in_order(promising, pairs)

    def _of(self, contents: Iterable[str]) -> dict[str, list[Glance]]:
        """What is stored of the looks of each image."""
        from imgsim_guard.verification.glance import Glance

        found = {content: self._kept[content] for content in contents if content in self._kept}
        rows = self._store.find(content for content in contents if content not in found)
        looks = self._store.looks(rows)
        numbers = {content: [row, *looks.get(content, ())] for content, row in rows.items()}
        wanted = [row for some in numbers.values() for row in some]
        stored = map(Glance, self._store.features(wanted), self._store.hashes(wanted))
        new = {content: [next(stored) for _ in some] for content, some in numbers.items()}
        if len(self._kept) + len(new) > KEPT:
            self._kept.clear()
        self._kept |= new
        return found | new
