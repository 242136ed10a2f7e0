"""``{ from = "file", … }``: facts that other systems exported, and how their words become ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, StrictBool, field_validator

from devops_lab import patterns
from devops_lab.config.section import Patterns, Section, one_or_many

MILLISECONDS = "milliseconds"
Names = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(one_or_many), Field(min_length=1)]
Said: TypeAlias = StrictBool | str


class File(Section):
    """Deployments or incidents are rows of CSV, JSON or Parquet files, read again at each sync.

    * `path`: a path or glob relative to lab.toml.  `rows`: where the list lies inside a JSON document
      ("data", "status.history").
    * `columns`: our column → theirs, or several of theirs: the first that is not empty.  Inside JSON objects a point
      leads on ("meta.githubCommitSha"); what encloses a row may be named too.
    * `services`: our service → what the file calls it in the column that `columns` names for ``service``.  A service
      without an entry is called there as it is here.  So one file, and one rule in ``[defaults]``, does for all.
    * `only`: their column → the values (GitHub's filter patterns, without case) a row must have to count.
    * `values`: our column → what is said of every row, or their value → ours; what is not listed stays as it is.
    * `dates`: ``strptime``'s format of dates that are not ISO 8601, or "milliseconds" since 1970.  `timezone`: where
      dates without an offset were written (UTC).
    """

    kind: Literal["file"] = Field(alias="from")
    path: str
    rows: str | None = None
    columns: dict[str, Names] = {}
    services: dict[str, Patterns] = {}
    only: dict[str, Patterns] = {}
    values: dict[str, Said | dict[str, Said]] = {}
    dates: str | None = None
    timezone: str | None = None
    environments: Patterns = ["production"]
    rollbacks: bool = True

    @field_validator("values")
    @classmethod
    def _readable(cls, value: dict[str, Said | dict[str, Said]]) -> dict[str, Said | dict[str, Said]]:
        for said in value.values():
            for theirs in said if isinstance(said, dict) else ():
                patterns.expression(theirs)
        return value

    @field_validator("dates")
    @classmethod
    def _a_format(cls, value: str | None) -> str | None:
        moment = datetime(2026, 1, 31, 13, 45, tzinfo=UTC)
        if value is None or value == MILLISECONDS:
            return value
        try:
            read = datetime.strptime(moment.strftime(value), value)  # noqa: DTZ007 - a try, thrown away
        except ValueError as problem:
            raise ValueError(_NO_FORMAT.format(value)) from problem
        if read.date() != moment.date() or (read.hour, read.minute) not in ((13, 45), (0, 0)):
            raise ValueError(_NO_FORMAT.format(value))
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as problem:
            raise ValueError(f"{value!r} is no time zone; names look like Europe/Berlin or Asia/Jakarta") from problem
        return value


_NO_FORMAT = (
    "{!r} does not bring a date and its time back; write one of Python's formats, such as "
    '"%d/%b/%y %I:%M %p" for 31/Jan/26 1:45 PM, or "milliseconds"'
)
