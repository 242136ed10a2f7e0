"""The only code that changes the outside: start a workflow, watch it, cancel, run again, approve, reject, roll back.

::

    outcomes       the errors: refused before it was sent, refused by the server, or nobody knows whether it started
    connection     one server with a token of its own: who it is, one answer at a time
    masking        what looks like a secret is shown and kept as "***"
    texts          texts from outside made inert for a terminal and plain text
    declaration    a workflow's file: its inputs, its jobs, the environments it may change, the marks it shows
    permission     the rules of lab.toml: who, workflow, ref, environment, freezes, read-only
    record         the `actions` table: a row before anything is sent, its outcome after; doubles are found here
    plan           what a dispatch would send, and every reason against it
    dispatching    `Actions`, and `dispatch`: everything checked, recorded, sent once
    sending        the request itself, and what its answer means
    finding        which run a request started, where the answer did not say
    driving        `Run`: cancel, rerun, approve, reject, logs
    watching       a run's jobs and steps as they move
    joblogs        a job's log
    rollback       which version was good before, and how the workflow takes it
    reading        the workflow and its file at a ref
    choices        what there is to choose: workflows, branches and tags, environments
    board          which runs there are, of one workflow or over many repositories
    attaching      one's own runs again, and what a person says of an unknown one
    details        annotations, artifacts, the end of a log
    usual          how long jobs usually take, and a run still goes

What is sent is sent once.  Where no answer tells whether it had an effect, the outcome is `unknown` and nothing is
sent again, but for a workflow that shows a mark: there the run is looked for first.  A token may be shared: then
`person` says for whom it acts.
"""

from devops_lab.actions.dispatching import Actions, dispatch
from devops_lab.actions.driving import Run
from devops_lab.actions.outcomes import RefusedActionError, SentActionError, UnknownOutcomeError
from devops_lab.actions.plan import Plan
from devops_lab.actions.watching import Job, Progress

__all__ = [
    "Actions",
    "Job",
    "Plan",
    "Progress",
    "RefusedActionError",
    "Run",
    "SentActionError",
    "UnknownOutcomeError",
    "dispatch",
]
