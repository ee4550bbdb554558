"""`/rules` and `/sources`: what can be detected and what can be read."""

from __future__ import annotations

from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from miharu.catalog import LogSource
from miharu.detect import Rule, RuleProblem, RuleSet
from miharu.serve.api.auth import Reader
from miharu.serve.api.problems import ProblemError
from miharu.serve.api.services import Here

router = APIRouter(tags=["content"])


class Trouble(BaseModel):
    """Why a rule cannot run."""

    reason: str = Field(description="Code of the reason, as `miharu rules check` gives it.")
    text: str = Field(description="What is wrong.")
    remedy: str = Field(description="What would help.")


class RuleOut(BaseModel):
    """One rule, whether it runs or not."""

    id: str = Field(description="Id of the rule; may be empty where it cannot be read.")
    title: str = Field(description="Title of the rule.")
    path: str = Field(description="File it stands in.")
    line: int = Field(description="Line where it begins, or where the problem is; 0: unknown.")
    level: str | None = Field(None, description="informational, low, medium, high or critical.")
    status: str | None = Field(None, description="How far its author trusts it.")
    logsource: str | None = Field(None, description="Logs it is for.")
    tags: list[str] = Field(default_factory=list, description="Tags, such as ATT&CK techniques.")
    problem: Trouble | None = Field(None, description="Why it cannot run; null: it runs.")


class RuleDetail(RuleOut):
    """One rule with everything known of it."""

    description: str | None = Field(None, description="What it finds, in its author's words.")
    entity: list[str] = Field(default_factory=list, description="Fields whose values its alerts are grouped by.")
    fields: list[str] = Field(default_factory=list, description="Columns it looks at.")


class RulePage(BaseModel):
    """Some rules."""

    rules: list[RuleOut] = Field(description="The rules asked for, those that run first.")
    count: int = Field(description="Rules that pass the filter, on all pages.")
    running: int = Field(description="Rules that run, of all.")
    problems: int = Field(description="Rules that cannot run, of all.")


class SourceOut(BaseModel):
    """One log source."""

    id: str = Field(description="The `event.dataset` of its events.")
    title: str = Field(description="What it is.")
    vendor: str = Field(description="Who makes what writes it.")
    product: str = Field(description="What writes it.")
    page: str = Field(description="Where its format is described.")
    containers: list[str] = Field(description="Forms its records come in; one of them is needed.")
    needs: list[str] = Field(description="What else a record needs to be recognised: field, test, values.")


class Sources(BaseModel):
    """All log sources."""

    sources: list[SourceOut] = Field(description="The log sources, in the order of their ids.")


@router.get("/rules", summary="List rules")
async def get_rules(
    here: Here,
    _: Reader,
    level: Annotated[
        Literal["informational", "low", "medium", "high", "critical"] | None, Query(description="Only of this level.")
    ] = None,
    text: Annotated[str, Query(description="Words that must stand in id, title, path or tags.")] = "",
    problem: Annotated[
        str | None, Query(description="`none`: rules that run; `any`: rules that cannot; or the code of a reason.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most rules of this page.")] = 500,
    offset: Annotated[int, Query(ge=0, description="Rules to pass over.")] = 0,
) -> RulePage:
    """List rules that run and rules that cannot, with the reason."""
    rules = await to_thread.run_sync(here.shelf.rules)
    words = text.lower().split()
    found = [rule for rule in _all(rules) if _passes(rule, level, words, problem)]
    return RulePage(
        rules=found[offset : offset + limit],
        count=len(found),
        running=len(rules.rules),
        problems=len(rules.problems),
    )


@router.get("/rules/{rule_id}", summary="Show a rule")
async def get_rule(here: Here, _: Reader, rule_id: Annotated[str, Path(description="Id of the rule.")]) -> RuleDetail:
    """Show one rule: what it looks at, or why it cannot run."""
    rules = await to_thread.run_sync(here.shelf.rules)
    rule = rules.find(rule_id)
    if rule is not None:
        return _detail(rules, rule)
    for trouble in rules.problems:
        if trouble.rule_id == rule_id:
            return RuleDetail(**_refused(trouble).model_dump())
    raise ProblemError(404, f"No rule has the id {rule_id!r}.")


@router.get("/sources", summary="List log sources")
async def get_sources(here: Here, _: Reader) -> Sources:
    """List the log sources that are recognised, and what a record needs for it."""
    sources = await to_thread.run_sync(here.shelf.sources)
    return Sources(sources=sorted((_source(source) for source in sources), key=lambda source: source.id))


def _all(rules: RuleSet) -> list[RuleOut]:
    return [*(_running(rule) for rule in rules.rules), *(_refused(trouble) for trouble in rules.problems)]


def _passes(rule: RuleOut, level: str | None, words: list[str], problem: str | None) -> bool:
    if level is not None and rule.level != level:
        return False
    reason = rule.problem.reason if rule.problem else None
    if problem is not None and not {"none": reason is None, "any": reason is not None}.get(problem, reason == problem):
        return False
    held = " ".join([rule.id, rule.title, rule.path, *rule.tags]).lower()
    return all(word in held for word in words)


def _running(rule: Rule) -> RuleOut:
    return RuleOut(
        id=rule.id,
        title=rule.title,
        path=rule.path,
        line=rule.line,
        level=rule.level,
        status=rule.status,
        logsource=rule.logsource,
        tags=list(rule.tags),
    )


def _refused(trouble: RuleProblem) -> RuleOut:
    why = Trouble(reason=trouble.reason, text=trouble.text, remedy=trouble.remedy)
    return RuleOut(id=trouble.rule_id, title=trouble.title, path=trouble.path, line=trouble.line, problem=why)


def _detail(rules: RuleSet, rule: Rule) -> RuleDetail:
    entity = {field for variant in rule.variants for field in variant.entity}
    looked = {number for variant in rule.variants for number in variant.fields if number >= 0}
    columns = {column for number in looked for column in rules.fields[number].columns}
    return RuleDetail(
        **_running(rule).model_dump(), description=rule.description, entity=sorted(entity), fields=sorted(columns)
    )


def _source(source: LogSource) -> SourceOut:
    return SourceOut(
        id=source.id,
        title=source.title,
        vendor=source.vendor,
        product=source.product,
        page=source.page,
        containers=list(source.recognise.containers),
        needs=[f"{test.field} {test.test} {' | '.join(test.values)}".strip() for test in source.recognise.where],
    )
