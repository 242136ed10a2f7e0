"""How people are stored: a keyed hash, their names, or not at all; and never an e-mail address.

`People` is applied to each row when it is written, after identities are joined and bots are marked.  The key lies
outside the store (`load_key`), so that who holds the store alone cannot try names against the hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from devops_lab.errors import AccessError
from devops_lab.tables import Table

KEY_VARIABLE = "DEVOPS_LAB_PRIVACY_KEY"
KEY_FILE = "privacy.key"
FORGOTTEN_FILE = "forgotten.txt"
KEY_BYTES = 32
HASH_CHARACTERS = 12
SHORTEST_NAME = 2

# The local part is bounded (RFC 5321), so that a long line without spaces is read in linear time; the last label of
# the domain is letters, so that "lodash@4.17.21" is no address.
EMAIL = re.compile(r"""[^\s@<>()\[\],;:"'\\]{1,64}@(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{1,59}|[^\W\d_]{2,63})(?![\w-])""")
NOREPLY = re.compile(r"(?:\d+\+)?([^@+\s]+)@users\.noreply\.[\w.-]+", re.IGNORECASE)
# A name before a slash is a scope or a team ("@babel/core"), a word character before the @ makes it no mention.
EDITOR_BRANCH = re.compile(r"(?<![\w-])([a-z0-9][a-z0-9-]{0,38})-patch-(?=\d{1,6}(?![\w-]))", re.IGNORECASE)
MENTION = re.compile(r"(?<![\w/.@-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))(?![\w-]*/)(?![\w-])")
FROM_OWNER = re.compile(r"(?<=\bfrom )([A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}))(?=[/:])")
# "Merge branch 'main' of https://github.com/LOGIN/repository", what `git pull` from a fork writes.
OF_OWNER = re.compile(
    r"(?<=\bof )((?:[a-z+]{1,10}://)?(?:git@)?[\w.-]{1,200}[/:])([A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}))(?=/)"
)
PSEUDONYM = re.compile(rf"person-[0-9a-f]{{{HASH_CHARACTERS}}}")
BOT_LOGIN = re.compile(r"[\w.-]+\[bot\]")
ATOM = re.compile(r"[^\W_]+")
MOST_ATOMS = 4  # words, or parts of a login, that a forgotten person's name is looked for in
NOT_SPARED = frozenset({"repository", "service", "source"})  # the names of what is measured


def login_of(email: str | None) -> str | None:
    """Return the login in a GitHub no-reply address (``123+login@users.noreply.github.com``), else None."""
    found = NOREPLY.fullmatch(email.strip()) if email else None
    return found.group(1) if found else None


