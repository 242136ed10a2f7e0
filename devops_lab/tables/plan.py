"""What was planned: issues, their events and labels, milestones."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "issues",
        "One row per issue (pull requests are not issues here).",
        "repository number",
        """
        repository text!         | "owner/name".
        number integer!          | The issue's number.
        title text free          | What it says.
        state text!              | open or closed.
        state_reason text        | completed, not_planned, duplicate or reopened.
        author text personal     | Who opened it.
        is_bot boolean           | Opened by a bot.
        created_at instant!      | When it was opened.
        updated_at instant       | When it last changed on GitHub.
        closed_at instant        | When it was last closed.
        milestone integer        | The milestone's number.
        caused_by text           | What its text names as cause ("Caused by: …"): shas, #numbers, run or deployment ids, with spaces between.
        fixed_by text            | What its text names as remedy ("Fixed by: …"), likewise.
        duplicate_of text        | The issue it says it duplicates ("Duplicate of #12").
        url text                 | Its page.
        """,
        born="created_at",
        month="created_at",
    ),
    table(
        "issue_events",
        "One row per event of an issue or pull request: labelled, closed, assigned, referenced and so on.",
        "repository id",
        """
        repository text!         | "owner/name".
        id integer!              | GitHub's number.
        number integer           | The issue or pull request it belongs to.
        event text!              | GitHub's name of the event.
        actor text personal      | Who did it.
        created_at instant!      | When.
        label text               | The label that was put on or taken off.
        assignee text personal   | Who was assigned.
        milestone text free      | The milestone's title.
        sha text                 | The commit that is named.
        """,
        born="created_at",
        month="created_at",
    ),
    table(
        "issue_labels",
        "One row per label on an issue or pull request, as it is now.",
        "repository number label",
        """
        repository text!         | "owner/name".
        number integer!          | The issue's or pull request's number.
        label text!              | The label's name.
        is_pull_request boolean! | True where the number is a pull request's.
        """,
    ),
    table(
        "milestones",
        "One row per milestone.",
        "repository number",
        """
        repository text!         | "owner/name".
        number integer!          | The milestone's number.
        title text free          | What it is called.
        state text!              | open or closed.
        created_at instant       | When it was made.
        updated_at instant       | When it last changed on GitHub.
        due_on instant           | When it is due.
        closed_at instant        | When it was closed.
        open_issues integer      | Issues and pull requests still open.
        closed_issues integer    | Issues and pull requests closed.
        url text                 | Its page.
        """,
        born="created_at",
    ),
)
