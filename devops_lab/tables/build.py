"""What was built and tested: workflows, runs with every attempt, jobs and steps."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
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
    table(
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
        branch text free         | The branch or tag it ran on.
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
    table(
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
    table(
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
)
