"""Vitals ↔ one small file per running part in `<data>/run`, replaced as a whole."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import msgspec

from miharu.core.vitals import Vitals

_DECODER = msgspec.json.Decoder(Vitals)


def vitals_folder(data: Path) -> Path:
    """Return where the parts of a data folder write."""
    return data / "run"


def write_vitals(data: Path, vitals: Vitals) -> None:
    """Write what a part says about itself."""
    place = vitals_folder(data) / f"{vitals.part}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(f".{os.getpid()}.draft")
    draft.write_bytes(msgspec.json.encode(asdict(vitals)))
    draft.replace(place)


def read_vitals(data: Path) -> dict[str, Vitals]:
    """Return what each part said last, by its name; a file that cannot be read is left out."""
    found: dict[str, Vitals] = {}
    for place in sorted(vitals_folder(data).glob("*.json")):
        try:
            vitals = _DECODER.decode(place.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
        found[vitals.part] = vitals
    return found


def forget_vitals(data: Path) -> None:
    """Remove what parts of an earlier life said."""
    for place in vitals_folder(data).glob("*.json"):
        place.unlink(missing_ok=True)
