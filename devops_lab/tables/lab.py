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
        "snapshots",
        "One row per table and complete sync: which version of each table belongs together.",
        "snapshot table_name",
        """
        snapshot text!           | The snapshot's name: the instant the sync was complete.
        as_of instant!           | The instant the facts stand for: when the sync began to ask.
        table_name text!         | The stored table.
        version integer!         | Its Delta version.
        lab_version text         | The lab that wrote it.
        """,
    ),
)
