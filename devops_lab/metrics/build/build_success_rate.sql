-- build_success_rate
-- Share of workflow run attempts that succeeded, among those that ended in success, failure, timed_out or
-- startup_failure.
-- Each attempt counts for itself: one that failed and was run again to green keeps its failure. Cancelled, skipped,
-- neutral, stale and action_required attempts are listed, not counted; so are those that still run. All workflows
-- count unless `workflow` names one, by its name or its file (.github/workflows/ci.yml).
-- unit: share | statistic: share | better: higher | once: id | parameters: workflow = null
-- reference: https://docs.github.com/en/rest/actions/workflow-runs
with ran as (
    select repository, run_id, run_attempt, max(completed_at) as ended_at
    from workflow_jobs
    where conclusion is not null and conclusion <> 'skipped'
    group by repository, run_id, run_attempt
),
attempts as (
    select
        r.repository,
        r.id,
        r.run_attempt,
        r.workflow,
        r.path,
        r.branch,
        r.event,
        r.url,
        r.created_at,
        case when r.run_attempt = 1 then coalesce(r.started_at, r.created_at) else r.started_at end as started_at,
        case when r.updated_at <= cast($as_of as timestamp) then r.conclusion end as conclusion,
        case
            when r.conclusion is null or r.updated_at > cast($as_of as timestamp) then null
            when j.ended_at >= coalesce(r.started_at, r.created_at) then j.ended_at
            else r.updated_at
        end as ended_at
    from workflow_runs r
    left join ran j on j.repository = r.repository and j.run_id = r.id and j.run_attempt = r.run_attempt
)
select
    s.service,
    r.repository,
    coalesce(r.ended_at, r.started_at, r.created_at) as occurred_at,
    case when r.conclusion = 'success' then 1 else 0 end as value,
    cast(r.id as varchar) || '/' || cast(r.run_attempt as varchar) as id,
    r.url,
    case
        when r.conclusion is null then 'not finished'
        when r.conclusion not in ('success', 'failure', 'timed_out', 'startup_failure') then r.conclusion
    end as excluded,
    r.workflow as title
from services s
join attempts r on r.repository = s.repository
where (cast($workflow as varchar) is null or $workflow in (r.workflow, r.path))
