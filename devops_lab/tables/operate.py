"""What running costs and suffers: resources, restarts, errors in logs, security alerts."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "resource_usage",
        "One row per service, resource, series and step: the share of its limit that was used.",
        "service resource series occurred_at",
        """
        service text!            | The service.
        resource text!           | cpu, memory, or what lab.toml calls it.
        series text!             | The series' labels as JSON: which instance; {} where there is one.
        occurred_at instant!     | When it was looked at.
        used_share number!       | Used ÷ limit; 1 is full.
        """,
        born="occurred_at",
        month="occurred_at",
    ),
    table(
        "restarts",
        "One row per service and step: how often its containers or processes restarted.",
        "service started_at",
        """
        service text!            | The service.
        started_at instant!      | The step's start (not included).
        ended_at instant!        | The step's end.
        restarts number!         | Restarts in the step.
        """,
        born="ended_at",
        month="started_at",
    ),
    table(
        "log_errors",
        "One row per service and step: log lines of level error.",
        "service started_at",
        """
        service text!            | The service.
        started_at instant!      | The step's start (not included).
        ended_at instant!        | The step's end.
        lines number!            | Lines of level error in the step.
        """,
        born="ended_at",
        month="started_at",
    ),
    table(
        "security_alerts",
        "One row per alert of Dependabot or code scanning.",
        "repository kind number",
        """
        repository text!         | "owner/name".
        kind text!               | dependabot or code_scanning.
        number integer!          | GitHub's number.
        state text!              | open, fixed, dismissed or auto_dismissed.
        severity text            | critical, high, medium or low, else what GitHub says.
        name text free           | The package, or the rule.
        summary text free        | What is wrong.
        identifier text          | The advisory's CVE or GHSA number, or the rule's id.
        path text                | The manifest or file.
        created_at instant!      | When GitHub raised it.
        updated_at instant       | When it last changed on GitHub.
        fixed_at instant <fixed_at | When it was fixed.
        dismissed_at instant <dismissed_at | When it was dismissed, by a person or by a rule.
        dismissed_reason text <dismissed_at | Why.
        url text                 | Its page.
        """,
        born="created_at",
    ),
)
