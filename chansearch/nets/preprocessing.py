"""How an image becomes a network's input: what whoever uses its weights must know."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from chansearch.errors import UserError


@dataclass(frozen=True)
class Preprocessing:
    """The image is resized, by ``interpolation``, until the middle ``crop_pct`` of its shorter side is the input size,
    and cut there; its pixels in 0 to 1 are taken less ``mean``, over ``std``, a channel each.

    The defaults are ImageNet's and timm's.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop_pct: float = 0.875

    def to_dict(self) -> dict:
        """In the plain types of YAML and JSON."""
        return dataclasses.asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @staticmethod
    def from_dict(data: object, source: str) -> Preprocessing:
        """``to_dict`` undone; raises ``UserError``, naming ``source``, for anything else."""
        valid = isinstance(data, dict) and data.keys() == {field.name for field in dataclasses.fields(Preprocessing)}
        valid = valid and all(
            isinstance(data[key], list) and len(data[key]) in (1, 3) and all(map(_is_number, data[key]))
            for key in ("mean", "std")
        )
        # A word and no more: it becomes a setting, where signs have a meaning of their own.
        valid = valid and isinstance(data["interpolation"], str) and data["interpolation"].isalpha()
        if not (valid and _is_number(data["crop_pct"])):
            raise UserError(f"{source}: preprocessing is none: mean, std, interpolation and crop_pct are needed")
        return Preprocessing(**data | {"mean": tuple(data["mean"]), "std": tuple(data["std"])})


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf
