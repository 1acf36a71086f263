"""First looks at pairs, by what the store has of both images: most different pictures need no look at their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsim_guard.model import Evidence
from imgsim_guard.system.threads import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgsim_guard.model import Candidate, Image
    from imgsim_guard.store.store import Store
    from imgsim_guard.verification.glance import Glance

KEPT = 4096
"""Images whose features are kept for their next pair: 20 MB."""

NOT_WORTH_IT = Evidence("refuted", 0, 0.0, 0.0, None, "a first look finds nothing in common")

NOTHING_STORED = Evidence(
    "refuted", 0, 0.0, 0.0, None, "its pixels are not at hand; what is stored of both has nothing in common"
)


class FirstLooks:
    """Refutes pairs by what the store has of both images, if it has them. `at_hand`: whether there are pixels."""

    def __init__(self, store: Store, at_hand: Callable[[Image], bool]) -> None:
        self._store = store
        self._at_hand = at_hand
        self._kept: dict[str, list[Glance]] = {}

    def refuted(self, pairs: Sequence[Candidate]) -> list[Evidence | None]:
        """The evidence of each pair that is refuted; None if its pixels have to be compared, as those of near and
        likely pairs whose pixels are at hand always have to be.
        """
        reasons = [
            NOT_WORTH_IT if is_far(pair) else None if self._at_hand(pair.gallery) else NOTHING_STORED for pair in pairs
        ]
        asked = [pair for pair, reason in zip(pairs, reasons, strict=True) if reason]
        starts = range(0, len(asked), KEPT)
        promising = (answer for start in starts for answer in self._promising(asked[start : start + KEPT]))
        return [reason and (None if next(promising) else reason) for reason in reasons]

    def _promising(self, pairs: Sequence[Candidate]) -> Iterable[bool]:
        from imgsim_guard.verification.glance import worth_verifying  # it imports OpenCV

        glances = self._of(dict.fromkeys(image.content for pair in pairs for image in (pair.query, pair.gallery)))

        def promising(pair: Candidate) -> bool:
            query, gallery = glances.get(pair.query.content), glances.get(pair.gallery.content)
            return not (query and gallery) or any(worth_verifying(one, other) for one in query for other in gallery)

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


def is_far(pair: Candidate) -> bool:
    """Whether a first look may refute a pair though its pixels could be compared."""
    return not (pair.near or pair.likely)
