"""GitHub's objects of releasing and deploying as rows: releases, tags, deployments and their statuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from devops_lab.sources.github_fields import Raw, Row, address, flag, instant, named_run, need, number, text, word

DEFAULT_ENVIRONMENT = "production"


def release_row(raw: Raw, repository: str) -> Row:
    """Return the row of a release; `published_at` is the instant that counts, `created_at` its commit's date."""
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "release", "id", raw),
        "tag": need(text(raw, "tag_name"), "release", "tag", raw),
        "name": text(raw, "name"),
        "draft": flag(raw, "draft"),
        "prerelease": flag(raw, "prerelease"),
        "target": text(raw, "target_commitish"),
        "created_at": instant(raw, "created_at"),
        "published_at": instant(raw, "published_at"),
        "url": text(raw, "html_url"),
    }


def tag_row(tag: str, repository: str, sha: str, annotated: bool, tagged_at: datetime | None) -> Row:
    """Return the row of a tag that names the commit `sha`."""
    return {"repository": repository, "tag": tag, "sha": sha, "annotated": annotated, "tagged_at": tagged_at}


def deployment_row(raw: Raw, repository: str, statuses: Sequence[Raw]) -> Row:
    """Return the row of a deployment; its run, and its page, are those that its newest status with an address names.

    `payload` may be an object or a text, and is the creator's own: nothing is read from it.
    """
    addresses = [log for status in statuses if (log := _log(status))]
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "deployment", "id", raw),
        "environment": text(raw, "environment") or text(raw, "original_environment") or DEFAULT_ENVIRONMENT,
        "sha": text(raw, "sha"),
        "ref": text(raw, "ref"),
        "task": text(raw, "task"),
        "run_id": named_run(*addresses),
        "created_at": need(instant(raw, "created_at"), "deployment", "created_at", raw),
        "updated_at": instant(raw, "updated_at"),
        "url": next(iter(addresses), None),
    }


def status_row(raw: Raw, repository: str, deployment: int) -> Row:
    """Return the row of one status of a deployment; each is kept, since a later "inactive" must not move the first."""
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "deployment status", "id", raw),
        "deployment_id": deployment,
        "state": need(word(raw, "state"), "deployment status", "state", raw),
        "environment": text(raw, "environment"),
        "created_at": need(instant(raw, "created_at"), "deployment status", "created_at", raw),
        "log_url": _log(raw),
    }


def _log(status: Raw) -> str | None:
    return address(status, "log_url") or address(status, "target_url")
