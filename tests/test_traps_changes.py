"""Traps 18–25 of linking changes, from stored rows to the number."""

from datetime import timedelta

import pytest
from made_rows import at, commit, pull, sha
from trap_lab import (
    GITHUB,
    answer,
    built,
    counted,
    deployed,
    evidence,
    left_out,
    line,
    of,
    production,
    pulled,
    together,
)

from devops_lab import metrics

HOUR = timedelta(hours=1)
MERGES = {"from": "merges"}
BEFORE, WAITING, UNKNOWN = "deployed before records", "not deployed yet", "deployment unknown"


def test_trap_18_what_the_first_deployment_carries_is_listed_not_counted(tmp_path):
    """Elsewhere: "Commits older than the first known deployment all landed on one" (apache/devlake #8249): three are
    400 days old."""
    commits = [*line("o1 o2 o3", at(1) - timedelta(days=400)), commit("new", "o3", at(2, "08:00"))]
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, **production("o3 new"))
    found = answer(store, "change_lead_time")
    assert (found["value"], found["n"]) == (4.0, 1)  # 08:00 to noon; with the old ones it would be some 400 days
    assert left_out(store, "change_lead_time") == {sha(name): BEFORE for name in ("o1", "o2", "o3")}
    assert {row["reason"] for row in evidence(store, "change_lead_time")["excluded"]} == {BEFORE}


def test_trap_19_an_unknown_sha_makes_its_changes_unknown(tmp_path):
    """Elsewhere: "An unknown previous sha made the whole history "new"" (apache/devlake, in code)."""
    made = together(production("a"), deployed(2, "gone", at(2)), production("c d", 3))
    store = built(tmp_path, {"deployment": GITHUB}, commits=line("a b c d", at(1, "08:00")), **made)
    # b and c may have been in what was deployed on the 2nd; d, 08:00 of the 4th to noon, is known to be new
    assert counted(store, "change_lead_time") == {sha("d"): 4.0}
    assert left_out(store, "change_lead_time") == {sha("a"): BEFORE, sha("b"): UNKNOWN, sha("c"): UNKNOWN}
    assert answer(store, "deployment_frequency")["n"] == 4  # all four did happen


def test_trap_20_without_a_deployment_there_is_no_lead_time(tmp_path):
    """Elsewhere: "Lead time shown although nothing was deployed" (apache/devlake #4853): waiting changes are listed."""
    pulls = [pull(12, "b", at(2, "09:00"))]
    commits = line("a b", at(1, "08:00"))
    # one run failed, one goes to staging, one has not ended
    made = together(
        deployed(1, "b", at(2), "failure"), deployed(2, "b", at(3), environment="staging"),
        deployed(3, "b", at(4), "queued"),
    )  # fmt: skip
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, pull_requests=pulls, **made)
    found = answer(store, "change_lead_time")
    assert found["n"] == 0 and found["value"] != found["value"]  # missing, not 0
    assert left_out(store, "change_lead_time") == {sha("a"): WAITING, "#12": WAITING}
    frame = metrics.change_lead_time.window(store, since=at(1, "00:00"))
    assert frame.attrs["reason"] == "nothing counts here; left out: 2 not deployed yet"
    assert answer(store, "deployment_frequency")["value"] == 0  # a covered count is


# The pull request's commits were written at 08:00 and 10:00, it was merged at noon, deployed at 14:00 of the 2nd.
OWN = pulled(12, ("f1", at(2, "08:00")), ("f2", at(2, "10:00")))
BUTTONS = {
    "merge": [
        commit("f1", "root", at(2, "08:00")), commit("f2", "f1", at(2, "10:00")),
        commit("M", "root f2", at(2), subject="Merge pull request #12 from acme/work-12"),
    ],
    "squash": [commit("S", "root", at(2), subject="pull 12 (#12)")],
    "rebase": [
        commit("r1", "root", at(2), authored_at=at(2, "08:00"), subject="f1"),
        commit("r2", "r1", at(2), authored_at=at(2, "10:00"), subject="f2"),
    ],
}  # fmt: skip


def test_trap_21_squash_rebase_and_merge_have_one_clock(tmp_path):
    """Elsewhere: "Squash merge: no lead time at all" (apache/devlake #5909, dora-team/fourkeys #410): 08:00 to 14:00, 6
    hours."""
    results = {"merge": "M", "squash": "S", "rebase": "r2"}
    services = [{"name": name, "repository": f"acme/{name}", "deployment": GITHUB} for name in BUTTONS]
    parts = []
    for name, result in results.items():
        made = together(deployed(1, "root", at(1)), deployed(2, result, at(2, "14:00")))
        made["commits"] = [commit("root", "", at(1, "08:00")), *BUTTONS[name]]
        parts.append(
            of(f"acme/{name}", {**made, "pull_requests": [pull(12, result, at(2))], "pull_request_commits": OWN})
        )
    store = built(tmp_path, *services, **together(*parts))
    for service in results:
        assert counted(store, "change_lead_time", service=service) == {"#12": 6.0}, service
        for clock in ("committed", "merged"):  # noon to 14:00
            assert counted(store, "change_lead_time", service=service, clock=clock) == {"#12": 2.0}, (service, clock)
        assert left_out(store, "change_lead_time", service=service) == {sha("root"): BEFORE}
    everything = answer(store, "change_lead_time")
    assert (everything["value"], everything["n"]) == (6.0, 3)
    notes = {row["sha"]: row["note"] for row in store.changes.rows()}
    assert set(notes.values()) == {None}


