"""What was seen from outside, through Prometheus: service levels, latencies and alerts."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "service_levels",
        "One row per service and step: good and all events (requests, or checks of a probe).",
        "service started_at",
        """
        service text!            | The service.
        started_at instant!      | The step's start (not included).
        ended_at instant!        | The step's end.
        good number!             | Events in the step that were good.
        total number!            | All events in the step; 0: no traffic.
        objective number         | The share that shall be good, as lab.toml said then.
        """,
        born="ended_at",
        month="started_at",
    ),
    table(
        "latency_buckets",
        "One row per service, step and bucket of its latency histogram.",
        "service started_at le",
        """
        service text!            | The service.
        started_at instant!      | The step's start (not included).
        ended_at instant!        | The step's end.
        le number!               | The bucket's upper bound in seconds (included); infinity: longer than all bounds.
        requests number!         | Requests above the next smaller bound of the step, up to this one.
        """,
        born="ended_at",
        month="started_at",
    ),
    table(
        "alerts",
        "One row per episode of an alert: from when on it fired until it no longer did.",
        "service id",
        """
        service text!            | The service.
        id text!                 | The alert's name, a digest of its labels, and its start.
        alert text!              | The alert's name.
        severity text            | Its label severity.
        labels text              | Its other labels as JSON.
        started_at instant!      | When it was first seen firing.
        ended_at instant <ended_at | When it was no longer; null while it fires.
        """,
        born="started_at",
    ),
)
