"""Every stored table: its columns, types, key and one sentence.  DDL, row check and data dictionary in one.

Types: ``text``, ``integer`` (64 bit), ``number`` (double), ``boolean``, ``instant`` (naive UTC microseconds).
Lists are text with spaces between (as git prints parents), so that CSV, Spark and DuckDB read the same thing.

A column says what the lab must know to keep its promises:

* ``required``   null is refused by the row check;
* ``personal``   a person's login or name: the privacy setting is applied when the row is written;
* ``free``       text people typed: e-mail addresses, and the row's own people, are taken out when it is written;
* ``known``      the instant column from which this value is known: before it, a question ``as_of`` sees null.

``born`` names the instant from which a row exists for a question ``as_of``; rows without one always exist.
Every row also has ``source`` (who said so) and ``fetched_at`` (when its content last changed).
"""

from __future__ import annotations

from dataclasses import dataclass

TYPES = ("text", "integer", "number", "boolean", "instant")


@dataclass(frozen=True)
class Column:
    """One column: name, type, one sentence, and the promises that hold for it."""

    name: str
    type: str
    text: str
    required: bool = False
    personal: bool = False
    free: bool = False
    known: str | None = None


@dataclass(frozen=True)
class Table:
    """One stored table: one row per `key`; `month` is the instant that says which partition a row lies in."""

    name: str
    text: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    born: str | None = None
    month: str | None = None
    derived: bool = False

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when there is none."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns in stored order, ``source`` and ``fetched_at`` last."""
        return tuple(column.name for column in self.columns)


def _columns(specification: str) -> tuple[Column, ...]:
    """Read lines ``name type[!][ personal][ free][ <known] | sentence``; ``!`` means required."""
    columns = []
    for line in specification.strip().splitlines():
        head, text = (part.strip() for part in line.split("|", 1))
        name, kind, *marks = head.split()
        known = next((mark[1:] for mark in marks if mark.startswith("<")), None)
        columns.append(
            Column(name, kind.rstrip("!"), text, kind.endswith("!"), "personal" in marks, "free" in marks, known)
        )
    columns.append(Column("source", "text", "Who said so: github, git, file, or delivery.", required=True))
    columns.append(Column("fetched_at", "instant", "When the content of this row last changed here.", required=True))
    return tuple(columns)


