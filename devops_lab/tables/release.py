"""What was released and deployed, and what went wrong then: releases, tags, deployments, incidents."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "releases",
        "One row per release.",
        "repository id",
        """
        repository text!         | "owner/name".
        id integer!              | GitHub's number.
        tag text!                | Its tag.
        name text free           | What it is called.
        draft boolean            | Not published yet.
        prerelease boolean       | Marked as a pre-release.
        target text              | The branch or sha it was made from.
        created_at instant       | Its commit's date (not when it was released).
        published_at instant     | When it was published.
        url text                 | Its page.
        """,
        born="published_at",
    ),
    table(
        "tags",
        "One row per tag.",
        "repository tag",
        """
        repository text!         | "owner/name".
        tag text!                | The tag's name.
        sha text!                | The commit it names.
        annotated boolean!       | It has a tagger and a date of its own.
        tagged_at instant        | The tagger's date, or the commit's where there is no tagger; null where the commit is not known.
        """,
        born="tagged_at",
    ),
    table(
        "github_deployments",
        "One row per deployment that GitHub knows.",
        "repository id",
        """
        repository text!         | "owner/name".
        id integer!              | GitHub's number.
        environment text!        | The environment as it is called now.
        sha text                 | The commit.
        ref text free            | The branch, tag or sha that was asked for.
        task text                | deploy, or what the creator calls it.
        run_id integer           | The workflow run that made it, where a status says so.
        created_at instant!      | When it was made.
        updated_at instant       | When it last changed on GitHub.
        url text                 | Its page.
        """,
        born="created_at",
        month="created_at",
    ),
    table(
        "deployment_statuses",
        "One row per status of a GitHub deployment.",
        "repository id",
        """
        repository text!         | "owner/name".
        id integer!              | GitHub's number.
        deployment_id integer!   | The deployment.
        state text!              | queued, in_progress, success, failure, error, inactive, pending.
        environment text         | The environment at that time.
        created_at instant!      | When.
        log_url text             | Its log: names the workflow run.
        """,
        born="created_at",
    ),
    table(
        "reported_deployments",
        "One row per deployment that a file or a deploy job reported.",
        "service id",
        """
        service text!            | The service.
        id text!                 | The reporter's own id.
        environment text         | The environment; null: production.
        sha text                 | The commit, which may be shortened; or:
        tag text                 | the tag or version that was deployed.
        started_at instant       | When it started.
        finished_at instant!     | When it ended.
        result text!             | success, failure or cancelled.
        url text                 | Its page.
        """,
        born="finished_at",
    ),
    table(
        "incidents",
        "One row per incident, from issues (made by delivery) or files.",
        "service id",
        """
        service text!            | The service that was hurt.
        id text!                 | The tracker's own id; "owner/name#12" for issues.
        title text free          | What it says.
        severity text            | The tracker's word.
        started_at instant!      | When it began.
        resolved_at instant      | When it was over; null while it lasts.
        caused_by text           | Deployments, shas, #numbers or runs it names as cause, with spaces between.
        fixed_by text            | What it names as remedy, likewise.
        duplicate_of text        | The incident it repeats.
        not_a_change boolean     | No change caused it: a provider's outage, say.
        url text                 | Its page.
        """,
        born="started_at",
    ),
)
