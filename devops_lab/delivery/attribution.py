"""Which deployment a failure is charged to, on what evidence, when it began and when it was over.

Best evidence first, and the grade is stored: (1) ``correction`` by a person; (2) ``link``, an explicit reference to a
deployment, run, sha or pull request; (3) ``remedy``, the remedy names what it mends; (4) ``window``, the latest earlier
deployment of the same service within the attribution window (both ends included).  Else it is unattributed, shown as
such, and out of the rate.  An incident that nobody reported, but that was inferred from the service levels after a
deployment, is charged to that deployment with a grade of its own, ``impact``: only a person's correction goes before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devops_lab import config
from devops_lab.delivery.references import History, words
from devops_lab.delivery.remedies import Remedy
from devops_lab.delivery.rollouts import Row

CORRECTION, LINK, REMEDY, WINDOW, IMPACT = "correction", "link", "remedy", "window", "impact"
DUPLICATE, NOT_A_CHANGE, BY_CORRECTION = "duplicate", "not a change", "by correction"


@dataclass
class Court:
    """Charges a service's failures: its history, what people corrected, and the warnings that come up.

    `corrected` maps incident id → deployment, as people said; `inferred` likewise, as the service levels tell.
    """

    service: config.Service
    history: History
    corrected: Mapping[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    inferred: Mapping[str, str] = field(default_factory=dict)

    def failures(self, incidents: Sequence[Row], remedies: Iterable[Remedy]) -> list[Row]:
        """Return the rows of ``failures``: one per incident, and one per remedy that no incident asked for.

        A remedy that closes an incident, or that the incident names, joins the incident's failure and makes no row of
        its own, unless all it takes back came after the incident began: then it mends something else.  A duplicate's
        evidence and remedies are the original's too.
        """
        repeats = originals(incidents)
        began = {row["id"]: row["started_at"] for row in incidents}
        joined: dict[str, list[Remedy]] = defaultdict(list)
        alone = []
        for remedy in remedies:
            closed = {repeats.get(id, id) for id in remedy.closes} | remedy.closes
            mended = {id for id in closed if id not in began or self._could_mend(remedy, began[id])}
            for incident in mended:
                joined[incident].append(remedy)
            if not mended and remedy.kind != "fix":
                alone.append(remedy)
        named: dict[str, list[str]] = defaultdict(list)
        for row in sorted(incidents, key=lambda row: (row["id"] in repeats, row["id"])):
            id: str = row["id"]
            named[repeats.get(id, id)] += words(row.get("caused_by"))
        rows = [
            self._incident(row, joined[row["id"]], named.get(row["id"]) or words(row.get("caused_by")))
            for row in incidents
        ]
        return rows + [row for remedy in alone for row in self._remedy(remedy)]

    def _incident(self, incident: Row, remedies: list[Remedy], named: list[str]) -> Row:
        began = incident["started_at"]
        deployment, grade = self._charge(incident, remedies, named)
        ends = {
            remedy: self._end(remedy)
            for remedy in remedies
            if remedy.excluded is None and (self._end(remedy) or began) >= began
        }
        done = [(end, remedy.id, remedy) for remedy, end in ends.items() if end is not None]
        remedy = min(done, key=lambda item: item[:2])[2] if done else min(ends, key=lambda r: r.id, default=None)
        recovered = [moment for moment in (incident.get("resolved_at"), *(end for end, _, _ in done)) if moment]
        excluded = DUPLICATE if incident.get("duplicate_of") else NOT_A_CHANGE if incident.get("not_a_change") else None
        return {
            "service": self.service.name,
            "repository": self.service.repository,
            "failure_id": f"incident:{incident['id']}",
            "source_kind": "incident",
            "incident_id": incident["id"],
            "remedy": remedy.kind if remedy else None,
            "remedy_id": remedy.id if remedy else None,
            "remedy_deployment_id": remedy.deployment_id if remedy else None,
            "deployment_id": deployment,
            "grade": grade,
            "started_at": began,
            "recovered_at": min(recovered, default=None),
            "excluded": excluded,
            "title": incident.get("title"),
            "url": incident.get("url"),
        }

    def _charge(self, incident: Row, remedies: list[Remedy], named: list[str]) -> tuple[str | None, str | None]:
        """Return the deployment and the grade.

        Where a link or a remedy names a change whose deployment is not known (not deployed, or before records), nobody
        is charged: the window would charge a deployment that is known to be innocent.
        """
        began = incident["started_at"]
        if incident["id"] in self.corrected:
            return self.corrected[incident["id"]], CORRECTION
        if incident["id"] in self.inferred:
            return self.inferred[incident["id"]], IMPACT
        found, known = self._linked(incident, named)
        if known:
            cause = self._latest(found, began)
            return cause, LINK if cause else None
        mends = [id for remedy in remedies if remedy.excluded is None for id in remedy.mends if self._before(id, began)]
        if mends:
            return self._latest(mends, began), REMEDY
        if any(remedy.before_records for remedy in remedies):
            return None, None
        return self._within(began)

    def _could_mend(self, remedy: Remedy, began: datetime) -> bool:
        """Say whether what the remedy names was there when the incident began; one that names nothing may mend all."""
        return not remedy.mends or any(self._before(id, began) for id in remedy.mends)

    def _before(self, id: str, began: datetime) -> bool:
        finished: datetime | None = self.history.deployment[id]["finished_at"]
        return finished is not None and finished <= began

    def _linked(self, incident: Row, named: list[str]) -> tuple[list[str], bool]:
        found, known = [], False
        for text in named:
            there, deployment = self.history.named(text)
            known = known or there
            if deployment is not None:
                found.append(deployment)
            if not there:
                self.warnings.append(
                    f"service {self.service.name!r}: incident {incident['id']} names {text!r} as its cause, which "
                    "is no deployment, run, commit or pull request known here"
                )
        return found, known

    def _latest(self, ids: Iterable[str], began: datetime) -> str | None:
        """Of several deployments return the latest that had finished when the failure began, else the earliest."""
        ends = [(self.history.deployment[id]["finished_at"], id) for id in set(ids)]
        ordered = sorted((end, id) for end, id in ends if end is not None)
        before = [id for end, id in ordered if end <= began]
        return before[-1] if before else min((id for _, id in ordered[:1] or ends), default=None)

    def _within(self, until: datetime) -> tuple[str | None, str | None]:
        window = timedelta(hours=self.service.attribution_window)
        found = self.history.latest(until - window, until)
        return found, WINDOW if found else None

    def _end(self, remedy: Remedy) -> datetime | None:
        """Return when the remedy was deployed; None while it is not."""
        place = self.history.place.get(remedy.deployment_id or "")
        return None if place is None else self.history.finished[place]

    def _remedy(self, remedy: Remedy) -> list[Row]:
        """Return one row per deployment that the remedy mends; one without a deployment where that is not known."""
        mends: Sequence[str | None] = remedy.mends or [None]
        grade = REMEDY if remedy.mends else None
        if remedy.seek_until is not None:
            found = self._sought(remedy, remedy.seek_until)
            mends, grade = [found], WINDOW if found else None
        rows = []
        for number, mended in enumerate(mends, 1):
            rows.append(
                {
                    "service": self.service.name,
                    "repository": self.service.repository,
                    "failure_id": f"remedy:{remedy.id}" + (f" ({number})" if number > 1 else ""),
                    "source_kind": "remedy",
                    "incident_id": None,
                    "remedy": remedy.kind,
                    "remedy_id": remedy.id,
                    "remedy_deployment_id": remedy.deployment_id,
                    "deployment_id": mended,
                    "grade": grade,
                    "started_at": remedy.first_seen,
                    "recovered_at": self._end(remedy),
                    "excluded": remedy.excluded,
                    "title": remedy.title,
                    "url": remedy.url,
                }
            )
        return rows

    def _sought(self, remedy: Remedy, until: datetime) -> str | None:
        """Return the latest deployment in the window before the hotfix's first commit, itself not among them."""
        own = self._end(remedy)
        found, _ = self._within(until if own is None else min(until, own))
        return found if found and self.history.earlier(found, remedy.deployment_id) else None


