"""``[lab]``, ``[github]``, ``[privacy]`` and ``[practice]`` of ``lab.toml``: the lab itself and who it asks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from devops_lab.config.rules import Secret, Section

Phase = Literal["plan", "code", "build", "test", "release", "deploy", "operate", "monitor"]


class Lab(Section):
    """Where the store lies, the time zone of days and weeks, the window that questions and reports look at, the phases.

    `phases` are those whose facts are fetched besides what DORA's metrics need; without any a first sync is quick.
    """

    store: str = "lab"
    timezone: str = "UTC"
    last: str = "90 days"
    phases: list[Phase] = list(get_args(Phase))

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as problem:
            raise ValueError(f"{value!r} is no time zone; names look like Europe/Berlin or Asia/Jakarta") from problem
        return value


class GitHub(Section):
    """GitHub's address; Enterprise Server is ``https://HOST/api/v3``.  The token comes from ``GITHUB_TOKEN``.

    A GitHub App signs in with `app_id` (or its client id), `installation_id` and a private key, which is read from
    ``env:NAME`` or ``file:PATH`` when it is needed.
    """

    url: str = Field(default="https://api.github.com", pattern=r"^https?://[^\s@]+$")
    app_id: int | str | None = None
    installation_id: int | None = None
    private_key: Secret = "env:GITHUB_APP_PRIVATE_KEY"

    @model_validator(mode="after")
    def _whole_app(self) -> GitHub:
        if (self.app_id is None) != (self.installation_id is None):
            raise ValueError("an app needs both app_id and installation_id; both are on its installation's page")
        return self


class Privacy(Section):
    """How people are stored: a keyed hash, their names, or not at all.  E-mails are never stored."""

    people: Literal["pseudonym", "names", "none"] = "pseudonym"


class Practice(Section):
    """The made-up company of `seed` whose year ends at `until`; without an address it is started for each sync."""

    seed: int = Field(default=1, ge=1)
    until: datetime
