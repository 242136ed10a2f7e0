"""What the pages of the eight phases say before any number: name, one paragraph, their metrics, what each counts.

English sentences; ``Language`` says them in the page's language.
"""

from __future__ import annotations

from dataclasses import dataclass

from devops_lab.language import counted, marked


@dataclass(frozen=True)
class Phase:
    """One phase of the loop: its heading, what it is for in one paragraph, and its metrics, the most telling first."""

    title: str
    purpose: str
    metrics: tuple[str, ...]


PHASES = {
    "plan": Phase(
        marked("Plan"),
        marked(
            "Planning decides what is worked on, and how much at once. This page looks at issues: how long they take "
            "from being opened, and from the first sign of work, how many are under way, and whether more come in than "
            "go out. Where much is under way, everything waits: fewer things at a time is the surest way to be faster."
        ),
        (
            "issue_cycle_time", "issue_lead_time", "issue_throughput", "work_in_progress", "work_item_age",
            "backlog_growth", "milestone_completion",
        ),
    ),
    "code": Phase(
        marked("Code"),
        marked(
            "A pull request passes through four parts: it is written, waits for a first review, is reviewed, and is "
            "merged. The four add up to its whole time. Most teams lose more time waiting for each other than writing; "
            "small pull requests that are picked up on the same day help more than faster typing."
        ),
        (
            "pull_request_cycle_time", "coding_time", "pickup_time", "review_time", "merge_time", "pull_request_size",
            "review_coverage", "review_load", "revert_rate",
        ),
    ),
    "build": Phase(
        marked("Build"),
        marked(
            "A build answers the question whether a change fits. The answer is worth most while the author still "
            "remembers the question, so this page looks at how long it takes, how long jobs wait for a runner, how "
            "often the answer has to be asked for again, and how long the default branch stays red."
        ),
        (
            "build_duration", "queue_time", "build_success_rate", "rerun_rate", "time_to_green", "runner_minutes",
        ),
    ),
    "test": Phase(
        marked("Test"),
        marked(
            "Tests let people change things without fear, as long as a red test means that something is broken. A test "
            "that fails and passes on the same commit teaches everybody to look away; a slow one is run less often. "
            "This page shows how many cases pass, which ones are flaky, and which ones take the time."
        ),
        ("test_pass_rate", "flaky_rate", "test_duration"),
    ),
    "release": Phase(
        marked("Release"),
        marked(
            "A release gives a version to what was merged, so that others can take it. Merged work that waits for a "
            "release helps nobody: this page looks at how often releases leave, how much they carry, and how long "
            "merged changes wait for the next one."
        ),
        ("release_frequency", "release_lead_time", "release_size", "time_since_release", "patch_release_share"),
    ),
    "deploy": Phase(
        marked("Deploy"),
        marked(
            "A deployment brings a version to where people use it. It should be a small event: quick, usually "
            "successful, and easy to take back. This page follows changes from the merge through the environments to "
            "production, and shows where they wait and which rollouts did not get there."
        ),
        (
            "time_to_deploy", "deployment_duration", "deployment_success_rate", "rollback_rate", "promotion_time",
        ),
    ),
    "operate": Phase(
        marked("Operate"),
        marked(
            "Operating keeps what is deployed healthy: enough room for the load, few restarts, quiet logs, and known "
            "weaknesses mended in time. This page looks for what will become a problem before users notice it."
        ),
        (
            "saturation", "headroom", "restart_rate", "log_error_rate", "infrastructure_change_share",
            "vulnerability_age", "time_to_patch",
        ),
    ),
    "monitor": Phase(
        marked("Monitor"),
        marked(
            "Monitoring tells what users get. A service level objective says how good is good enough; what is left of "
            "the error budget says whether there is room for risk. This page also asks whether alerts are worth waking "
            "somebody for, and whether deployments made things worse."
        ),
        (
            "availability", "error_ratio", "latency", "slo_attainment", "error_budget_remaining", "burn_rate",
            "alert_count", "alert_noise", "time_to_detect", "incident_count", "incident_duration",
            "deployment_impact",
        ),
    ),
}  # fmt: skip

