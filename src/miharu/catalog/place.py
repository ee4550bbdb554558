"""Nothing → the folder that holds the shipped content."""

from __future__ import annotations

from pathlib import Path

import miharu
from miharu.core.errors import OperatorError


def content_root() -> Path:
    """Return `miharu/content` of an installed wheel, else `content/` of the checkout.

    Raises OperatorError where neither is there.
    """
    package = Path(miharu.__file__).resolve().parent
    for folder in (package / "content", package.parents[1] / "content"):
        if (folder / "ecs" / "fields.tsv").is_file():
            return folder
    raise OperatorError("the content folder is missing: install miharu again, or run it from a complete checkout")
