"""Pages say what is: made ones are fresh, links lead somewhere, commands exist, words are defined."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from miharu.cli.app import make_app
from miharu.core.columns import REJECT_REASONS
from miharu.core.settings import Settings
from tests.house.pages import PAGES, walk
from tests.house.tree import ROOT, text_of, tracked

CALL = re.compile(r"(?:^|`)(?:\.venv/bin/)?miharu (?:--?\S+ (?:\S+/\S* )?)*([a-z]+)", re.MULTILINE)
SHOWN_AS_CODE = re.compile(r"```\w*\n.*?```|`[^`\n]+`", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("place", PAGES)
def test_a_made_page_is_fresh(place: str):
    assert text_of(Path(place)) == PAGES[place](), "run make docs"


def broken_links(page: Path, text: str) -> list[str]:
    targets = [one or two for one, two in LINK.findall(text)]
    local = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    return [target for target in local if not (ROOT / page.parent / target).exists()]


def test_links_lead_somewhere():
    broken = [f"{page}: {target}" for page in pages() for target in broken_links(page, text_of(page))]
    assert not broken, "\n".join(broken)


def test_a_broken_link_is_seen():
    assert broken_links(Path("README.md"), "see [this](docs/nowhere.md) and ![that](docs/none.svg)") == [
        "docs/nowhere.md",
        "docs/none.svg",
    ]


def test_make_targets_named_on_pages_exist():
    targets = set(re.findall(r"^([a-z]+):", text_of(Path("Makefile")), re.MULTILINE))
    assert {"run", "test", "check", "bench", "lock"} <= targets
    named = {
        (page.as_posix(), target)
        for page in pages()
        for target in re.findall(r"(?:^|`)make ([a-z]+)", text_of(page), re.MULTILINE)
    }
    assert named
    assert not {(page, target) for page, target in named if target not in targets}


def calls(text: str) -> list[str]:
    return [word for code in SHOWN_AS_CODE.findall(text) for word in CALL.findall(code)]


def test_commands_named_on_pages_exist():
    known = {words[0] for words, _ in walk(typer.main.get_command(make_app()), ())}
    pages_now = [page for page in pages() if page.parts[0] != "changes"]
    named = {(page.as_posix(), word) for page in pages_now for word in calls(text_of(page))}
    assert {word for _, word in named} >= {"import", "search", "sql", "alerts"}
    assert not {(page, word) for page, word in named if word not in known}


def test_the_readme_gives_the_two_commands():
    readme = text_of(Path("README.md"))
    assert re.search(r"^make run$", readme, re.MULTILINE)
    assert re.search(r"^make test$", readme, re.MULTILINE)


def test_reference_pages_name_everything():
    settings = text_of(Path("docs/reference/settings.md"))
    assert [name for name in Settings.model_fields if f"`{name}`" not in settings] == []
    rejects = text_of(Path("docs/reference/rejects.md"))
    assert [reason for reason in REJECT_REASONS if f"`{reason}`" not in rejects] == []


def test_settings_explain_themselves():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_glossary_owns_our_nouns():
    glossary = text_of(Path("docs/glossary.md")).lower()
    nouns = ("record", "fields", "event", "finding", "alert", "incident", "entity", "reject", "batch", "log source")
    assert [noun for noun in nouns if f"**{noun}**" not in glossary] == []
