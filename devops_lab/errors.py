"""Every error the lab raises, as a tree.

::

    LabError                      exit status 1: something outside failed
    ├── UserError                 exit status 2: the user can mend it
    │   ├── ConfigError           lab.toml or corrections.toml; all problems at once
    │   ├── RowError              rows that do not fit their table; names row, column and value
    │   ├── QuestionError         a metric, parameter, window or period that does not exist or cannot be read
    │   └── AccessError           a token, repository or path that is wrong or may not be seen
    ├── StoreError                the store is damaged, locked, or newer than this lab
    ├── SourceError               a server, git or a file did not answer as it should
    └── ReportError               a notebook failed; names the notebook, the cell and where the partial output lies

A message says what happened, the value, and the way out.  No message holds a secret.
"""


class LabError(Exception):
    """Something failed; the message says what, the value, and the way out."""

    exit_status = 1


class UserError(LabError):
    """The user can mend it: a setting, an argument, a file."""

    exit_status = 2


class ConfigError(UserError):
    """Problems of ``lab.toml`` or ``corrections.toml``, all at once."""

    def __init__(self, path: object, problems: list[str]) -> None:
        self.path, self.problems = path, problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *(f"  - {problem}" for problem in problems)]))


class RowError(UserError):
    """Rows that do not fit their table; each problem names row, column and value."""

    def __init__(self, table: str, problems: list[str]) -> None:
        self.table, self.problems = table, problems
        shown = problems[:10]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        super().__init__("\n".join([f"{table}: nothing was written", *(f"  - {problem}" for problem in shown)]))


class QuestionError(UserError):
    """A metric, parameter, window or period that does not exist or cannot be read."""


class AccessError(UserError):
    """A token, repository or path that is wrong or may not be seen."""


class StoreError(LabError):
    """The store is damaged, locked, or newer than this lab."""


class SourceError(LabError):
    """A server, git or a file did not answer as it should."""


class ReportError(LabError):
    """A notebook failed; the message names it, the cell and where the partial output lies."""