def _table(
    name: str,
    text: str,
    key: str,
    columns: str,
    born: str | None = None,
    month: str | None = None,
    derived: bool = False,
) -> Table:
    return Table(name, text, tuple(key.split()), _columns(columns), born, month, derived)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table(
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
        _table(
            "repositories",
            "One row per repository: name, default branch, address.",
            "repository",
            """
            repository text!         | "owner/name".
            id integer               | GitHub's number.
            default_branch text      | The branch that releases start from.
            created_at instant       | When it was made.
            pushed_at instant        | The last push.
            archived boolean         | Read-only on GitHub.
            private boolean          | Not public.
            fork boolean             | A fork of another repository.
            url text                 | Its page.
            """,
        ),
        _table(
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
        _table(
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
        _table(
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
        _table(
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
        _table(
            "commits",
            "One row per commit.",
            "repository sha",
            """
            repository text!         | "owner/name".
            sha text!                | The commit's sha.
            parents text             | The parents' shas with spaces between, the first parent first; empty for a root.
            authored_at instant!     | The author's clock.
            committed_at instant!    | The committer's clock.
            author text personal     | Who wrote it.
            is_bot boolean!          | Written by a bot.
            subject text free        | The message's first line.
            pull_request integer     | The number its subject names: "Merge pull request #12 …" or "… (#12)".
            head_ref text            | The branch that a merge commit's subject names, without its owner.
            reverts text             | Shas or #numbers that its message says it reverts, with spaces between.
            closes text              | Issue numbers that its message closes ("Fixes #12"), with spaces between.
            url text                 | Its page.
            """,
            born="committed_at",
            month="committed_at",
        ),
        _table(
            "commit_files",
            "One row per file a commit changed; kept for services that are a part of their repository.",
            "repository sha path",
            """
            repository text!         | "owner/name".
            sha text!                | The commit.
            path text!               | The file's path.
            additions integer        | Lines added.
            deletions integer        | Lines deleted.
            """,
        ),
        _table(
            "branches",
            "One row per branch, as it is now.",
            "repository branch",
            """
            repository text!         | "owner/name".
            branch text!             | The branch's name.
            sha text!                | The commit it points at.
            """,
        ),
        _table(
            "pull_requests",
            "One row per pull request.",
            "repository number",
            """
            repository text!         | "owner/name".
            number integer!          | The pull request's number.
            title text free          | What it says.
            state text!              | open or closed.
            draft boolean            | A draft.
            author text personal     | Who opened it.
            is_bot boolean!          | Opened by a bot.
            base_ref text            | The branch it goes to.
            head_ref text free       | The branch it comes from, without its owner.
            head_sha text            | Its last commit.
            is_fork boolean          | It comes from another repository.
            created_at instant!      | When it was opened.
            updated_at instant       | When it last changed on GitHub.
            closed_at instant        | When it was closed.
            merged_at instant        | When it was merged; null where it was not.
            merge_commit_sha text <merged_at | The commit that brought it in; null where it was not merged.
            reverts text             | Shas or #numbers that it says it reverts, with spaces between.
            closes text              | Issue numbers that it closes, with spaces between.
            milestone integer        | The milestone's number.
            additions integer        | Lines added, where GitHub was asked for it.
            deletions integer        | Lines deleted, likewise.
            changed_files integer    | Files changed, likewise.
            url text                 | Its page.
            """,
            born="created_at",
            month="created_at",
        ),
        _table(
            "pull_request_commits",
            "One row per commit of a pull request, also of one that was squashed away.",
            "repository number sha",
            """
            repository text!         | "owner/name".
            number integer!          | The pull request's number.
            sha text!                | The commit.
            position integer!        | Its place, from 1.
            authored_at instant      | The author's clock.
            committed_at instant     | The committer's clock.
            author text personal     | Who wrote it.
            is_bot boolean!          | Written by a bot.
            subject text free        | The message's first line.
            reverts text             | Shas or #numbers that its message says it reverts.
            """,
        ),
        _table(
            "reviews",
            "One row per submitted review.",
            "repository id",
            """
            repository text!         | "owner/name".
            id integer!              | GitHub's number.
            number integer!          | The pull request's number.
            state text!              | APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED.
            author text personal     | Who reviewed.
            is_bot boolean!          | Reviewed by a bot.
            is_author boolean        | By the pull request's own author.
            submitted_at instant!    | When.
            sha text                 | The commit that was reviewed.
            url text                 | Its page.
            """,
            born="submitted_at",
        ),
        _table(
            "review_comments",
            "One row per comment on a line of a pull request.",
            "repository id",
            """
            repository text!         | "owner/name".
            id integer!              | GitHub's number.
            number integer!          | The pull request's number.
            review_id integer        | The review it belongs to.
            author text personal     | Who wrote it.
            is_bot boolean!          | Written by a bot.
            is_author boolean        | By the pull request's own author.
            created_at instant!      | When.
            updated_at instant       | When it last changed on GitHub.
            url text                 | Its page.
            """,
            born="created_at",
        ),
        _table(
            "workflows",
            "One row per workflow.",
            "repository id",
            """
            repository text!         | "owner/name".
            id integer!              | GitHub's number.
            name text!               | What it is called.
            path text                | Its file.
            state text               | active, disabled_manually and so on.
            created_at instant       | When it was made.
            updated_at instant       | When it last changed on GitHub.
            """,
        ),
        _table(
            "workflow_runs",
            "One row per attempt of a workflow run.",
            "repository id run_attempt",
            """
            repository text!         | "owner/name".
            id integer!              | The run's number on GitHub.
            run_attempt integer!     | The attempt, from 1.
            attempts integer         | How many attempts the run has now.
            workflow_id integer      | The workflow.
            workflow text            | The workflow's name.
            path text                | The workflow's file, without the ref behind "@".
            run_number integer       | The workflow's own count.
            event text               | What triggered it.
            status text              | queued, in_progress, completed, waiting and so on.
            conclusion text          | success, failure, cancelled, timed_out, startup_failure, …; null while it runs.
            branch text              | The branch or tag it ran on.
            sha text                 | The commit it ran on.
            triggered_by_sha text    | For workflow_run events: the sha of the run that triggered it, where known.
            actor text personal      | Who caused the attempt.
            created_at instant!      | When the run was made.
            started_at instant       | When this attempt started.
            updated_at instant       | When it last changed on GitHub.
            url text                 | Its page.
            """,
            born="created_at",
            month="created_at",
        ),
        _table(
            "workflow_jobs",
            "One row per job of an attempt.",
            "repository id",
            """
            repository text!         | "owner/name".
            id integer!              | GitHub's number.
            run_id integer!          | The run.
            run_attempt integer!     | The attempt it was started in.
            name text!               | The job's name ("caller / called" in reusable workflows).
            status text              | queued, in_progress, completed, waiting.
            conclusion text          | success, failure, cancelled, skipped, timed_out, …; null while it runs.
            sha text                 | The commit it ran on.
            created_at instant       | When it was queued.
            started_at instant       | When a runner took it.
            completed_at instant     | When it ended.
            labels text              | The runner's labels, with commas between.
            runner_group text        | The runner's group.
            url text                 | Its page.
            """,
            born="created_at",
            month="started_at",
        ),
        _table(
            "workflow_steps",
            "One row per step of a job.",
            "repository job_id number",
            """
            repository text!         | "owner/name".
            job_id integer!          | The job.
            number integer!          | Its place.
            name text free           | The step's name.
            status text              | queued, in_progress, completed.
            conclusion text          | success, failure, skipped, cancelled; null while it runs.
            started_at instant       | When it started.
            completed_at instant     | When it ended.
            """,
            month="started_at",
        ),
        _table(
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
        _table(
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
        _table(
            "github_deployments",
            "One row per deployment that GitHub knows.",
            "repository id",
            """
            repository text!         | "owner/name".
            id integer!              | GitHub's number.
            environment text!        | The environment as it is called now.
            sha text                 | The commit.
            ref text                 | The branch, tag or sha that was asked for.
            task text                | deploy, or what the creator calls it.
            run_id integer           | The workflow run that made it, where a status says so.
            created_at instant!      | When it was made.
            updated_at instant       | When it last changed on GitHub.
            url text                 | Its page.
            """,
            born="created_at",
            month="created_at",
        ),
        _table(
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
        _table(
            "reported_deployments",
            "One row per deployment that a file or a deploy job reported.",
            "service id",
            """
            service text!            | The service.
            id text!                 | The reporter's own id.
            environment text         | The environment; null: production.
            sha text                 | The commit; or:
            tag text                 | the tag that was deployed.
            started_at instant       | When it started.
            finished_at instant!     | When it ended.
            result text!             | success or failure.
            url text                 | Its page.
            """,
            born="finished_at",
        ),
        _table(
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
        _table(
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
            recorded_at instant!     | When this row was written.
            """,
        ),
        _table(
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
        _table(
            "deployments",
            "One row per rollout of a sha to an environment, however many jobs or regions it took.",
            "service id",
            """
            service text!            | The service.
            repository text!         | "owner/name".
            id text!                 | The rule's own id of the rollout.
            environment text         | The environment; "production" for rules that know no other.
            sha text                 | The commit that was rolled out; null where unknown.
            ref text                 | The branch or tag.
            started_at instant!      | The earliest start.
            finished_at instant <finished_at | When the last part succeeded, or the first failed; null while it runs.
            result text <finished_at | success, failure or cancelled; null while it runs.
            rule text!               | deployments, workflow, releases, tags, merges or file.
            unplanned boolean <finished_at | It carries a remedy, is a rollback, or an incident names it as one.
            unplanned_reason text <finished_at | Why it is unplanned.
            replaces_id text <finished_at | The successful deployment it took over from.
            is_rollback boolean <finished_at | It took the service back to an earlier version.
            excluded text            | Why it does not count; null where it does.
            url text                 | Its page.
            """,
            born="started_at",
            derived=True,
        ),
        _table(
            "changes",
            "One row per service and commit, with the first deployment that carries it, or none yet.",
            "service sha",
            """
            service text!            | The service.
            repository text!         | "owner/name".
            sha text!                | The commit.
            change_id text!          | The change it belongs to: "#12" for a pull request, else the sha.
            pull_request integer     | The pull request's number.
            is_result boolean!       | This commit is the change's merged result: what must be deployed for the change to be.
            is_merge boolean!        | It has more than one parent.
            is_bot boolean!          | The change is a bot's.
            subject text free        | The pull request's title, or the commit's subject.
            first_commit_at instant  | The change's first commit by author date.
            committed_at instant!    | This commit's own committer date.
            merged_at instant        | When the change reached its base branch; the commit's date where there is no pull request.
            deployment_id text <deployed_at | The first successful production deployment that carries this commit.
            deployed_at instant <deployed_at | When that deployment finished.
            excluded text            | Why the change does not count; null where it does.
            note text                | What a reader should know: only the squash's author date is known, the clock is wrong, …
            url text                 | The pull request's page, else the commit's.
            """,
            born="committed_at",
            derived=True,
        ),
        _table(
            "failures",
            "One row per failure: an incident, or a remedy for something deployed earlier.",
            "service failure_id",
            """
            service text!            | The service.
            repository text          | "owner/name".
            failure_id text!         | "incident:<id>" or "remedy:<id>".
            source_kind text!        | incident or remedy.
            incident_id text         | The incident.
            remedy text              | What kind of remedy: rollback, revert, hotfix, patch_release.
            remedy_id text           | The change or deployment that is the remedy.
            remedy_deployment_id text <recovered_at | The deployment that carries the remedy.
            deployment_id text       | The deployment it is attributed to; null: unattributed.
            grade text               | The evidence: correction, link, remedy or window; null: unattributed.
            started_at instant!      | When it began: the incident's start, or when the remedy was first seen.
            recovered_at instant <recovered_at | Incident resolved or remedy deployed, whichever is first; null while it lasts.
            excluded text            | Why it does not count: duplicate, not a change, …; null where it does.
            title text free          | What it says.
            url text                 | Its page.
            """,
            born="started_at",
            derived=True,
        ),
    )
}
