-- flaky_rate
-- Share of tests that failed and passed on one commit: nothing had changed but luck.
-- Of test cases where JUnit files are there (also re-runs within one file), else of jobs, a re-run of which passed or
-- failed unlike the first. A test counts once per commit, when it ran last; one that never ran there is left out.
-- unit: share | statistic: share | better: lower | once: id
-- covered_by: workflow_runs, workflow_jobs
-- reference: https://testing.googleblog.com/2016/05/flaky-tests-at-google-and-how-we.html
with reported as (
    select distinct repository from test_cases
),
seen as (
    select
        t.repository,
        t.sha,
        concat(t.suite, ' ', t.classname, ' ', t.name, ' ', cast(t.occurrence as varchar)) as id,
        t.occurred_at,
        t.result = 'passed' as passed,
        t.result in ('failed', 'error') or t.flaky as failed
    from test_cases t
    where t.sha is not null and t.result <> 'skipped'
    union all
    select
        j.repository,
        j.sha,
        concat(r.workflow, ' / ', j.name) as id,
        j.completed_at as occurred_at,
        j.conclusion = 'success' as passed,
        j.conclusion in ('failure', 'timed_out') as failed
    from workflow_jobs j
    join workflow_runs r
        on r.repository = j.repository and r.id = j.run_id and r.run_attempt = j.run_attempt
    left join reported t on t.repository = j.repository
    where t.repository is null and j.sha is not null and j.conclusion in ('success', 'failure', 'timed_out')
)
select
    s.service,
    e.repository,
    max(e.occurred_at) as occurred_at,
    min(e.occurred_at) as started_at,
    max(e.occurred_at) as ended_at,
    case
        when max(case when e.passed then 1 else 0 end) = 1 and max(case when e.failed then 1 else 0 end) = 1 then 1
        else 0
    end as value,
    concat(e.sha, ' ', e.id) as id,
    null as url,
    e.id as title
from seen e
join services s on s.repository = e.repository
group by s.service, e.repository, e.sha, e.id
