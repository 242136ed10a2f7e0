"""A whole lab of a few rows: stored as GitHub has them, linked by a small ``lab.toml``, asked as everybody asks.

Row builders come from ``made_rows`` (March 2026, shas told by a name).  Nothing here knows an answer.
"""

from datetime import datetime, timedelta
from pathlib import Path

from made_rows import REPOSITORY, at, commit, deployment, issue, label, sha, statuses

from devops_lab import config, delivery, metrics
from devops_lab.metrics.receipt import receipt
from devops_lab.store import NOBODY, Store
from devops_lab.tables import TABLES

EVER = datetime(2000, 1, 1)
AS_OF = datetime(2026, 5, 1)
SINCE = datetime(2026, 3, 1)
MARCH = {"since": "2026-03-01", "until": "2026-04-01"}
ISSUES = {"from": "issues", "labels": ["incident"]}
GITHUB = {"from": "deployments", "environments": ["production"]}
USUAL = {"state": "closed", "is_bot": False, "is_pull_request": False, "annotated": False}


class Lab:
    """A store in the making: `write` rows, `link` them, `write` more, `link` again: what two syncs do."""

    def __init__(self, folder: Path, *services: dict, people=NOBODY) -> None:
        given = [{"name": "checkout", "repository": REPOSITORY, **one} for one in services or ({},)]
        self.settings = config.settings({"service": given}, folder / "lab.toml")
        self.writer, self.people = Store(self.settings.store, latest=True), people
        self.first = self.settings.service[0]
        self.branches = False

    def write(self, **tables: list[dict]) -> "Lab":
        """Store rows; one that names no repository (or service) is of the first service's.

        Where no branches are given, main ends at each repository's last commit.
        """
        own = {"repository": self.first.repository, "service": self.first.name}
        self.branches = self.branches or "branches" in tables
        if not self.branches:
            last = {row.get("repository", self.first.repository): row["sha"] for row in tables.get("commits", [])}
            tables["branches"] = [{"repository": name, "branch": "main", "sha": tip} for name, tip in last.items()]
        for name, rows in tables.items():
            usual = {key: value for key, value in (USUAL | own).items() if key in TABLES[name].names}
            self.writer.write(name, [{**usual, **row} for row in rows], source="github", people=self.people)
        return self

    def link(self, as_of: datetime = AS_OF, since: datetime = EVER) -> Store:
        """Do what ends a sync that asked for everything from `since` to `as_of`; return a handle that reads it."""
        services = delivery.describe(self.settings)
        self.writer.replace("services", services)
        self.writer.write("sync_ledger", ledger(services, since, as_of), source="github")
        self.warnings = delivery.derive(self.writer, self.settings)
        self.writer.commit_snapshot(as_of)
        return Store(self.settings.store)


def built(folder: Path, *services: dict, as_of: datetime = AS_OF, since: datetime = EVER, **tables) -> Store:
    """A store of these rows, in one sync."""
    return Lab(folder, *services).write(**tables).link(as_of, since)


def ledger(services: list[dict], since: datetime, until: datetime) -> list[dict]:
    """One complete question per repository and table that the services' rules read."""
    columns = ("deployment_tables", "change_tables", "failure_tables")
    asked = {
        (one["repository"], name) for one in services for column in columns for name in (one[column] or "").split()
    }
    return [
        {
            "repository": repository, "table_name": name, "window_start": since, "window_end": until,
            "asked": 1, "fetched": 1, "missing": 0, "recorded_at": until,
        }
        for repository, name in sorted(asked)
    ]  # fmt: skip


# ---------------------------------------------------------------- rows


def together(*several: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """Several sets of tables as one."""
    found: dict[str, list[dict]] = {}
    for tables in several:
        for name, rows in tables.items():
            found.setdefault(name, []).extend(rows)
    return found


def of(repository: str, tables: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """The tables as another repository's."""
    return {name: [{"repository": repository, **row} for row in rows] for name, rows in tables.items()}


def deployed(id: int, name: str | None, finished: datetime, state: str = "success", **more) -> dict[str, list[dict]]:
    """Tables of one GitHub deployment of the commit called `name`, made ten minutes before it ended."""
    made = finished - timedelta(minutes=10)
    said = statuses(id, ("in_progress", made), (state, finished))
    return {"github_deployments": [deployment(id, name, made, **more)], "deployment_statuses": said}


def production(names: str, first_day: int = 1, **more) -> dict[str, list[dict]]:
    """One deployment at noon of each day, of the commits told by their names."""
    return together(*(deployed(day, name, at(day), **more) for day, name in enumerate(names.split(), first_day)))


def incident_issue(number: int, opened: datetime, closed: datetime | None = None, *labels: str, **more) -> dict:
    """Tables of one issue labelled as an incident."""
    return {
        "issues": [issue(number, opened, closed, **more)],
        "issue_labels": [label(number, name) for name in ("incident", *labels)],
    }


def line(names: str, first: datetime, every: timedelta = timedelta(days=1), parent: str = "", **more) -> list[dict]:
    """Commits told by their names, each on top of the one before."""
    found = []
    for place, name in enumerate(names.split()):
        found.append(commit(name, parent, first + place * every, **more))
        parent = name
    return found


def pulled(number: int, *commits: tuple[str, datetime], **more) -> list[dict]:
    """What GitHub lists as a pull request's own commits: pairs of name and author date."""
    return [
        {"number": number, "sha": sha(name), "position": place, "authored_at": when, "subject": name, **more}
        for place, (name, when) in enumerate(commits, 1)
    ]


# ---------------------------------------------------------------- questions


def answer(store: Store, name: str, **asked) -> dict:
    """One metric's answer over the window (default: from 1 March on)."""
    [row] = metrics.find(name).window(store, keep_empty=True, **_window(asked)).to_dict("records")
    return row


def counted(store: Store, name: str, **asked) -> dict:
    """id → value of the rows that count."""
    rows = metrics.find(name).observations(store, **_window(asked))
    rows = rows[rows["excluded"].isna()]
    assert rows["id"].is_unique
    return dict(zip(rows["id"], rows["value"], strict=True))


def dates(store: Store) -> dict:
    """id → when it was deployed, of the deployments that count."""
    rows = metrics.find("deployment_frequency").observations(store, since=SINCE)
    rows = rows[rows["excluded"].isna()]
    return dict(zip(rows["id"], rows["occurred_at"], strict=True))


def left_out(store: Store, name: str, **asked) -> dict[str, str]:
    """id → reason of the rows that do not count."""
    rows = metrics.find(name).observations(store, **_window(asked))
    rows = rows[rows["excluded"].notna()]
    return dict(zip(rows["id"], rows["excluded"], strict=True))


def evidence(store: Store, name: str, **asked) -> dict:
    """One metric's receipt."""
    return receipt(metrics.find(name), store, **_window(asked))


def _window(asked: dict) -> dict:
    return asked if {"last", "since"} & asked.keys() else {"since": SINCE, **asked}
