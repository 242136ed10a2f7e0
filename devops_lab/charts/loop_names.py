"""What phases, stages and links of the loop are called: English names, which a ``Language`` says in the page's own."""

from __future__ import annotations

from devops_lab.language import Language, marked

NAMES = {
    "plan": marked("Plan"), "code": marked("Code"), "build": marked("Build"), "test": marked("Test"),
    "release": marked("Release"), "deploy": marked("Deploy"), "operate": marked("Operate"),
    "monitor": marked("Monitor"),
}  # fmt: skip
STAGES = (  # the stages that a summary names, and what stands behind "wait longest"
    marked("in the backlog"), marked("begun, nothing written"), marked("coding"),
    marked("waiting for a first review"), marked("in review"), marked("waiting for the merge"),
    marked("waiting for a runner"), marked("building"), marked("waiting for the tests"), marked("testing"),
    marked("waiting for a release"), marked("waiting for a deployment"), marked("deploying"),
)  # fmt: skip
LONGEST = (
    marked("for a first review"), marked("for the merge"), marked("for a runner"), marked("for the tests"),
    marked("for a release"), marked("for a deployment"),
)  # fmt: skip
LINKS = (
    marked("issue"), marked("pull request"), marked("review"), marked("build"), marked("test"), marked("release"),
    marked("deployment"), marked("service level"),
)  # fmt: skip


def waiting(stage: str, t: Language) -> str:
    """Return what stands behind "wait longest": "waiting for a release" → "for a release", "in the backlog" as is."""
    return t(stage.removeprefix("waiting "))