def test_trap_22_work_without_pull_requests_counts(tmp_path):
    """Elsewhere: "Commits without a pull request ignored" (apache/devlake #5269): trunk-based, three of four
    changes."""
    commits = [*line("a b c d", at(1, "08:00")), commit("e", "d", at(4, "09:00"))]
    store = built(
        tmp_path, {"deployment": GITHUB}, commits=commits, pull_requests=[pull(12, "d", at(4, "08:00"))],
        **production("a b c e"),
    )  # fmt: skip
    assert counted(store, "change_lead_time") == {sha("b"): 4.0, sha("c"): 4.0, "#12": 4.0, sha("e"): 3.0}
    merges = built(tmp_path / "merges", {"deployment": MERGES}, commits=commits)
    assert answer(merges, "deployment_frequency")["n"] == 5  # each a deployment of its own


FEATURE = [
    commit("root", "", at(1, "08:00")),
    commit("f1", "root", at(2, "08:00")),
    commit("D1", "root f1", at(3, "08:00"), subject="Merge pull request #1 from acme/feature"),
    commit("d2", "D1", at(4, "08:00")),
]
PROMOTIONS = {
    "merged": commit("P", "root d2", at(5, "08:00"), subject="Merge pull request #2 from acme/develop"),
    "squashed": commit("P", "root", at(5, "08:00"), subject="Promote (#2)"),
}


@pytest.mark.parametrize("how", PROMOTIONS)
def test_trap_23_promotion_branches_are_transparent(tmp_path, how):
    """Elsewhere: "feature → develop → main: the merge into develop taken for the change" (apache/devlake #8619)."""
    pulls = [
        pull(1, "D1", at(3, "08:00"), head_ref="feature", base_ref="develop"),
        pull(2, "P", at(5, "08:00"), head_ref="develop", head_sha=sha("d2")),
    ]
    own = pulled(1, ("f1", at(2, "08:00"))) + pulled(2, ("f1", at(2, "08:00")), ("d2", at(4, "08:00")))
    made = together(deployed(1, "root", at(1)), deployed(2, "P", at(5)))
    store = built(
        tmp_path, {"deployment": GITHUB}, commits=[*FEATURE, PROMOTIONS[how]], pull_requests=pulls,
        pull_request_commits=own, **made,
    )  # fmt: skip
    # the feature: 08:00 of the 2nd to noon of the 5th, 76 hours (not 52 from develop, not 4 from the promotion);
    # the commit made on develop itself: 08:00 of the 4th to noon of the 5th, 28 hours
    assert counted(store, "change_lead_time") == {"#1": 76.0, sha("d2"): 28.0}
    assert left_out(store, "change_lead_time")["#2"] == "promotion"


def test_trap_24_pull_requests_from_forks_count(tmp_path):
    """Elsewhere: "Pull requests from forks filtered out" (apache/devlake #3376), here from the forks' own main,
    twice."""
    commits = [
        commit("root", "", at(1, "08:00")),
        commit("a", "root", at(2, "08:00")),
        commit("A", "root a", at(2, "10:00"), subject="Merge pull request #1 from x/main"),
        commit("b", "A", at(3, "09:00")),
        commit("B", "A b", at(3, "10:00"), subject="Merge pull request #2 from y/main"),
    ]  # fmt: skip
    fork = {"is_fork": True, "head_ref": "main"}
    pulls = [pull(1, "A", at(2, "10:00"), **fork), pull(2, "B", at(3, "10:00"), **fork)]
    made = together(*(deployed(n, name, at(n)) for n, name in ((1, "root"), (2, "A"), (3, "B"))))
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, pull_requests=pulls, **made)
    assert counted(store, "change_lead_time") == {"#1": 4.0, "#2": 3.0}


def test_trap_25_leaving_bots_out_is_a_setting(tmp_path):
    """Elsewhere: "Bots are 28 % of commits" (apache/devlake #8646): 7 of 25 here, each an hour old; people's are
    ten."""
    names = [f"n{place}" for place in range(25)]
    commits, parent = [commit("root", "", at(1, "08:00"))], "root"
    for place, name in enumerate(names):
        bot = place < 7
        commits.append(commit(name, parent, at(2) - (1 if bot else 10) * HOUR, is_bot=bot))
        parent = name
    made = together(deployed(1, "root", at(1)), deployed(2, names[-1], at(2)))
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, **made)
    found = answer(store, "change_lead_time", statistic="p10")
    assert (found["value"], found["n"]) == (1.0, 25)
    found = answer(store, "change_lead_time", statistic="p10", bots=False)
    assert (found["value"], found["n"]) == (10.0, 18)
    assert list(left_out(store, "change_lead_time", bots=False).values()).count("bot") == 7


