"""The command line imports the commands that its words may mean."""

from __future__ import annotations

import pytest
import typer

from miharu.cli.app import COMMANDS, GROUPS, make_app

EVERY = {*COMMANDS, *GROUPS}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], EVERY),
        (["--help"], EVERY),
        (["--version"], EVERY),
        (["imprt", "x"], EVERY),
        (["import", "x"], {"import"}),
        (["--json", "import", "--help"], {"import"}),
        (["--help", "import"], EVERY),
        (["--data", "rules", "import", "x"], {"rules", "import"}),
        (["alerts", "list"], {"alerts"}),
    ],
)
def test_what_is_imported(words: list[str], expected: set[str]) -> None:
    app = make_app(words)
    named = {info.name for info in (*app.registered_commands, *app.registered_groups)}
    assert named == expected
    assert typer.main.get_command(app).name == "miharu"
