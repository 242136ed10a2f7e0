"""Every metric of every phase against the world's truth: synced over HTTP from GitHub and a Prometheus with its past.

Truth counts whole numbers that the simulation wrote down; the lab sees what GitHub's and Prometheus' APIs tell.  Value
and number of observations must be equal, to float error, per service and statistic.  Left out: deployment_impact,
whose verdicts are measured in tests/impact_bench.py.  Numbers that hang on which deployment an incident is blamed on
are asked of the services whose incidents name it; the others are left to the 24-hour window, which may guess wrong.
"""

import math
from datetime import datetime, timedelta

import pytest
from conftest import skip

import devops_lab.sync
from devops_lab import config, metrics
from devops_lab.delivery.needs import PHASE_TABLES
from devops_lab.practice import monitoring
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.practice.world.truth_build import jobs
from devops_lab.practice.world.truth_window import Window
from devops_lab.sources.github import TABLES_READ
from devops_lab.store import Store
from devops_lab.tables import TABLES

SEEDS, MONTHS = (1,), 4  # a company takes a minute and a half; any seed may stand here
LOOK_BACK = timedelta(days=130)  # before the company began
UNTIL = datetime(2026, 11, 20)
WINDOWS = {"90 days": (UNTIL - timedelta(days=90), UNTIL), "October": (datetime(2026, 10, 1), datetime(2026, 11, 1))}
LINKED = ("web", "checkout", "accounts")
BLAMED = ("change_fail_rate", "failed_deployment_recovery_time", "time_to_detect")
UNTOLD = "deployment_impact"
COUNTED = {  # metric → what its truth counts: a column of the observations, summed
    **dict.fromkeys(("availability", "error_ratio", "latency"), "denominator"),
    **dict.fromkeys(("slo_attainment", "error_budget_remaining", "burn_rate"), "total"),
    **dict.fromkeys(("restart_rate", "log_error_rate"), "value"),
}
OTHERS = (  # a metric asked with a parameter, the statistic, and what the truth calls it
    ("burn_rate", {"span": "1h"}, "ratio", "burn_rate_1h"),
    ("burn_rate", {"span": "6h"}, "ratio", "burn_rate_6h"),
    ("burn_rate", {"span": "3d"}, "ratio", "burn_rate_3d"),
    ("saturation", {"resource": "cpu"}, "p95", "saturation_cpu"),
    ("saturation", {"resource": "memory"}, "p95", "saturation_memory"),
    ("vulnerability_age", {"severity": "critical"}, "median", "vulnerability_age critical"),
    ("vulnerability_age", {"severity": "high"}, "median", "vulnerability_age high"),
    ("vulnerability_age", {"severity": "medium"}, "median", "vulnerability_age medium"),
    ("vulnerability_age", {"severity": "low"}, "median", "vulnerability_age low"),
    ("release_frequency", {"which": "pre-releases"}, "count", "release_frequency prereleases"),
)


class Practice:
    """A company and the lab that was synced from it."""

    def __init__(self, company, store):
        self.company, self.store = company, store

    def truth(self, name, service, window):
        """Return (value, n) of what a truth is called: a metric, with a statistic or a part of it behind a blank."""
        name, _, other = name.partition(" ")
        told = self.company.truth
        try:
            found = told.metric(name, service, *window)
        except KeyError:
            found = self.company.watch_truth.metric(name, service, *window)
        return (found.others[other], None) if other else (found.value, found.n)

    def numbers(self, metric, window, statistic=None, **parameters):
        """Return {(service, statistic): (value, n)}, where n is counted as the truth counts."""
        asked = {"since": window[0], "until": window[1], **parameters}
        rows = metric.window(self.store, by="service", statistic=statistic, **asked)
        assert (rows["coverage"] == 1).all() or not len(rows), metric.name
        counted = rows.set_index(["group_name", "statistic"])["n"].to_dict()
        if metric.name in COUNTED:
            held = metric.observations(self.store, **asked)
            sums = held[held["excluded"].isna()].groupby("service")[COUNTED[metric.name]].sum()
            counted = {key: sums.get(key[0], 0) for key in counted}
        values = rows.set_index(["group_name", "statistic"])["value"].to_dict()
        return {key: (None if math.isnan(value) else value, counted[key]) for key, value in values.items()}


def sync_of(company, folder, settings_text):
    """Sync everything of a company as it was at its own `until`; return the store."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GITHUB_TOKEN", "practice-token")
        patched.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
        patched.setattr(devops_lab.sync, "_now", lambda: company.until)
        folder.mkdir(exist_ok=True)
        (folder / "lab.toml").write_text(settings_text)
        settings = config.load(folder / "lab.toml")
        store = Store(settings.store)
        outcomes = devops_lab.sync.sync(store, settings, since=UNTIL - LOOK_BACK)
    assert {(outcome.problem, tuple(outcome.refused)) for outcome in outcomes} == {(None, ())}
    return store


@pytest.fixture(scope="module", params=SEEDS)
def practice(request, tmp_path_factory):
    if monitoring.missing():
        skip(monitoring.missing())
    company = make(request.param, until=UNTIL, months=MONTHS)
    folder = tmp_path_factory.mktemp("truth")
    running = monitoring.start(folder / "monitoring", company, {}, lambda sentence: None)
    try:
        with serve(company, options=Options(limit=1_000_000)) as url:
            store = sync_of(company, folder / "lab", lab_toml(company.name, url, running.prometheus_url))
    finally:
        running.close()
    return Practice(company, store)


def same(one, other):
    """Say whether two numbers are equal to float error; nothing equals nothing alone."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def differences(practice, window, metric, called, parameters):
    """Return (service, statistic, lab's value and n, true value and n) wherever they differ."""
    found = []
    for (service, statistic), mine in practice.numbers(metric, window, **parameters).items():
        name = called(metric, statistic)
        if name in BLAMED and service not in LINKED:
            continue
        true = practice.truth(name, service, window)
        if not same(mine[0], true[0]) or true[1] not in (None, mine[1]):
            found.append((service, statistic, mine, true))
    return found


