-- runner_minutes
-- Minutes of runners, as GitHub bills them: each job's time rounded up to the minute, times the weight of its runner.
-- Weights: Linux 1, Windows 2, macOS 10; a larger runner whose label says its cores weighs cores ÷ 2 times as much,
-- macOS "large" 15 and "xlarge" 20. Self-hosted runners cost GitHub's customers no minutes: `self_hosted` is their
-- weight. A job counts in each attempt that ran it, also when it failed or was cancelled while it ran, but not where a
-- re-run of failed jobs only lists it again. Runners with labels of their own are taken as Linux, and the note says
-- so. Public repositories run free on GitHub's own runners; the weight stays.
-- unit: minutes | statistic: sum | better: lower | once: id | parameters: self_hosted = 0, workflow = null
-- reference: https://docs.github.com/en/billing/concepts/product-billing/github-actions
with dated as (
    select
        j.*,
        r.workflow,
        r.path,
        ',' || lower(replace(coalesce(j.labels, ''), ' ', '')) || ',' as kinds,
        case when j.completed_at <= cast($as_of as timestamp) then j.conclusion end as known_conclusion,
        coalesce(j.run_attempt > 1 and j.started_at < r.started_at, false) as listed_again
    from workflow_jobs j
    left join workflow_runs r
        on r.repository = j.repository and r.id = j.run_id and r.run_attempt = j.run_attempt
),
weighed as (
    select
        d.*,
        case
            when kinds like '%,self-hosted,%' then $self_hosted
            when kinds like '%macos%xlarge%' then 20
            when kinds like '%macos%large%' then 15
            when kinds like '%macos%' then 10
            when kinds like '%windows%' then 2
            else 1
        end as weight,
        case
            when kinds like '%,self-hosted,%' then 'self-hosted'
            when kinds like '%macos%' then 'macos'
            when kinds like '%windows%' then 'windows'
            else 'linux'
        end as kind,
        case
            when kinds like '%,self-hosted,%' or kinds like '%macos%' then 1
            when kinds like '%96-core%' or kinds like '%96core%' then 48
            when kinds like '%64-core%' or kinds like '%64core%' then 32
            when kinds like '%32-core%' or kinds like '%32core%' then 16
            when kinds like '%16-core%' or kinds like '%16core%' then 8
            when kinds like '%8-core%' or kinds like '%8core%' then 4
            when kinds like '%4-core%' or kinds like '%4core%' then 2
            else 1
        end as size
    from dated d
)
select
    s.service,
    r.repository,
    case
        when r.known_conclusion is not null then r.completed_at
        else coalesce(r.started_at, r.created_at)
    end as occurred_at,
    ceil((epoch_us(r.completed_at) - epoch_us(r.started_at)) / 60000000.0) * r.weight * r.size as value,
    cast(r.id as varchar) as id,
    r.url,
    case
        when r.listed_again then 'ran in an earlier attempt'
        when r.known_conclusion is null then 'not finished'
        when r.known_conclusion = 'skipped' then 'skipped'
        when r.started_at is null or (r.known_conclusion = 'cancelled' and r.runner_group is null) then 'never started'
        when r.completed_at < r.started_at then 'clock: ended before it started'
    end as excluded,
    r.name as title,
    r.workflow,
    r.kind,
    r.run_attempt > 1 as again,
    case
        when r.kinds like '%ubuntu%' or r.kinds like '%linux%' or r.kinds like '%windows%' then null
        when r.kinds like '%macos%' or r.kinds like '%,self-hosted,%' then null
        else 'kind of runner unknown: taken as Linux'
    end as note
from services s
join weighed r on r.repository = s.repository
where (cast($workflow as varchar) is null or $workflow in (r.workflow, r.path))
