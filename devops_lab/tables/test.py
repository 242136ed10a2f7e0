"""What tests said: one report of a test run, and its cases."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "test_runs",
        "One row per artifact or file of JUnit XML that was looked at.",
        "repository id",
        """
        repository text!         | "owner/name".
        id text!                 | "artifact:" and GitHub's number, or "file:", the file's path and its digest.
        name text                | The artifact's or file's name.
        run_id integer           | The workflow run.
        run_attempt integer      | Its attempt.
        sha text                 | The commit that was tested.
        created_at instant!      | When the results were made.
        tests integer            | Cases that were found.
        failed integer           | Cases that failed or ended in an error.
        skipped integer          | Cases that did not run.
        flaky integer            | Cases that failed first and passed when they were run again.
        seconds number           | The test run's wall time as its files say; null where they do not.
        refused text             | Why it could not be read; null where it could.
        url text                 | The run's page.
        """,
        born="created_at",
    ),
    table(
        "test_cases",
        "One row per test case of a test run.",
        "repository test_run suite classname name occurrence",
        """
        repository text!         | "owner/name".
        test_run text!           | The test run's id.
        suite text!              | The names of the suites around it, with " / " between; may be empty.
        classname text!          | Its class, module or file; may be empty.
        name text!               | Its name.
        occurrence integer!      | 1, or more where a file names one case several times.
        run_id integer           | The workflow run.
        run_attempt integer      | Its attempt.
        sha text                 | The commit that was tested.
        occurred_at instant!     | When the results were made.
        result text!             | passed, failed, error or skipped: how it ended at last.
        flaky boolean!           | It failed first, and passed when it was run again.
        seconds number           | How long it took; null where it is not said.
        message text free        | What went wrong, the first line.
        """,
        born="occurred_at",
        month="occurred_at",
    ),
)
