"""What every table of ``lab.toml`` is made of: a section that knows its keys, and lists of GitHub's filter patterns."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from devops_lab import patterns


def _pattern(value: str) -> str:
    patterns.expression(value.removeprefix("!"))
    return value


def one_or_many(value: Any) -> Any:
    """Return a lone text as a list of one; anything else as it is, for the next check to judge."""
    return [value] if isinstance(value, str) else value


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], BeforeValidator(one_or_many)]


class Section(BaseModel):
    """A table of ``lab.toml``: unknown keys are problems, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
