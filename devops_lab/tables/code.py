"""What was written: repositories, commits, branches, pull requests and their reviews."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
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
    table(
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
        head_ref text free       | The branch that a merge commit's subject names, without its owner.
        reverts text             | Shas or #numbers that its message says it reverts, with spaces between.
        closes text              | Issue numbers that its message closes ("Fixes #12"), with spaces between.
        url text                 | Its page.
        """,
        born="committed_at",
        month="committed_at",
    ),
    table(
        "commit_files",
        "One row per file a commit changed: of services that are a part of their repository, and of pushed commits.",
        "repository sha path",
        """
        repository text!         | "owner/name".
        sha text!                | The commit.
        path text!               | The file's path.
        additions integer        | Lines added.
        deletions integer        | Lines deleted.
        """,
    ),
    table(
        "branches",
        "One row per branch, as it is now.",
        "repository branch",
        """
        repository text!         | "owner/name".
        branch text!             | The branch's name.
        sha text!                | The commit it points at.
        """,
    ),
    table(
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
    table(
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
    table(
        "pull_request_files",
        "One row per file a pull request changes, as its last state has it.",
        "repository number path",
        """
        repository text!         | "owner/name".
        number integer!          | The pull request's number.
        path text!               | The file's path.
        additions integer        | Lines added.
        deletions integer        | Lines deleted.
        """,
    ),
    table(
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
    table(
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
)
