"""A made-up organisation of some 60 deployments and 300 changes, as GitHub's tables have it; seeded, always the same.

Four services in three repositories: ``shop`` (GitHub deployments to two regions), ``bank`` (deploy jobs of a workflow),
``web`` and ``api`` (parts of one repository, released by tags).  `known_by` is the world as it was at an earlier
instant: what came later is not there, what changed later is as it was.
"""

import random
from collections import defaultdict
from datetime import datetime, timedelta

from made_rows import commit, deployment, issue, job, label, pull, run, statuses
from trap_lab import ISSUES, pulled

from devops_lab.tables import TABLES

BEGIN = datetime(2026, 1, 5)
END = datetime(2026, 5, 4)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
REWORK = {"labels": ["hotfix"], "branches": ["hotfix/*"]}
SERVICES = [
    {
        "name": "shop", "team": "retail", "repository": "acme/shop", "incident": ISSUES, "rework": REWORK,
        "deployment": {"from": "deployments", "environments": ["production-*"]},
    },
    {
        "name": "bank", "team": "money", "repository": "acme/bank", "incident": ISSUES, "rework": REWORK,
        "deployment": {"from": "workflow", "workflow": "deploy.yml", "jobs": ["deploy"]},
    },
    *(
        {
            "name": name, "repository": "acme/mono", "paths": [f"{name}/**"], "incident": ISSUES,
            "deployment": {"from": "tags", "tags": [f"{name}-v*"]}, "rework": {"patch_releases": True},
        }
        for name in ("web", "api")
    ),
]  # fmt: skip

Tables = dict[str, list[dict]]


