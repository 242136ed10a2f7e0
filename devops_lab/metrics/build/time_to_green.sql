-- time_to_green
-- Hours from when a workflow turned red on the default branch until its next success there.
-- Red is failure, timed_out or startup_failure after a success; what follows until the next success is one and the
-- same red time. Attempts count in the order they ended, so a failed one that was run again to green was red in
-- between. Still red is censored at as_of. A workflow that is red from its first known run has no beginning and is
-- left out. Runs of pull requests say nothing of the branch; those of the merge queue are apart: `runs =
-- 'merge_queue'` looks at them alone.
-- unit: hours | statistic: median | better: lower | once: id
-- parameters: runs = 'branch' or 'merge_queue', workflow = null
-- reference: https://martinfowler.com/articles/continuousIntegration.html#FixBrokenBuildsImmediately
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
),
coloured as (
    select
        r.repository,
        r.id,
        r.run_attempt,
        r.workflow,
        r.path,
        r.url,
        r.ended_at,
        coalesce(r.path, r.workflow, '') as lane,
        case when r.conclusion = 'success' then 1 else 0 end as green
    from attempts r
    join repositories b on b.repository = r.repository
    where r.conclusion in ('success', 'failure', 'timed_out', 'startup_failure')
        and (($runs = 'branch' and r.branch = b.default_branch and r.event not like 'pull_request%'
            and r.event <> 'merge_group')
        or ($runs = 'merge_queue' and r.event = 'merge_group'))
),
turned as (
    select
        r.*,
        lag(green) over (partition by repository, lane order by ended_at, id, run_attempt) as green_before,
        min(case when green = 1 then ended_at end) over (
            partition by repository, lane order by ended_at desc, id desc, run_attempt desc
            rows between unbounded preceding and current row
        ) as green_at
    from coloured r
)
select
    s.service,
    r.repository,
    r.ended_at as occurred_at,
    (epoch_us(coalesce(r.green_at, cast($as_of as timestamp))) - epoch_us(r.ended_at)) / 3600000000.0 as value,
    cast(r.id as varchar) || '/' || cast(r.run_attempt as varchar) as id,
    r.url,
    r.ended_at as started_at,
    coalesce(r.green_at, cast($as_of as timestamp)) as ended_at,
    r.green_at is null as censored,
    case when r.green_before is null then 'red from its first known run' end as excluded,
    r.workflow as title
from services s
join turned r on r.repository = s.repository
where r.green = 0 and coalesce(r.green_before, 1) = 1
    and (cast($workflow as varchar) is null or $workflow in (r.workflow, r.path))
