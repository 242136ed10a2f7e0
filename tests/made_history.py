"""A made-up git history: a year of a small team's work, written by git itself, the same for the same seed.

It exists so that ``devops-lab init`` in an empty folder leaves something to look at.  Pull requests are squashed,
releases come every week or two, and about one in eight is followed by a patch release within a day or two.
"""

from __future__ import annotations

import random
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from devops_lab.errors import SourceError

DAYS = 365
SUBJECTS = ("Add", "Fix", "Speed up", "Rename", "Document", "Simplify", "Test", "Remove")
THINGS = ("the search page", "checkout", "the retry loop", "price rounding", "the audit log", "image upload", "sign-in")


def make_sample(destination: Path, until: datetime, seed: int = 1) -> Path:
    """Make the bare repository `destination` whose history ends at `until` (naive UTC); return its path.

    Errors: SourceError when git is not there or refuses.
    """
    try:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", destination], check=True, capture_output=True)
        subprocess.run(
            ["git", "-C", destination, "fast-import", "--quiet"],
            input="".join(_history(until, random.Random(seed))).encode(),
            check=True,
            capture_output=True,
        )
    except FileNotFoundError as problem:
        raise SourceError("git is not installed; install it (Debian: apt-get install git)") from problem
    except subprocess.CalledProcessError as problem:
        raise SourceError(f"git could not write {destination}: {problem.stderr.decode(errors='replace')}") from problem
    return destination


def _history(until: datetime, chance: random.Random) -> list[str]:
    out: list[str] = []
    now, number, minor = until - timedelta(days=DAYS), 0, 0
    next_release = now + timedelta(days=7)
    while True:
        now += timedelta(hours=chance.expovariate(1 / (60 if now.weekday() >= 5 else 14)))
        if now >= until:
            return out
        number += 1
        out.append(_commit(number, now, now - timedelta(hours=chance.lognormvariate(2.6, 1.1)), chance))
        if now >= next_release:
            minor += 1
            out.append(_tag(f"v1.{minor}.0", number, now + timedelta(minutes=20)))
            next_release = now + timedelta(days=chance.choice((6, 7, 7, 9, 13)))
            if chance.random() < 1 / 8:
                mended = now + timedelta(hours=chance.lognormvariate(2.0, 0.8))
                if mended < until:
                    number += 1
                    out.append(_commit(number, mended, mended - timedelta(hours=1), chance))
                    out.append(_tag(f"v1.{minor}.1", number, mended + timedelta(minutes=20)))
                    now = mended


def _commit(number: int, committed: datetime, authored: datetime, chance: random.Random) -> str:
    subject = f"{chance.choice(SUBJECTS)} {chance.choice(THINGS)} (#{number})"
    person = f"person-{chance.randrange(6)} <p{chance.randrange(6)}@users.invalid>"
    return (
        f"commit refs/heads/main\nmark :{number}\nauthor {person} {_seconds(authored)} +0000\n"
        f"committer {person} {_seconds(committed)} +0000\ndata {len(subject)}\n{subject}\n"
        + (f"from :{number - 1}\n" if number > 1 else "")
        + "\n"
    )


def _tag(name: str, commit: int, moment: datetime) -> str:
    return f"tag {name}\nfrom :{commit}\ntagger release <release@users.invalid> {_seconds(moment)} +0000\ndata 0\n\n"


def _seconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1)).total_seconds())