class Story:
    """One repository's history, told a step at a time; `now` only goes forward."""

    def __init__(self, dice: random.Random, name: str) -> None:
        self.dice, self.name, self.repository = dice, name, f"acme/{name}"
        self.tables: Tables = defaultdict(list)
        self.now, self.count = BEGIN, 0
        self.main: list[tuple[datetime, str]] = []
        self.released: list[str] = []
        self.changes: list[str] = []
        self.incidents: list[int] = []
        self.direct()

    def add(self, table: str, **row) -> None:
        self.tables[table].append({"repository": self.repository, **row})

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def wait(self, least: float, most: float) -> datetime:
        self.now += self.dice.randrange(int(least * 60), int(most * 60)) * MINUTE
        return self.now

    def commit(self, parents: list[str], when: datetime, **more) -> str:
        name = f"{self.name}-{self.fresh()}"
        row = commit(name, "", when, **more)
        row["parents"] = " ".join(parents)
        self.add("commits", **row)
        for part in self.dice.sample(["web", "api", "docs"], self.dice.choice([1, 1, 2])):
            self.add("commit_files", sha=row["sha"], path=f"{part}/{name}")
        return row["sha"]

    def direct(self) -> None:
        """A commit on main without a pull request."""
        more = {"is_bot": self.dice.random() < 0.06}
        if self.changes and self.dice.random() < 0.08:
            more |= {"reverts": self.dice.choice(self.changes[-12:]), "subject": "Revert it"}
        tip = [self.main[-1][1]] if self.main else []
        made = self.commit(tip, self.now, authored_at=self.now - self.dice.randrange(300) * MINUTE, **more)
        self.main.append((self.now, made))
        self.changes.append(made)

    def pull(self) -> None:
        """A pull request of one to four commits, merged by one of the three buttons, or never."""
        number, how = self.fresh(), self.dice.choice(["merge", "squash", "squash", "rebase", "never"])
        places = range(self.dice.randrange(1, 5))
        authored = sorted(self.now - self.dice.randrange(30, 6000) * MINUTE for _ in places)
        authored = [max(when, BEGIN) for when in authored]
        base = max((when, one) for when, one in self.main if when <= authored[0])[1]
        tip, result = self.main[-1][1], None
        names, own = [f"{self.name}-{number}-{place}" for place in places], []
        if how == "merge":
            for name, when in zip(names, authored, strict=True):
                base = self.commit([base], when, subject=name)
                own.append(base)
            result = self.commit([tip, base], self.now, subject=f"Merge pull request #{number} from acme/work-{number}")
        elif how == "squash":
            result = self.commit([tip], self.now, subject=f"pull {number} (#{number})")
        elif how == "rebase":
            result = tip
            for name, when in zip(names, authored, strict=True):
                result = self.commit([result], self.now, authored_at=when, subject=name)
        merged = {"merged_at": self.now if result else None, "merge_commit_sha": result, "closed_at": self.now}
        more = self.said(number) if result else {"state": "open", "closed_at": None}
        self.tables["pull_requests"].append(
            {"repository": self.repository, **pull(number, None, authored[0], **{**merged, "state": "closed", **more})}
        )
        for row, made in zip(
            pulled(number, *zip(names, authored, strict=True)), own or [None] * len(names), strict=True
        ):
            self.add(
                "pull_request_commits", **row | ({"sha": made} if made else {}) | {"committed_at": row["authored_at"]}
            )
        if result:
            self.main.append((self.now, result))
            self.changes.append(f"#{number}")

    def said(self, number: int) -> dict:
        """What a pull request says of itself; at times it reverts, mends, or closes an incident."""
        chance = self.dice.random()
        if chance < 0.08:
            closes = str(self.incidents[-1]) if self.incidents and chance < 0.04 else None
            return {"reverts": self.dice.choice(self.changes[-12:]), "title": "Revert it", "closes": closes}
        if chance < 0.14:
            self.add("issue_labels", **label(number, "hotfix", True))
        elif chance < 0.2:
            return {"head_ref": "hotfix/now"}
        elif chance < 0.26 and self.incidents:
            return {"closes": str(self.incidents[-1])}
        return {"is_bot": chance > 0.94}

    def incident(self, cause: str | None) -> None:
        """An issue that opens a while after a deployment, and is closed most of the time."""
        number, opened = self.fresh(), self.now + self.dice.randrange(20, 1800) * MINUTE
        closed = opened + self.dice.randrange(30, 4000) * MINUTE if self.dice.random() < 0.8 else None
        row = issue(number, opened, closed, caused_by=cause if self.dice.random() < 0.3 else None)
        if closed and self.dice.random() < 0.2:
            row |= {"closed_at": None}
            self.add("issue_events", id=number, number=number, event="closed", created_at=closed)
        self.add("issues", **row)
        self.add("issue_labels", **label(number, "incident"))
        for name, chance in (("not-a-change", 0.12), ("duplicate", 0.15)):
            if self.dice.random() < chance:
                self.add("issue_labels", **label(number, name))
        self.incidents.append(number)

    def work(self, changes: int) -> None:
        for _ in range(changes):
            self.wait(1, 36)
            self.pull() if self.dice.random() < 0.7 else self.direct()

    def chosen(self) -> str:
        """The sha to roll out: main's newest, at times one that was there before."""
        back = self.released[:-1] if self.dice.random() < 0.1 else []
        return self.dice.choice(back or [self.main[-1][1]])


def shop(dice: random.Random, rollouts: int) -> Story:
    """A run makes one GitHub deployment for each region; one red region makes it fail, and it is run again."""
    story = Story(dice, "shop")
    for _ in range(rollouts):
        story.work(dice.randrange(2, 9))
        target, number = story.chosen(), story.fresh()
        for attempt in (1, 2):
            began, failed = story.wait(0.1, 0.5), dice.random() < 0.15
            for place, region in enumerate(("eu", "us")):
                id, ended = story.fresh(), story.wait(0.1, 0.3)
                state = "failure" if failed and place else "success"
                row = deployment(id, None, began + MINUTE, f"production-{region}", number, sha=target)
                story.add("github_deployments", **row)
                for one in statuses(
                    id, ("in_progress", began + MINUTE), (state, ended), ("inactive", ended + 90 * HOUR)
                ):
                    story.add("deployment_statuses", **one)
                story.add("deployment_statuses", **statuses(id, *[("queued", began)] * 4)[3])
            end = story.wait(0.02, 0.1)
            story.add(
                "workflow_runs", **run(number, attempt, "", began, end, "failure" if failed else "success", sha=target)
            )
            if not failed:
                story.released.append(target)
                break
        if dice.random() < 0.3 and not failed:
            story.incident(f"deployment:{id - 1}")
    return story


