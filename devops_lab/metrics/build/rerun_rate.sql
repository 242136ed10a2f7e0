-- rerun_rate
-- Share of workflow runs that were run again: they have a second attempt.
-- However many attempts a run has, it counts once, when it was made. A run that was skipped did nothing and is left
-- out; one whose first attempt still runs may yet be run again and is left out too. A cancelled run counts.
-- unit: share | statistic: share | better: lower | once: id | parameters: workflow = null
-- reference: https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
with attempts as (
    select
        repository,
        id,
        max(workflow) as workflow,
        max(path) as path,
        max(url) as url,
        min(created_at) as created_at,
        max(run_attempt) as attempt_count,
        max(case when updated_at <= cast($as_of as timestamp) then conclusion end) as conclusion
    from workflow_runs
    where run_attempt = 1 or started_at is null or started_at <= cast($as_of as timestamp)
    group by repository, id
)
select
    s.service,
    r.repository,
    r.created_at as occurred_at,
    case when r.attempt_count > 1 then 1 else 0 end as value,
    cast(r.id as varchar) as id,
    r.url,
    case
        when r.attempt_count > 1 then null
        when r.conclusion is null then 'not finished'
        when r.conclusion = 'skipped' then 'skipped'
    end as excluded,
    r.workflow as title
from services s
join attempts r on r.repository = s.repository
where (cast($workflow as varchar) is null or $workflow in (r.workflow, r.path))
