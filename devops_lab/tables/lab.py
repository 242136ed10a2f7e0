"""What the lab knows of itself: its services, what it asked, and which versions belong together."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "services",
        "One row per service of lab.toml: what is measured, who owns it, and which stored tables its rules read.",
        "service",
        """
        service text!            | The service's name.
        team text                | The team that owns it.
        owners text              | Who owned it from which day (UTC) on, as JSON, earliest first; null: always the team.
        repository text!         | "owner/name", or the clone's folder name where there is no GitHub.
        paths text               | Filter patterns of a monorepo's part, with spaces between; null: the whole repository.
        environments text        | The production environments the rule names, with spaces between.
        deployment_rule text     | The deployment rule as JSON.
        incident_rule text       | The incident rules as JSON.
        rework_rule text         | The rework rule as JSON.
        deployment_tables text   | Stored tables that deployments are made from, with spaces between.
        change_tables text       | Stored tables that changes are made from besides, with spaces between.
        failure_tables text      | Stored tables that failures are made from besides, with spaces between.
        """,
    ),
    table(
        "sync_ledger",
        "One row per question the sync asked: what window of which table was asked for, and what came.",
        "repository source table_name window_start window_end recorded_at",
        """
        repository text!         | "owner/name", or the service of a file.
        table_name text!         | The stored table.
        window_start instant!    | From when on the rows were asked for.
        window_end instant!      | Until when (not included).
        asked integer            | Things asked for.
        fetched integer          | Things that came.
        capped integer           | Things beyond a server's limit.
        missing integer          | Things the server no longer has.
        refused text             | Why the server would not say; null where it did.
        warnings text free       | What the server warned of while it answered; null where it did not.
        recorded_at instant!     | When the sync that wrote this row began to ask.
        """,
    ),
    table(
        "actions",
        "One row per action that the lab was asked for, written before anything was sent; refusals too.",
        "id",
        """
        id text!                 | The action's own number, made up.
        asked_at instant!        | When it was asked for.
        login text               | Whose token it was: the login that GitHub itself names; kept whatever [privacy] says.
        person text              | Whom an authenticating proxy named; null where only the token's login is known.
        verb text!               | dispatch, rollback, cancel, rerun, rerun_failed, approve or reject.
        repository text!         | "owner/name".
        workflow text            | The workflow's file.
        ref text free            | The branch or tag.
        environments text        | The environments it may change, one a line; "?" for one that only the run can tell.
        inputs text free         | The inputs as JSON; what looks like a secret is "***".
        request_key text!        | Equal for requests that are one and the same: a double click, a retry.
        mark text                | What the run shows so that it can be told from others; null where it shows none.
        run_id integer           | The run; null while or where it is not known.
        outcome text!            | sending, done, refused (nothing was sent), failed (the server refused) or unknown.
        message text free        | Why it was refused, failed or is unknown; null where it was done.
        settled_at instant       | When the outcome was known; null while it is being sent.
        url text                 | The run's page.
        """,
        born="asked_at",
    ),
    table(
        "schedule_history",
        "One row per report that a schedule made due: written before it is rendered, and again with what came of it.",
        "schedule subject period_start",
        """
        schedule text!           | The schedule's name in lab.toml.
        subject text!            | The service or team it is about; "" for everything together.
        period_start instant!    | The start of the period it reports on.
        period_end instant!      | The period's end (not included).
        period text!             | The period as people say it: 2026-W46, 2026-10, 2026-Q3.
        report text!             | The notebook.
        due_at instant!          | When the schedule asked for it first.
        started_at instant       | When the last attempt began; null before the first.
        finished_at instant      | When the last attempt ended; null while it runs, or where it was killed.
        attempts integer!        | How often it was tried.
        outcome text!            | due, rendering, rendered, failed, or skipped (missed too long ago to be made up for).
        message text free        | Why it failed; null where it did not.
        path text                | The report's file, from the folder of lab.toml; null where there is none.
        recipients text          | The recipients it is for, one a line.
        """,
    ),
    table(
        "deliveries",
        "One row per recipient and thing told (a report, an alert, a failure), written before it is sent.",
        "recipient about",
        """
        recipient text!          | The recipient's name in lab.toml.
        about text!              | What is told, so that it is told once: kind, name, subject and period.
        kind text!               | report, alert or failure.
        message text!            | The number of the message it is in, made up; several reports may be in one.
        outcome text!            | sending, sent, failed (it did not get there) or unknown (it may have).
        attempts integer!        | How often it was tried.
        asked_at instant!        | When the last attempt was written down, before it was made.
        settled_at instant       | When the outcome was known; null while it is being sent, or where that was killed.
        problem text free        | Why it failed or is unknown, without any address; null where it was sent.
        """,
        born="asked_at",
    ),
    table(
        "alert_episodes",
        "One row per time that an alert of lab.toml held, from the first period it held in.",
        "alert subject began_at",
        """
        alert text!              | The alert's name in lab.toml.
        subject text!            | The service or team it is about; "" for everything together.
        began_at instant!        | The start of the first period it held in.
        condition text!          | The condition as lab.toml had it.
        state text!              | firing, or over.
        seen_until instant!      | The end of the last period looked at.
        value number             | The metric's value in that period, in its own unit.
        n integer                | From how many observations.
        low number               | The interval's lower end; null where there is none.
        high number              | The interval's upper end; null where there is none.
        ended_at instant         | The start of the period in which it no longer held; null while it fires.
        recipients text          | The recipients who are told, one a line.
        """,
    ),
    table(
        "leases",
        "One row per thing that one machine at a time may do, where several write to one bucket.",
        "name",
        """
        name text!               | What may be done.
        holder text!             | A number made up by who does it.
        until instant!           | Until when it is theirs if they say nothing more.
        """,
    ),
    table(
        "snapshots",
        "One row per table and complete sync: which version of each table belongs together.",
        "snapshot table_name",
        """
        snapshot text!           | The snapshot's name: the instant the sync was complete.
        as_of instant!           | The instant the facts stand for: when the sync began to ask.
        table_name text!         | The stored table.
        version integer!         | Its Delta version.
        lab_version text         | The lab that wrote it.
        format integer           | The store's format; a lab that knows only lesser ones refuses it.
        """,
    ),
)
