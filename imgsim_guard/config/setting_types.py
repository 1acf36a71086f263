"""The types of the settings, as pydantic checks them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from imgsim_guard.augnet import Device, Engine, Preprocessing
from imgsim_guard.model import SHARE, Action, Keep, Limit, Retrieve, Share, share_of

__all__ = [
    "FOLDER_PATTERN",
    "PATTERNS",
    "STORE_PATTERN",
    "Action",
    "Annotated",
    "Device",
    "Distance",
    "Engine",
    "Field",
    "Keep",
    "LimitSetting",
    "Literal",
    "Pattern",
    "Preprocessing",
    "Retrieve",
    "SplitName",
    "Uncompared",
]

MAX_DISTANCE = 56.0
"""Two embeddings of 768 numbers between -1 and 1 cannot be further apart than 2 * sqrt(768) = 55.4."""

LIMIT = "Input should be a number of images, or a share of them such as 2%"

STORE_PATTERN = r"^([\w-][\w .-]*/)*\.imgsim-guard/[\w-][\w.-]*$"
FOLDER_PATTERN = r"^\.imgsim-guard/[\w-][\w.-]*$"
NAME_PATTERN = r"^[\w.-]+$"
PATTERNS = {
    STORE_PATTERN: "a name below .imgsim-guard/, such as .imgsim-guard/store",
    FOLDER_PATTERN: "a name below .imgsim-guard/, such as .imgsim-guard/store",
    NAME_PATTERN: "a name of letters, digits, dots and dashes",
}


def _uncompared(value: object) -> Literal["fail", "warn"] | Limit:
    if value == "fail" or value == "warn":  # noqa: PLR1714  which mypy understands
        return value
    try:
        return _limit(value)
    except PydanticCustomError as error:
        raise PydanticCustomError("uncompared", f"{LIMIT}, or fail or warn") from error


def _limit(value: object) -> Limit:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    share = share_of(value) if isinstance(value, str) else None
    if share is None:
        raise PydanticCustomError("limit", LIMIT)
    return share


LimitSetting = Annotated[
    Limit,
    PlainValidator(_limit),
    PlainSerializer(lambda limit: str(limit) if isinstance(limit, Share) else limit, return_type=int | str),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{SHARE}$"}]}),
]
Uncompared = Annotated[
    Literal["fail", "warn"] | Limit,
    PlainValidator(_uncompared),
    PlainSerializer(lambda limit: str(limit) if isinstance(limit, Share) else limit, return_type=int | str),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["fail", "warn"]},
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{SHARE}$"},
            ]
        }
    ),
]
Pattern = Annotated[str, Field(min_length=1)]
SplitName = Annotated[str, Field(pattern=NAME_PATTERN)]
Distance = Annotated[float, Field(ge=0, le=MAX_DISTANCE)]
