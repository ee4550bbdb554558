"""Names of packages that are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("miharu.catalog", "miharu.detect", "miharu.pipeline", "miharu.store")
SLOW = ("alembic", "apprise", "fastapi", "lark", "sigma", "sqlalchemy.dialects.postgresql", "structlog", "uvicorn")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_is_promised_is_there_and_no_other(package: str) -> None:
    module = import_module(package)
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


def imported(code: str) -> set[str]:
    told = f"{code}\nimport sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", told], capture_output=True, check=True, text=True).stdout.split())


def test_an_import_of_logs_imports_nothing_slow_that_it_does_not_need() -> None:
    code = (
        "from miharu.cli.app import make_app; make_app(['import', 'file']); from miharu import pipeline, detect\n"
        "pipeline.Importer, pipeline.open_lake, pipeline.waking_store, pipeline.make_reader, detect.Detector"
    )
    loaded = imported(code)
    assert {"miharu.pipeline.importer", "miharu.detect.detector"} <= loaded
    assert loaded.isdisjoint(SLOW)


def test_the_store_process_is_started_without_what_its_client_needs() -> None:
    loaded = imported("import miharu.pipeline; miharu.pipeline.waking_store")
    assert loaded.isdisjoint({*SLOW, "polars", "pyarrow", "sqlalchemy", "chdb", "hyperscan"})
