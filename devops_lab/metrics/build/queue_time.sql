-- queue_time
-- Seconds a job waited for a runner: from when it was queued to when it started.
-- Jobs that a runner never took (skipped, or cancelled while they waited) have no queue time, nor has one that still
-- waits. Waiting for an approval of an environment is in it, as GitHub queues the job before. Each attempt's jobs
-- count, those that a re-run only lists again count once.
-- unit: seconds | statistic: median, p95 | better: lower | once: id | parameters: workflow = null
-- reference: https://docs.github.com/en/rest/actions/workflow-jobs
with dated as (
    select
        j.*,
        r.workflow,
        r.path,
        case
            when j.run_attempt > 1 and j.started_at < r.started_at then 'ran in an earlier attempt'
            when j.conclusion = 'skipped' then 'skipped'
            when j.conclusion = 'cancelled' and j.runner_group is null then 'never started'
            when j.started_at is null and j.conclusion is not null then 'never started'
            when j.status in ('queued', 'waiting', 'pending', 'requested') then 'not started yet'
            when j.started_at is null or j.started_at > cast($as_of as timestamp) then 'not started yet'
        end as reason
    from workflow_jobs j
    left join workflow_runs r
        on r.repository = j.repository and r.id = j.run_id and r.run_attempt = j.run_attempt
)
select
    s.service,
    r.repository,
    case when r.reason is null then r.started_at else coalesce(r.created_at, r.started_at) end as occurred_at,
    (epoch_us(r.started_at) - epoch_us(r.created_at)) / 1000000.0 as value,
    cast(r.id as varchar) as id,
    r.url,
    r.created_at as started_at,
    case when r.reason is null then r.started_at end as ended_at,
    case
        when r.reason is not null then r.reason
        when r.created_at is null then 'queued at an unknown time'
        when r.started_at < r.created_at then 'clock: started before it was queued'
    end as excluded,
    r.name as title
from services s
join dated r on r.repository = s.repository
where (cast($workflow as varchar) is null or $workflow in (r.workflow, r.path))