@lru_cache(maxsize=65536)
def _pseudonym(key: bytes, name: str) -> str:
    digest = hmac.new(key, name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return f"person-{digest[:HASH_CHARACTERS]}"


@lru_cache(maxsize=65536)
def _forgotten_mark(key: bytes, name: str) -> str:
    person = name if PSEUDONYM.fullmatch(name) else _pseudonym(key, name.casefold())
    return hmac.new(key, f"forgotten {person}".encode(), hashlib.sha256).hexdigest()


def people_in(table: Table) -> set[str]:
    """Return the columns of `table` that tell of people: their names, and text they typed."""
    return {column.name for column in table.columns if column.personal or column.free}


@dataclass(frozen=True)
class People:
    """What is stored of people: ``pseudonym`` (keyed hash "person-…"), ``names`` (as they are) or ``none`` (nothing).

    Bots ("…[bot]") are no people and keep their names.  Text that people typed loses e-mail addresses always, and
    under the first and last policy also the row's own people, "@mentions" and the owner in "from LOGIN/branch" and in
    "of https://HOST/LOGIN/…", unless that is the repository's own.
    Whose keyed hash is in `forgotten` is in no row, under any policy.  Applying it twice changes nothing.

    Errors: AccessError for pseudonyms or forgotten people without a key.
    """

    policy: Literal["pseudonym", "names", "none"]
    key: bytes | None = field(repr=False)
    forgotten: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.forgotten and not self.key:
            raise AccessError(
                f"people were forgotten here, but there is no key to know them by; set {KEY_VARIABLE} to the key that "
                f"was used then, or they come back: {FORGOTTEN_FILE} lies beside lab.toml"
            )
        if self.policy == "pseudonym" and not self.key:
            raise AccessError(
                f'people are stored as pseudonyms, but there is no key; set {KEY_VARIABLE}, or people = "none" in '
                "[privacy] of lab.toml"
            )

    def name(self, value: str | None) -> str | None:
        """Return what is stored for one person: hash, name or None; one person's no-reply address and login agree."""
        if not value or not value.strip():
            return None
        value = login_of(value) or value.strip()
        if self.is_forgotten(value):
            return None
        if PSEUDONYM.fullmatch(value) or BOT_LOGIN.fullmatch(value):
            return value
        if self.policy == "names" and "@" not in value:
            return value
        if self.policy == "none" or not self.key:
            return None
        return _pseudonym(self.key, value.casefold())

    def apply(self, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return `row` of `table` as it may be stored: personal columns replaced, free text cleaned."""
        kept = dict(row)
        people, free = [], []
        owner = str(kept.get("repository") or "").partition("/")[0]
        for column in table.columns:
            value = kept.get(column.name) if column.personal or column.free else None
            if not isinstance(value, str):
                continue
            if column.personal:
                people.append(value)
                kept[column.name] = self.name(value)
            else:
                free.append(column.name)
        for name in free:
            kept[name] = self._clean(kept[name], people, owner)
        return self.spare(table, kept) if self.forgotten else kept

    def is_forgotten(self, name: str) -> bool:
        """Say whether a login, name or pseudonym is that of somebody who was forgotten."""
        return bool(self.forgotten) and self.mark(name) in self.forgotten

    def mark(self, name: str) -> str:
        """Return what stands for a login, name or pseudonym in the list of forgotten people: a keyed hash of it."""
        assert self.key is not None  # as __post_init__ has checked
        return _forgotten_mark(self.key, login_of(name) or name.strip())

    def pseudonym(self, name: str) -> str:
        """Return the keyed hash that stands for a login or name where people are pseudonyms."""
        assert self.key is not None  # as __post_init__ has checked
        return _pseudonym(self.key, (login_of(name) or name.strip()).casefold())

    def spare(self, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return `row` without the forgotten people: their names are empty, and "someone" inside a text.

        The names of repositories and services stay, and addresses in a repository of their own.
        """
        kept = dict(row)
        owner = str(kept.get("repository") or "").partition("/")[0]
        for column in table.columns:
            value = kept.get(column.name)
            if not isinstance(value, str) or column.name in NOT_SPARED:
                continue
            if column.name.endswith("url") and owner and self.is_forgotten(owner):
                continue
            if self.is_forgotten(value):
                kept[column.name] = "someone" if column.required else None
            else:
                kept[column.name] = self._without_forgotten(value)
        return kept

    def _without_forgotten(self, text: str) -> str:
        """Return `text` with "someone" for each name of one to four words, or parts of a login, that is forgotten."""
        atoms = [found.span() for found in ATOM.finditer(text)]
        parts, end, place = [], 0, 0
        while place < len(atoms):
            for last in range(min(place + MOST_ATOMS, len(atoms)) - 1, place - 1, -1):
                start, after = atoms[place][0], atoms[last][1]
                if (
                    after - start >= SHORTEST_NAME
                    and _forgotten_mark(self.key or b"", text[start:after]) in self.forgotten
                ):
                    parts += [text[end:start], "someone"]
                    end, place = after, last
                    break
            place += 1
        return "".join([*parts, text[end:]]) if parts else text

    def _clean(self, text: str, people: list[str], owner: str) -> str:
        if "@" in text:
            text = EMAIL.sub(lambda found: self.name(found.group()) or "[e-mail]", text)
        if self.policy == "names":
            return text
        for person in sorted(people, key=len, reverse=True):
            person = login_of(person) or person.strip()
            if len(person) >= SHORTEST_NAME and not PSEUDONYM.fullmatch(person):
                own = re.compile(rf"(?<![\w-]){re.escape(person)}(?![\w-]|\[bot\])", re.IGNORECASE)
                text = own.sub(lambda found, person=person: self._stand_in(person), text)  # type: ignore[misc]
        text = EDITOR_BRANCH.sub(lambda found: f"{self._stand_in(found.group(1))}-patch-", text)
        text = FROM_OWNER.sub(lambda found: self._stand_in(found.group(1)), text)
        text = OF_OWNER.sub(
            lambda found: (
                found.group(1) + (found.group(2) if found.group(2) == owner else self._stand_in(found.group(2)))
            ),
            text,
        )
        if "@" in text:
            text = MENTION.sub(lambda found: f"@{self._stand_in(found.group(1))}", text)
        return text

    def _stand_in(self, name: str) -> str:
        return self.name(name) or "someone"


def config_folder() -> Path:
    """Return the user's folder for this lab: ``$XDG_CONFIG_HOME/devops-lab``, else ``~/.config/devops-lab``."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "devops-lab"


def load_key(folder: str | Path | None = None) -> bytes:
    """Return the key of the pseudonyms: ``DEVOPS_LAB_PRIVACY_KEY``, else the file ``privacy.key`` in `folder`.

    The file is made once (mode 0600) when it is not there; `folder` (default `config_folder`) must lie outside the
    store.  Two people who share a store share the key, or one person gets two pseudonyms.  Errors: AccessError.
    """
    given = os.environ.get(KEY_VARIABLE, "").strip()
    if given:
        return given.encode()
    path = (Path(folder) if folder is not None else config_folder()) / KEY_FILE
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes().strip()
    except OSError as problem:
        raise AccessError(
            f"the privacy key {path} cannot be read or made ({problem.strerror}); set {KEY_VARIABLE} instead"
        ) from problem
    if not key:
        raise AccessError(f"the privacy key {path} is empty; bring back its copy, or delete it to begin anew")
    return key


def forgotten_in(folder: str | Path) -> frozenset[str]:
    """Return the keyed hashes in ``forgotten.txt`` of `folder` (where lab.toml lies); none where there is no file."""
    path = Path(folder) / FORGOTTEN_FILE
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    except OSError as problem:
        raise AccessError(f"{path} cannot be read ({problem.strerror}); it keeps forgotten people away") from problem
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def remember_to_forget(folder: str | Path, mark: str) -> None:
    """Add a keyed hash to ``forgotten.txt`` in `folder`, once; the file is whole at every moment."""
    path, known = Path(folder) / FORGOTTEN_FILE, forgotten_in(folder)
    if mark in known:
        return
    head = "# Keyed hashes of people who asked to be forgotten: written by `devops-lab forget`, read by every sync.\n"
    before = path.read_text("utf-8") if path.exists() else head
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(f"{before.rstrip()}\n{mark}\n", "utf-8")
    unfinished.replace(path)


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it there: of two processes one wins, and no half key is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()