def usual(metric, statistic):
    """Return what the truth calls a metric's statistic."""
    if metric.name == "latency":
        return f"latency_{statistic}"
    if metric.name == "burn_rate":
        return "burn_rate_1h"
    later = statistic != (metric.window_statistic or metric.statistics[0])
    return f"{metric.name} {'oldest' if metric.name == 'vulnerability_age' else statistic}" if later else metric.name


@pytest.mark.server
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_every_metric_is_the_truth(practice, window):
    asked = [metric for metric in metrics.catalogue() if metric.name != UNTOLD]
    assert len(asked) == 58
    wrong = {metric.name: found for metric in asked if (found := differences(practice, window, metric, usual, {}))}
    assert not wrong


@pytest.mark.server
@pytest.mark.parametrize(("name", "parameters", "statistic", "called"), OTHERS, ids=[row[3] for row in OTHERS])
def test_every_other_statistic_is_the_truth(practice, name, parameters, statistic, called):
    window = WINDOWS["90 days"]
    asked = {"statistic": statistic, **parameters}
    assert not differences(practice, window, metrics.find(name), lambda metric, statistic: called, asked)


@pytest.mark.server
@pytest.mark.parametrize("name", ["time_to_green", "time_to_patch"])
def test_what_is_still_open_is_censored(practice, name):
    window = WINDOWS["90 days"]
    for service in practice.company.services:
        held = metrics.find(name).observations(practice.store, service=service, since=window[0], until=window[1])
        still_open = held.loc[held["excluded"].isna(), "censored"].sum()
        assert still_open == practice.truth(f"{name} open", service, window)[0], service


@pytest.mark.server
def test_files_of_pushed_commits_are_known_and_those_of_other_commits_not_asked_for(practice):
    since, until = WINDOWS["90 days"]
    held = metrics.find("infrastructure_change_share").observations(practice.store, since=since, until=until)
    assert not (held["excluded"] == "its files are not known").any()
    assert not held["id"].str.startswith("#").all()  # some were pushed
    told = practice.store.query("select distinct sha from changes where pull_request is not null")["sha"]
    whole = practice.store.query(
        "select distinct sha from commit_files f join services s on s.repository = f.repository where s.paths is null"
    )["sha"]
    assert len(whole) > 50 and not set(whole) & set(told)


@pytest.mark.server
def test_without_junit_flaky_is_a_job_that_ended_both_ways_on_one_commit(tmp_path):
    company = make(3, until=UNTIL, months=MONTHS)
    with serve(company, options=Options(limit=1_000_000)) as url:
        text = lab_toml(company.name, url).replace('junit = { artifacts = ["junit-*"] }', "")
        first, *services = text.split("[[service]]")
        alone = next(one for one in services if '"checkout"' in one)
        store = sync_of(company, tmp_path / "lab", f"{first}[[service]]{alone}")
    window = since, until = WINDOWS["90 days"]
    site = next(site for site in company.truth.sites if site.plan.name == "checkout")
    ended: dict[tuple, list] = {}
    for run, _, job in jobs(Window(site, "checkout", since, until, UNTIL)):
        if job.conclusion in ("success", "failure", "timed_out") and job.completed_at <= UNTIL:
            ended.setdefault((run.workflow.id, job.name, run.sha), []).append(job)
    latest = [own for own in ended.values() if since <= max(job.completed_at for job in own) < until]
    flaky = sum(len({job.conclusion == "success" for job in own}) == 2 for own in latest)
    rows = metrics.find("flaky_rate").window(store, by="service", since=window[0], until=window[1])
    assert rows[["value", "n", "coverage"]].values.tolist() == [[flaky / len(latest), len(latest), 1]]
    assert flaky > 0
    for name in ("test_pass_rate", "test_duration"):  # nobody asked for cases: missing, not 0
        rows = metrics.find(name).window(store, by="service", since=since, until=until, keep_empty=True)
        assert rows[["n", "coverage"]].values.tolist() == [[0, 0]]
        assert math.isnan(rows["value"].iloc[0])


@pytest.mark.parametrize("phase", PHASE_TABLES)
def test_a_phase_fetches_what_its_metrics_read(phase):
    """Commits always come, and the files of those that were pushed come with the files of pull requests."""
    read = {table for metric in metrics.catalogue() if metric.phase == phase for table in metric.tables}
    told = {table for table in read if not TABLES[table].derived and table in TABLES_READ}
    assert set(PHASE_TABLES[phase]) == told - {"commits", "commit_files"}