def originals(incidents: Sequence[Row]) -> dict[str, str]:
    """Return duplicate's id → the id of the incident it repeats, where both are known (chains lead to their end)."""
    repeats = {row["id"]: row["duplicate_of"] for row in incidents if row.get("duplicate_of")}
    known = {row["id"] for row in incidents}
    found: dict[str, str] = {}
    for id, original in repeats.items():
        seen = {id}
        while original in repeats and original not in seen:
            seen.add(original)
            original = repeats[original]
        if original in known and original not in seen:
            found[id] = original
    return found


def rework(
    service: config.Service, history: History, remedies: Iterable[Remedy], planned: Mapping[str, bool]
) -> dict[str, tuple[bool, str | None]]:
    """Return deployment id → (unplanned, why) for the deployments that count.

    Unplanned is a rollback, a patch release where the rule says so, one that an incident names as its remedy, and one
    that carries a remedy (any of its changes, or only when all of them are).  `planned` is what people corrected.
    """
    changes: dict[str, int] = defaultdict(int)
    for row in history.result.values():
        if row.get("deployment_id") and not row.get("excluded"):
            changes[row["deployment_id"]] += 1
    carried: dict[str, list[Remedy]] = defaultdict(list)
    reasons: dict[str, str] = {}
    for remedy in remedies:
        if remedy.deployment_id is None or remedy.deployment_id not in history.place or remedy.excluded:
            continue
        if remedy.id == remedy.deployment_id:
            reasons[remedy.id] = _reason(remedy)
        else:
            carried[remedy.deployment_id].append(remedy)
    for id, found in carried.items():
        if service.rework.of_changes == "any" or len(found) >= changes[id]:
            reasons.setdefault(id, f"carries {', '.join(_reason(remedy) for remedy in found)}")
    answer = {row["id"]: (row["id"] in reasons, reasons.get(row["id"])) for row in history.ordered}
    for id, unplanned in planned.items():
        answer[id] = (unplanned, BY_CORRECTION)
    return answer


def _reason(remedy: Remedy) -> str:
    if remedy.kind == "rollback":
        return f"rollback of {remedy.mends[0]}"
    if remedy.kind == "patch_release":
        return f"patch release of {remedy.mends[0]}" if remedy.mends else "patch release"
    if remedy.id == remedy.deployment_id:
        return f"remedy of {', '.join(sorted(remedy.closes))}"
    return f"{remedy.kind} {remedy.id}"
