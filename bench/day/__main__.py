"""`python -m bench.day OUT`: write the day's logs; `--story` prints what the attacker does in them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from bench.day import plan, story
from bench.day.lines import Archive


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.day", description="One day of a small company as raw logs.")
    parser.add_argument("out", type=Path, nargs="?", help="folder to write to")
    parser.add_argument("--events", type=int, default=200_000, help="how many records, 5,000 to 2,000,000")
    parser.add_argument("--seed", type=int, default=story.SEED)
    parser.add_argument("--date", type=date.fromisoformat, default=story.DAY, help="which day, YYYY-MM-DD")
    parser.add_argument("--attack", action=argparse.BooleanOptionalAction, default=True, help="with the attack in it")
    parser.add_argument("--story", action="store_true", help="print the attack, step by step, and write nothing")
    options = parser.parse_args(given)
    if not options.story and options.out is None:
        parser.error("say where to write to")
    if not 5_000 <= options.events <= 2_000_000:
        parser.error("--events must lie between 5,000 and 2,000,000")
    return options


def teller(events: int) -> Callable[[int], None]:
    """Return what shows how far we are, on a terminal."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda written: print(f"\r{written:,} of {events:,} records", end="", file=sys.stderr, flush=True)


def main(given: list[str] | None = None) -> None:
    options = arguments(given)
    if options.story:
        print(story.table())
        return
    begin = time.perf_counter()
    archive = Archive(options.date)
    plan.fill(archive, options.date, options.events, options.seed, attacked=options.attack)
    files = archive.write(options.out, teller(archive.records))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    seconds = time.perf_counter() - begin
    print(f"{archive.records:,} records in {files} files under {options.out} ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
