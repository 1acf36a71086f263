"""A drawing in a light and in a dark theme: ink and ground have changed places, and colours may be others."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from imgsim_guard.verification.paper import commonest
from imgsim_guard.verification.prepared import Features, Pixels, Prepared

DARK, LIGHT = 100, 155
"""Grey values of the ground: no lighter in a dark theme, no darker in a light one."""

LEAST_SHARE = 0.25
"""A ground covers this part of the picture, or more."""

LEAST_FEATURES = 40
"""A plain sign or a flag in other colours is another; a chart, a page of code or a window shows more."""


def themes_differ(first: Prepared, second: Prepared) -> bool:
    """Whether both pictures are drawn, one on dark ground and one on light."""
    if first.drawing is None or second.drawing is None:
        return False
    if min(len(first.features.points), len(second.features.points)) < LEAST_FEATURES:
        return False
    (one, share), (other, also) = (commonest(image.small) for image in (first, second))
    return min(share, also) > LEAST_SHARE and min(one, other) < DARK and max(one, other) > LIGHT


def inverted(image: Prepared) -> Prepared:
    """The negative of a drawing, in grey: what it is in its other theme, but for the colours."""
    small, features = _negative(image.small), image.features
    # all gradients point the other way: so does each feature, whose 4 x 4 cells then lie the other way round
    cells = features.descriptors.reshape(-1, 4, 4, 8)[:, ::-1, ::-1]
    return replace(
        image,
        grey=_negative(image.grey),
        small=small,
        drawing=np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8),
        thumbnails=(-image.thumbnails[0], -image.thumbnails[1]),
        features=Features(
            features.points,
            features.sizes,
            (features.angles + 180) % 360,
            np.ascontiguousarray(cells.reshape(-1, 128)),
        ),
        inverted=True,
    )


def _negative(picture: Pixels) -> Pixels:
    return np.asarray(255 - picture, np.uint8)