def bank(dice: random.Random, rollouts: int) -> Story:
    """Test and deploy jobs of a run; the deploy job may fail, be cancelled or skipped, and be run again."""
    story = Story(dice, "bank")
    for _ in range(rollouts):
        story.work(dice.randrange(2, 9))
        target, number, made = story.chosen(), story.fresh(), story.now
        for attempt in (1, 2):
            began, ended = story.wait(0.1, 0.5), story.wait(0.2, 0.6)
            word = dice.choice(["success"] * 8 + ["failure", "cancelled", "skipped"])
            story.add("workflow_jobs", **job(story.fresh(), number, attempt, "test", began, began + MINUTE, "success"))
            story.add("workflow_jobs", **job(story.fresh(), number, attempt, "deploy", began + MINUTE, ended, word))
            end = story.wait(0.02, 0.1)
            row = run(number, attempt, "", began, end, word if word != "skipped" else "success", sha=target)
            story.add("workflow_runs", **row | {"created_at": made})
            if word in ("success", "skipped"):
                break
        if word == "success":
            story.released.append(target)
            if dice.random() < 0.3:
                story.incident(f"run:{number}/{attempt}")
    return story


def mono(dice: random.Random, releases: int) -> Story:
    """Two parts take turns to release; at times a patch release follows."""
    story, versions = Story(dice, "mono"), {"web": (1, 0), "api": (1, 0)}
    for place in range(releases):
        story.work(dice.randrange(2, 7))
        part = ("web", "api")[place % 2]
        minor, patch = versions[part]
        versions[part] = (minor, patch + 1) if dice.random() < 0.3 else (minor + 1, 0)
        tag = f"{part}-v1.{versions[part][0]}.{versions[part][1]}"
        story.add("tags", tag=tag, sha=story.main[-1][1], annotated=True, tagged_at=story.wait(0.1, 1))
        if dice.random() < 0.3:
            story.incident(None)
    return story


def made(seed: int = 4) -> Tables:
    """The whole world, main's history beside it as `branches` of an instant each (see `known_by`)."""
    found: Tables = defaultdict(list)
    for number, (tell, count) in enumerate(((shop, 24), (bank, 20), (mono, 16))):
        story = tell(random.Random(seed * 10 + number), count)
        assert story.now < END, (story.name, story.now)
        for name, rows in story.tables.items():
            found[name] += rows
        found["repositories"].append({"repository": story.repository, "default_branch": "main"})
        found["branches"] += [
            {"repository": story.repository, "branch": "main", "sha": tip, "moved_at": when} for when, tip in story.main
        ]
    return dict(found)


def known_by(world: Tables, moment: datetime) -> Tables:
    """What GitHub would have answered at `moment`."""
    kept: Tables = {}
    for name, rows in world.items():
        born = {"pull_request_commits": "committed_at", "branches": "moved_at", "workflow_jobs": "started_at"}.get(
            name, TABLES[name].born
        )
        kept[name] = [_as_it_was(name, row, moment) for row in rows if born is None or row[born] <= moment]
    tips = {row["repository"]: row for row in kept["branches"]}  # of each main the last that is known
    kept["branches"] = [{key: tip[key] for key in ("repository", "branch", "sha")} for tip in tips.values()]
    there = {(row["repository"], row["number"]) for name in ("issues", "pull_requests") for row in kept.get(name, [])}
    kept["issue_labels"] = [row for row in kept["issue_labels"] if (row["repository"], row["number"]) in there]
    return kept


def _as_it_was(name: str, row: dict, moment: datetime) -> dict:
    ended = row.get({"workflow_runs": "updated_at", "workflow_jobs": "completed_at", "issues": "updated_at",
                     "pull_requests": "merged_at"}.get(name, ""))  # fmt: skip
    if ended is None or ended <= moment:
        return row
    if name == "workflow_runs":
        return {**row, "status": "in_progress", "conclusion": None, "updated_at": None}
    if name == "workflow_jobs":
        return {**row, "status": "in_progress", "conclusion": None, "completed_at": None}
    if name == "issues":
        return {**row, "state": "open", "closed_at": None, "updated_at": row["created_at"]}
    return {**row, "state": "open", "merged_at": None, "merge_commit_sha": None, "closed_at": None}
