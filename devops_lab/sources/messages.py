"""What texts that people typed say about the loop: pull requests, reverts and closed issues in commit messages and
pull request bodies; causes, remedies and duplicates in issue bodies; and which authors are bots.

The texts are hostile: every expression here takes time linear in the text, and nothing but shas, numbers, branch
names and ids is taken out of them.  HTML comments (the hints of templates) say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Accounts that are programs although nothing in their name says "[bot]"; compared without case, names and e-mails.
BOTS = frozenset(
    (
        "actions-user",
        "allcontributors",
        "bors",
        "codecov-commenter",
        "copybara-service",
        "dependabot",
        "dependabot-preview",
        "github-actions",
        "github-merge-queue",
        "greenkeeper",
        "greenkeeperio",
        "imgbot",
        "k8s-ci-robot",
        "mend-for-github-com",
        "mergify",
        "pre-commit-ci",
        "prombot",
        "pyup-bot",
        "renovate",
        "semantic-release",
        "semantic-release-bot",
        "snyk-bot",
        "weblate",
        "whitesource-renovate",
        "bot@renovateapp.com",
        "bot@dependabot.com",
        "support@dependabot.com",
        "support@greenkeeper.io",
    )
)
BOT_ENDS = ("-bot", "_bot", " bot")

_SHA = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
_JOINT = re.compile(r"[\s,;]{1,8}(?:and\b\s{0,4}|&\s{0,4})?")
_REFERENCE = re.compile(r"(?P<repository>[\w.-]{1,100}/[\w.-]{1,100})?#(?P<number>[0-9]{1,9})(?![0-9])")
_WEB_NUMBER = re.compile(
    r"https?://[^\s/]{1,200}/(?:api/v3/)?(?:repos/)?(?P<repository>[\w.-]{1,100}/[\w.-]{1,100})/(?:pulls?|issues)/"
    r"(?P<number>[0-9]{1,9})(?![0-9])"
)

_GITHUB_MERGE = re.compile(r"Merge pull request #([0-9]{1,9}) from (?:[^\s/]{1,200}/)?(\S{1,300})")
_BITBUCKET_MERGE = re.compile(r"Merged in (\S{1,300}) \(pull request #([0-9]{1,9})\)")
_BITBUCKET_SERVER = re.compile(r"Pull request #([0-9]{1,9})(?::|$)")
_BITBUCKET_HEAD = re.compile(r"^Merge in \S{1,300} from (\S{1,300}) to ", re.MULTILINE)
_AZURE_MERGE = re.compile(r"Merged PR ([0-9]{1,9})(?::|$)")
_BRANCH_MERGE = re.compile(r"Merge (?:remote-tracking )?branch '(?:(?:refs/remotes/)?origin/)?([^'\s]{1,300})'")
_GITLAB_NUMBER = re.compile(r"^See merge request \S{0,300}!([0-9]{1,9})\s*$", re.MULTILINE)
_SQUASH = re.compile(r"\((?:pull request )?#([0-9]{1,9})\)\Z")

_REVERTS = re.compile(
    r"(?:^[ \t>*-]{0,8}|\bthis (?:commit |change |pull request |PR )?|\bthis )(?:partially |partly )?reverts?:?\s{1,4}"
    r"(?P<commit>(?:merge )?(?:commits?:?|merge|PR|pull request) )?",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?[ \t]{1,4}(?=[\w.-]{0,100}[/#:])", re.IGNORECASE)

_LINE = re.compile(
    r"^[ \t>*_#+-]{0,12}(caused|fixed)[ -]by[ \t*_]{0,6}(:?)[ \t*_]{0,6}([^\n]{0,2000})", re.IGNORECASE | re.MULTILINE
)
_DUPLICATE = re.compile(r"^[ \t>*_-]{0,12}duplicate of:?[ \t*_]{1,6}", re.IGNORECASE | re.MULTILINE)
_WEB_RUN = re.compile(r"https?://\S{1,300}/actions/runs/([0-9]{1,20})(?![0-9])")
_WEB_DEPLOYMENT = re.compile(r"https?://\S{1,300}/deployments/([0-9]{1,20})(?![0-9])")
_WEB_COMMIT = re.compile(r"https?://\S{1,300}/commits?/([0-9a-f]{7,64})(?![0-9a-f])", re.IGNORECASE)
_PLAIN_ID = re.compile(r"(?=[^0-9]{0,99}[0-9])[A-Za-z0-9][A-Za-z0-9._/+:-]{0,99}")


class Message(NamedTuple):
    """What a commit message (or a pull request's title and body) says; lists are text with spaces between.

    `subject` is the first line; `pull_request` the number the subject names; `head_ref` the branch a merge names,
    without its owner; `reverts` shas and "#12"; `closes` "#12".  None where it says nothing.
    """

    subject: str
    pull_request: int | None
    head_ref: str | None
    reverts: str | None
    closes: str | None


class IssueText(NamedTuple):
    """What an issue's body names: shas, "#12", "run:123", "deployment:123" or plain deployment ids; None if nothing."""

    caused_by: str | None
    fixed_by: str | None
    duplicate_of: str | None


def is_bot(name: str | None, email: str | None = None) -> bool:
    """Say whether an author (display name or login, and e-mail) is a program.

    "[bot]" anywhere, a name that ends in "-bot", "_bot" or " bot", or one of `BOTS`.  A person who wrote with a
    tool's help stays a person.
    """
    for text in (name, email):
        low = (text or "").strip().casefold()
        if "[bot]" in low or low in BOTS or low.partition("@")[0].endswith(BOT_ENDS):
            return True
    return False


def read_message(message: str | None, repository: str | None = None) -> Message:
    """Read a commit message, or a pull request's title and body with an empty line between.

    Known are the merges of GitHub, GitLab, Bitbucket and Azure, squashes "title (#12)", git's "This reverts commit …",
    GitHub's "Reverts owner/repo#12" and its closing words, each of which closes the one issue behind it, as on GitHub.
    `Revert "… (#12)"` names no pull request of its own.  With `repository` ("owner/name"), numbers of other
    repositories are left out; without it every "owner/name#12" is "#12".
    """
    text = _without_comments(message or "").strip()
    subject = text.partition("\n")[0].strip()
    number, head = _merge(subject, text)
    return Message(
        subject,
        number,
        head,
        _joined(_reverted(text, repository)),
        _joined(_closed(text, repository)),
    )


def read_issue(body: str | None, repository: str | None = None) -> IssueText:
    """Read the lines "Caused by: …", "Fixed by: …" and "Duplicate of #12" of an issue's body.

    An issue form's heading "### Caused by" counts with the line below it.  Values are shas, numbers, addresses of
    pull requests, commits, runs and deployments, and plain deployment ids, which hold a digit: words, logins and
    e-mails are never taken.
    """
    text = _without_comments(body or "")
    found: dict[str, list[str]] = {"caused": [], "fixed": []}
    for match in _LINE.finditer(text):
        value = match[3]
        if not match[2]:
            if not match[0].lstrip().startswith("#") or value.strip():
                continue
            value = text[match.end() : match.end() + 2000].lstrip().partition("\n")[0]
            if value.startswith(("# ", "##")):
                continue
        found[match[1].lower()] += _evidence(value, repository)
    duplicates = (_number_at(text, match.end(), repository) for match in _DUPLICATE.finditer(text))
    return IssueText(
        _joined(found["caused"]), _joined(found["fixed"]), next((number for number in duplicates if number), None)
    )


def _without_comments(text: str) -> str:
    if "<!--" not in text:
        return text.replace("\r\n", "\n")
    kept, rest = [], text.replace("\r\n", "\n")
    while rest:
        before, opened, after = rest.partition("<!--")
        kept.append(before)
        rest = after.partition("-->")[2] if opened else ""
    return " ".join(kept)


def _merge(subject: str, text: str) -> tuple[int | None, str | None]:
    """Return the pull request's number and the head branch that a subject names, as far as it does."""
    if match := _GITHUB_MERGE.match(subject):
        return int(match[1]), match[2]
    if match := _BITBUCKET_MERGE.match(subject):
        return int(match[2]), match[1]
    if match := _BITBUCKET_SERVER.match(subject):
        head = _BITBUCKET_HEAD.search(text)
        return int(match[1]), head[1] if head else None
    if match := _AZURE_MERGE.match(subject):
        return int(match[1]), None
    if match := _BRANCH_MERGE.match(subject):
        number = _GITLAB_NUMBER.search(text)
        return int(number[1]) if number else None, match[1]
    match = _SQUASH.search(subject)
    return int(match[1]) if match else None, None


def _number(match: re.Match[str] | None, repository: str | None) -> str | None:
    if match is None:
        return None
    other = match["repository"]
    if other and repository and "/" in repository and other.casefold() != repository.casefold():
        return None
    return f"#{int(match['number'])}"


def _number_at(text: str, position: int, repository: str | None) -> str | None:
    match = _REFERENCE.match(text, position) or _WEB_NUMBER.match(text, position)
    return _number(match, repository)


def _reverted(text: str, repository: str | None) -> Iterator[str]:
    """Yield what a text says it reverts, also lists ("commits a, b and c"); never the base of "changes made to"."""
    for match in _REVERTS.finditer(text):
        position, said_commit = match.end(), bool(match["commit"])
        while True:
            sha = _SHA.match(text, position)
            if sha and not _ends_word(text, sha.end()):
                sha = None
            if sha and (said_commit or any(character.isdigit() for character in sha[0])):
                yield sha[0].lower()
                end = sha.end()
            elif reference := _REFERENCE.match(text, position) or _WEB_NUMBER.match(text, position):
                if number := _number(reference, repository):
                    yield number
                end = reference.end()
            else:
                break
            joint = _JOINT.match(text, end)
            if joint is None:
                break
            position = joint.end()


def _ends_word(text: str, position: int) -> bool:
    return position >= len(text) or not (text[position].isalnum() or text[position] == "_")


def _closed(text: str, repository: str | None) -> Iterator[str]:
    for match in _CLOSES.finditer(text):
        if number := _number_at(text, match.end(), repository):
            yield number


def _evidence(value: str, repository: str | None) -> Iterator[str]:
    """Yield what the words of one "Caused by:" or "Fixed by:" line name."""
    for word in re.split(r"[\s,;<>()\[\]`*|]+", value):
        word = word.rstrip(".:!'\"").lstrip("'\"")
        if word.startswith(("http://", "https://")):
            yield from _address(word, repository)
        elif reference := _REFERENCE.fullmatch(word):
            yield from filter(None, [_number(reference, repository)])
        elif _SHA.fullmatch(word):
            yield word.lower()
        elif _PLAIN_ID.fullmatch(word):
            yield word


def _address(word: str, repository: str | None) -> Iterator[str]:
    if match := _WEB_RUN.match(word):
        yield f"run:{match[1]}"
    elif match := _WEB_DEPLOYMENT.match(word):
        yield f"deployment:{match[1]}"
    elif match := _WEB_COMMIT.match(word):
        yield match[1].lower()
    elif number := _number(_WEB_NUMBER.match(word), repository):
        yield number


def _joined(values: Iterator[str] | list[str]) -> str | None:
    return " ".join(dict.fromkeys(values)) or None