PICKUP = """-- own_pickup_time
-- Hours from a pull request's opening to the first review by a person other than its author.
-- unit: hours | statistic: median | better: lower
select p.service, p.repository, p.created_at as occurred_at, '#' || p.number as id, r.first_at as ended_at,
    (epoch_us(r.first_at) - epoch_us(p.created_at)) / 3600000000.0 as value
from (select s.service, p.* from pull_requests p join services s on s.repository = p.repository) p
left join (
    select repository, number, min(submitted_at) as first_at
    from reviews where not is_bot and not is_author group by repository, number
) r on r.repository = p.repository and r.number = p.number
"""


@pytest.fixture(scope="module")
def pickup(tmp_path_factory):
    """A user's own metric over two open pull requests: a bot looks at both after five seconds, a person at #12
    alone."""
    folder = tmp_path_factory.mktemp("pickup")

    def review(id, number, when, **more):
        return {"id": id, "number": number, "state": "COMMENTED", "is_author": False, "submitted_at": when, **more}

    reviews = [
        review(1, 12, at(2) + timedelta(seconds=5), is_bot=True),
        review(2, 12, at(2, "12:30"), is_author=True),
        review(3, 12, at(2, "17:00")),
        review(4, 13, at(2) + timedelta(seconds=5), is_bot=True),
    ]
    asked = [
        {"table_name": name, "window_start": at(1), "window_end": at(40), "recorded_at": at(40)}
        for name in ("pull_requests", "reviews")
    ]
    pulls = [pull(n, None, at(2), state="open") for n in (12, 13)]
    store = built(folder, {"deployment": GITHUB}, pull_requests=pulls, reviews=reviews, sync_ledger=asked)
    (folder / "own_pickup_time.sql").write_text(PICKUP)
    metric = metrics.find("own_pickup_time", folder)
    return {"answer": metric.window(store, since=at(1)).iloc[0], "rows": metric.observations(store, since=at(1))}


def test_trap_25_bots_never_review(pickup):
    """Elsewhere: "A bot's comment seconds after opening makes pickup time zero" (apache/devlake #9000)."""
    rows = pickup["rows"].set_index("id")
    assert rows.loc["#12", "value"] == 5.0  # noon to 17:00: neither the bot's five seconds nor the author's half hour
    assert rows.loc["#13", "value"] != rows.loc["#13", "value"]


def test_trap_28_an_unknown_part_is_unknown(pickup):
    """Elsewhere: "An unreviewed pull request's five open days counted as 0" (middlewarehq/middleware, in code)."""
    assert (pickup["answer"]["value"], pickup["answer"]["n"]) == (5.0, 1)  # with a 0 it would be 2.5 of 2
    assert pickup["rows"].set_index("id").loc["#13", "excluded"] == "value unknown"


# ---------------------------------------------------------------- parts of a repository


def test_in_a_monorepo_a_change_of_both_parts_is_one_of_each_and_one_above(tmp_path):
    """x touches both parts, w the web alone, p (#12: p1 web, p2 docs) the web; docs alone are nobody's."""
    commits = [
        *line("root x w", at(1, "08:00")),
        commit("p1", "w", at(4, "08:00")), commit("p2", "p1", at(4, "09:00")),
        commit("P", "w p2", at(4, "10:00"), subject="Merge pull request #12 from acme/work-12"),
        commit("docs", "P", at(4, "11:00")),
    ]  # fmt: skip
    paths = {"root": "web/a api/a", "x": "web/a api/a", "w": "web/b", "p1": "web/c", "p2": "docs/c", "docs": "docs/d"}
    files = [{"sha": sha(name), "path": path} for name, both in paths.items() for path in both.split()]
    rules = {name: {"from": "deployments", "environments": [f"{name}-production"]} for name in ("web", "api")}
    services = [{"name": name, "paths": [f"{name}/**"], "deployment": rule} for name, rule in rules.items()]
    made = together(
        *(deployed(n, "root", at(1), environment=f"{name}-production") for n, name in ((1, "web"), (2, "api"))),
        deployed(3, "docs", at(4), environment="web-production"),
        deployed(4, "docs", at(5), environment="api-production"),
    )
    store = built(
        tmp_path, *services, commits=commits, commit_files=files, pull_requests=[pull(12, "P", at(4, "10:00"))], **made
    )
    # to noon of the 4th (web), of the 5th (api); x was written at 08:00 of the 2nd, w of the 3rd, p1 of the 4th
    assert counted(store, "change_lead_time", service="web") == {sha("x"): 52.0, sha("w"): 28.0, "#12": 4.0}
    assert counted(store, "change_lead_time", service="api") == {sha("x"): 76.0}
    # above services x counts once, where it was deployed first
    assert counted(store, "change_lead_time") == {sha("x"): 52.0, sha("w"): 28.0, "#12": 4.0}
    assert left_out(store, "change_lead_time")[sha("x")] == "counted once, where it happened first"
    by = metrics.change_lead_time.window(store, by="service", since=at(1)).set_index("group_name")["n"]
    assert by.to_dict() == {"api": 1, "web": 3}
    assert answer(store, "deployment_frequency")["n"] == 4
