"""Vitals ↔ one small file per running part in `<data>/run`, replaced as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import msgspec

from miharu.core.vitals import Vitals

_DECODER = msgspec.json.Decoder(Vitals)


def vitals_folder(data: Path) -> Path:
    """Return where the parts of a data folder write."""
    return data / "run"


def write_vitals(data: Path, vitals: Vitals) -> None:
    """Write what a part says about itself; say nothing where the disk takes nothing at all."""
    place = vitals_folder(data) / f"{vitals.part}.json"
    words = msgspec.json.encode(asdict(vitals))
    draft = place.with_suffix(f".{os.getpid()}.draft")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(words)
        draft.replace(place)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        with suppress(OSError):
            _write_over(place, words)


def _write_over(place: Path, words: bytes) -> None:
    """Write in the blocks that a file has already: a full disk gives no others."""
    with place.open("r+b") as file:
        file.write(words.ljust(place.stat().st_size))


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
