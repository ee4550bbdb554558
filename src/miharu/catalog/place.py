"""The environment → the folder that holds the content: the shipped one, unless `MIHARU_CONTENT` names another."""

from __future__ import annotations

import os
from pathlib import Path

import miharu
from miharu.core.errors import OperatorError


def content_root() -> Path:
    """Return the folder named by `MIHARU_CONTENT`, else `miharu/content` of an installed wheel or of the checkout.

    Raises OperatorError where there is none.
    """
    package = Path(miharu.__file__).resolve().parent
    named = os.environ.get("MIHARU_CONTENT")
    for folder in [Path(named)] if named else (package / "content", package.parents[1] / "content"):
        if (folder / "ecs" / "fields.tsv").is_file():
            return folder
    remedy = f"correct MIHARU_CONTENT, which names {named}" if named else "install miharu again"
    raise OperatorError(f"the content folder is missing: {remedy}")
