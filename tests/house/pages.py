"""Pages that are made from code and content: `make docs` writes them, a test finds a stale one.

Each page function returns the whole text. What a page says about a setting, command or reason is the text that the
code itself carries, so that there is one place to change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic.fields import FieldInfo

from miharu.cli.app import make_app
from miharu.core.columns import REJECT_REASONS
from miharu.core.settings import Settings
from miharu.serve.api.app import make_api
from miharu.serve.api.docs_page import operations, scope_of
from miharu.serve.api.metrics import METRICS
from miharu.serve.api.problems import KINDS
from tests.house import mission, sigma_coverage, source_coverage, source_schema
from tests.house.tree import ROOT

MADE = "Made by `make docs`"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    names = list(head)
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]


# -- settings --------------------------------------------------------------------------------------
def settings_page() -> str:
    rows = (setting_row(name, field) for name, field in Settings.model_fields.items())
    return "\n".join(
        [
            "# Settings",
            "",
            "A setting comes from the command line (`--data`), else from the environment, else from the TOML file",
            "named by `--config` or `MIHARU_CONFIG`, else it has its default. An unknown name in the file is an error.",
            f"{MADE} from `miharu.core.settings`.",
            "",
            *table(["setting", "environment", "default", "meaning"], rows),
            "",
            "A file looks like this:",
            "",
            "```toml",
            'timezone = "Asia/Tokyo"',
            'partition = "day"',
            'rules = ["/srv/sigma/rules"]',
            "```",
            "",
        ]
    )


def setting_row(name: str, field: FieldInfo) -> list[str]:
    default = field.get_default(call_default_factory=True)
    shown = str(default).replace(str(Path.home()), "~") if default not in ((), None) else "none"
    return [f"`{name}`", f"`MIHARU_{name.upper()}`", f"`{shown}`", field.description or ""]


# -- rejects ---------------------------------------------------------------------------------------
def rejects_page() -> str:
    return "\n".join(
        [
            "# Why a record is rejected",
            "",
            "A record that cannot be read is never dropped: its bytes, file and offset are kept in the table `rejects`",
            "with one of these reasons, and `miharu import` counts it. For every file, events + rejects = records.",
            "A record that can be read but is of no known kind is not rejected: it becomes a `generic.*` event.",
            f"{MADE} from `miharu.core.columns`.",
            "",
            *table(["reason", "meaning"], ([f"`{reason}`", text] for reason, text in REJECT_REASONS.items())),
            "",
            "To see them: `miharu sql 'SELECT \"reject.reason\", count() FROM rejects GROUP BY 1'`.",
            "",
        ]
    )


# -- commands --------------------------------------------------------------------------------------
def commands_page() -> str:
    top = typer.main.get_command(make_app())
    lines = [
        "# Commands",
        "",
        "Global options stand before the command. Results go to stdout; notes, progress and faults to stderr.",
        f"{MADE} from the command line's own help.",
        "",
        "Exit codes: 0 done, 1 the operator must do something (one sentence on stderr), 2 wrong usage,",
        "3 faults in content files, or records that became rejects (all listed), 4 stored evidence is damaged.",
        "",
        "## Global options",
        "",
        *parameters(top),
    ]
    for words, command in walk(top, ()):
        usage = " ".join(spelling(param) for param in command.params if is_argument(param))
        lines += ["", f"## miharu {' '.join(words)}", "", f"`miharu {' '.join([*words, usage]).strip()}`", ""]
        lines += [prose(command.help or ""), ""]
        lines += parameters(command)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def walk(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from walk(command, (*words, name))
        else:
            yield (*words, name), command


def is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def parameters(command: Any) -> list[str]:
    shown = [param for param in command.params if param.name != "help" and not getattr(param, "hidden", False)]
    rows = [[f"`{spelling(param)}`", clean(param.help or "").rstrip() + default_of(param)] for param in shown]
    return table(["option", "meaning"], rows) if rows else []


def spelling(param: Any) -> str:
    if is_argument(param):
        return str(param.name).upper()
    return ", ".join([*param.opts, *param.secondary_opts])


def default_of(param: Any) -> str:
    default = getattr(param.default, "value", param.default)
    silent = default in (None, False, "", (), 0) or callable(default)
    return "" if silent or param.required else f" Default: `{default}`."


def prose(text: str) -> str:
    """Set the examples of a help text as code, each command once."""
    lines = [line.strip().removeprefix("Example: ") for line in clean(text).splitlines()]
    told = "\n".join(line for line in lines if line != "Examples:" and not line.startswith("miharu "))
    examples = [line for line in lines if line.startswith("miharu ")]
    return told.strip() + ("\n\n```\n" + "\n".join(examples) + "\n```" if examples else "")


def clean(text: str) -> str:
    """Keep a help text's paragraphs, without the marks that only a terminal understands."""
    return re.sub(r"[\f\b]", "", text).strip()