_ISSUES = counted("{count} issue", "{count} issues")
_PULLS = counted("{count} pull request", "{count} pull requests")
_ATTEMPTS = counted("{count} run", "{count} runs")
_JOBS = counted("{count} job", "{count} jobs")
_CASES = counted("{count} test case", "{count} test cases")
_RELEASES = counted("{count} release", "{count} releases")
_DEPLOYMENTS = counted("{count} deployment", "{count} deployments")
_CHANGES = counted("{count} change", "{count} changes")
_ALERTS = counted("{count} alert", "{count} alerts")
_INCIDENTS = counted("{count} incident", "{count} incidents")
_SECURITY = counted("{count} security alert", "{count} security alerts")
_SLICES = counted("{count} step of time", "{count} steps of time")
OBSERVATIONS = counted("{count} observation", "{count} observations")

COUNTED = {
    "issue_cycle_time": _ISSUES, "issue_lead_time": _ISSUES, "issue_throughput": _ISSUES, "work_in_progress": _ISSUES,
    "work_item_age": _ISSUES, "backlog_growth": counted("{count} opening or closing", "{count} openings and closings"),
    "milestone_completion": counted("{count} milestone", "{count} milestones"),
    "pull_request_cycle_time": _PULLS, "coding_time": _PULLS, "pickup_time": _PULLS, "review_time": _PULLS,
    "merge_time": _PULLS, "pull_request_size": _PULLS, "review_coverage": _PULLS,
    "review_load": counted("{count} week of one person", "{count} weeks of one person each"), "revert_rate": _CHANGES,
    "build_duration": _ATTEMPTS, "queue_time": _JOBS, "build_success_rate": _ATTEMPTS, "rerun_rate": _ATTEMPTS,
    "time_to_green": counted("{count} red time", "{count} red times"), "runner_minutes": _JOBS,
    "test_pass_rate": _CASES, "flaky_rate": counted("{count} test of one commit", "{count} tests of one commit each"),
    "test_duration": counted("{count} test run", "{count} test runs"),
    "release_frequency": _RELEASES, "release_lead_time": _CHANGES, "release_size": _RELEASES,
    "time_since_release": counted("{count} service", "{count} services"), "patch_release_share": _RELEASES,
    "time_to_deploy": _CHANGES, "deployment_duration": _DEPLOYMENTS, "deployment_success_rate": _DEPLOYMENTS,
    "rollback_rate": _DEPLOYMENTS, "promotion_time": counted("{count} version", "{count} versions"),
    "saturation": _SLICES, "headroom": _SLICES, "restart_rate": _SLICES, "log_error_rate": _SLICES,
    "infrastructure_change_share": _CHANGES, "vulnerability_age": _SECURITY, "time_to_patch": _SECURITY,
    "availability": _SLICES, "error_ratio": _SLICES, "latency": _SLICES, "slo_attainment": _SLICES,
    "error_budget_remaining": _SLICES, "burn_rate": _SLICES, "alert_count": _ALERTS, "alert_noise": _ALERTS,
    "time_to_detect": _INCIDENTS, "incident_count": _INCIDENTS, "incident_duration": _INCIDENTS,
    "deployment_impact": _DEPLOYMENTS, "deployment_frequency": _DEPLOYMENTS, "change_lead_time": _CHANGES,
    "change_fail_rate": _DEPLOYMENTS, "deployment_rework_rate": _DEPLOYMENTS,
    "failed_deployment_recovery_time": _DEPLOYMENTS,
}  # fmt: skip

SAID_IN = {  # metrics whose stored unit is not how people say it
    "milestone_completion": "share", "availability": "share", "error_ratio": "share", "slo_attainment": "share",
    "runner_minutes": "min",
}  # fmt: skip

REASONS = (  # why there is no number or no date: the words of devops_lab.metrics and devops_lab.delivery
    marked("nothing is left"),
    marked("cannot be said: younger than a week"),
    marked("later than in three years"),
    marked("nothing happened in this time"),
    marked("no sync has covered this time yet; run `devops-lab sync --since` with an earlier date"),
    marked("the store has no services yet; write a lab.toml (`devops-lab init`) and run `devops-lab sync`"),
)

STATISTICS = (marked("highest"), marked("lowest"), marked("median"))  # p50, p85, p95 are said as they are
