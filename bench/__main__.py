"""`make bench`: measures this machine and writes what it saw to `bench/results`.

Everything is measured in one run. `--events` and `--asa` set how many records; `--rules` another archive of rules.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench import detection, inputs, measures
from bench.figures import Report
from miharu.core.settings import Settings


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure speeds, sizes and memory.")
    parser.add_argument("--events", type=int, default=200_000, help="Windows events in JSON")
    parser.add_argument("--asa", type=int, default=400_000, help="Cisco ASA lines")
    parser.add_argument("--rules", type=Path, default=inputs.rules_archive(), help="folder or archive of Sigma rules")
    parser.add_argument("--many", type=int, default=10_000, help="rules to judge with at last (0: leave that out)")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path, report: Report) -> None:
    chosen = (options.rules,) if options.rules else ()
    settings = Settings(data=folder / "data", rules=chosen)
    found = measures.rules(settings, report)
    kind, lines = inputs.windows_lines(options.events)
    report.facts["input"] = kind
    unit = measures.unit_of(lines)
    report.rates.append(unit)
    path = folder / "windows.json"
    inputs.write(path, lines)
    detection.measure(lines, found, settings, many=options.many, report=report)
    del lines
    measures.stages(path, found, settings, unit=unit, report=report)
    measures.whole_way("Windows events", path, settings, unit=unit, report=report)
    path.unlink()
    asa = inputs.asa_lines(options.asa)
    baseline = measures.regex_unit(asa)
    report.rates.append(baseline)
    path = folder / "asa.log"
    inputs.write(path, asa)
    del asa
    measures.whole_way("ASA lines", path, settings, unit=baseline, report=report)


def main() -> None:
    options, report = arguments(), Report()
    with tempfile.TemporaryDirectory(prefix="miharu-bench-", ignore_cleanup_errors=True) as folder:
        measure(options, Path(folder), report)
    report.show()
    print(f"written: {report.save()}")


if __name__ == "__main__":
    main()