# -- content ---------------------------------------------------------------------------------------
def sources_page() -> str:
    rows = []
    for path in sorted((ROOT / "content" / "logsources").rglob("*.yml")):
        source = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not source.get("id"):
            continue
        place = path.relative_to(ROOT).as_posix()
        page = f"[page]({source['page']})" if source.get("page") else ""
        rows.append([f"[`{source['id']}`](../../{place})", source.get("title", ""), source.get("vendor", ""), page])
    return "\n".join(
        [
            "# Log sources",
            "",
            "What miharu recognises by content, line by line. The id is the event's `event.dataset`. A record of none",
            "of these becomes a `generic.*` event: stored, searchable, and still judged by rules over its raw text.",
            f"{MADE} from `content/logsources`; each file also holds the tests of its source.",
            "",
            *table(["id", "title", "vendor", "format"], sorted(rows)),
            "",
        ]
    )


def rules_page() -> str:
    rows = []
    for path in sorted((ROOT / "content" / "rules").rglob("*.yml")):
        rule = yaml.safe_load(path.read_text(encoding="utf-8"))
        numbers = (tag.removeprefix("attack.").upper() for tag in rule["tags"])
        techniques = ", ".join(number for number in numbers if re.match(r"T\d", number))
        place = path.relative_to(ROOT).as_posix()
        rows.append([f"[{rule['title']}](../../{place})", rule["level"], techniques, rule["description"].strip()])
    return "\n".join(
        [
            "# Starter rules",
            "",
            f"The {len(rows)} rules that come with miharu, so that a first import says something. For real watching",
            "import the SigmaHQ rules too (`miharu rules import PATH`). Every file is valid for any Sigma tool, and",
            "holds records that it must hit and near ones that it must not: `miharu rules test` runs them, yours too.",
            f"{MADE} from `content/rules`.",
            "",
            *table(["rule", "level", "ATT&CK", "finds"], rows),
            "",
        ]
    )


# -- API -------------------------------------------------------------------------------------------
def api_page() -> str:
    openapi = make_api(Settings()).openapi()
    lines = [
        "# API",
        "",
        openapi["info"]["description"].replace(". ", ".\n"),
        "On the address of the setting `api_address`; programs find the same at `/api/v1/openapi.json`, people at",
        f"`/api/docs`. {MADE} from the API's own description.",
    ]
    for path, method, operation in operations(openapi):
        lines += ["", f"## {method.upper()} {path}", "", f"Scope: {scope_of(operation)}.", "", operation["description"]]
        lines += api_parameters(operation)
        lines += [f"Answers with {shape_of(content_of(operation['responses']['200']))}."]
    lines += ["", "## Shapes"]
    for name, shape in sorted(openapi["components"]["schemas"].items()):
        rows = ([f"`{field}`", shape_of(kind), kind["description"]] for field, kind in shape["properties"].items())
        lines += ["", f"### {name}", "", shape["description"], "", *table(["member", "kind", "meaning"], rows)]
    kinds = ([f"`{kind}`", text] for kind, text in KINDS.items())
    lines += [
        "",
        "## Kinds of problem",
        "",
        "`type` of a problem is `/api/docs#` and one of these, or `about:blank`.",
        "",
    ]
    return "\n".join([*lines, *table(["kind", "meaning"], kinds), ""])


def api_parameters(operation: dict[str, Any]) -> list[str]:
    rows = [[f"`{given['name']}`", given["in"], given["description"]] for given in operation.get("parameters", ())]
    body = content_of(operation.get("requestBody", {})).get("properties", {})
    rows += [[f"`{name}`", "body", kind["description"]] for name, kind in body.items()]
    return ["", *table(["parameter", "in", "meaning"], rows), ""] if rows else [""]


def content_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the first kind of content that has one."""
    kinds = (content["schema"] for content in message.get("content", {}).values())
    return dict(next((kind for kind in kinds if kind), {}))


def shape_of(kind: dict[str, Any]) -> str:
    """Say in a word what a schema is."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in kind:
        return " or ".join(shape_of(each) for each in kind["anyOf"])
    if kind.get("type") == "array":
        return f"list of {shape_of(kind.get('items', {}))}"
    return {"string": "text", "null": "null", "integer": "number"}.get(kind.get("type", ""), kind.get("type", "any"))


def metrics_page() -> str:
    return "\n".join(
        [
            "# Metrics",
            "",
            "What `/metrics` gives, in Prometheus's text format. A program on the same machine needs no token, others",
            "one with the scope `read`. Counters begin at 0 when their part starts.",
            f"{MADE} from `miharu.serve.api.metrics`.",
            "",
            *table(["metric", "meaning"], ([f"`{name}`", text] for name, text in METRICS.items())),
            "",
        ]
    )


def coverage_page() -> str:
    return sigma_coverage.page(MADE)


def source_coverage_page() -> str:
    return source_coverage.page(MADE)


PAGES: dict[str, Callable[[], str]] = {
    "docs/mission.md": mission.page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/rejects.md": rejects_page,
    "docs/reference/log-sources.md": sources_page,
    "docs/reference/rules.md": rules_page,
    "docs/reference/sigma-coverage.md": coverage_page,
    "docs/reference/coverage.md": source_coverage_page,
    "docs/reference/log-source.schema.json": source_schema.page,
    "docs/reference/api.md": api_page,
    "docs/reference/metrics.md": metrics_page,
}


def write_all() -> None:
    for place, make in PAGES.items():
        path = ROOT / place
        text = make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {place}\n")


if __name__ == "__main__":
    write_all()
