"""A rule's condition on an event → a tree for a terminal, or as JSON."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from rich.tree import Tree

from miharu.detect import Explanation


def tree_of(node: Explanation, parent: Tree | None = None) -> Tree:
    """Return the tree with a mark for each verdict."""
    mark = Text("✓ ", style="green") if node.verdict else Text("✗ ", style="red")
    label = mark.append(Text(node.label, style="bold" if node.children else ""))
    branch = Tree(label) if parent is None else parent.add(label)
    for child in node.children:
        tree_of(child, branch)
    return branch


def tree_as_dict(node: Explanation) -> dict[str, Any]:
    """Return the tree as an object: `label`, `verdict`, `children`."""
    return {
        "label": node.label,
        "verdict": node.verdict,
        "children": [tree_as_dict(child) for child in node.children],
    }
