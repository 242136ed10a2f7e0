-- test_pass_rate
-- Share of test cases that passed, of those that ran.
-- A case that failed and passed when it was run again in the same test run has passed (see flaky_rate). Skipped ones
-- are listed, not counted.
-- unit: share | statistic: share | better: higher | once: id
-- reference: https://dora.dev/capabilities/test-automation/
select
    s.service,
    t.repository,
    t.occurred_at,
    case when t.result = 'passed' then 1 else 0 end as value,
    concat(t.test_run, ' ', t.suite, ' ', t.classname, ' ', t.name, ' ', cast(t.occurrence as varchar)) as id,
    null as url,
    case when t.result = 'skipped' then 'skipped' end as excluded,
    t.name as title,
    t.message
from test_cases t
join services s on s.repository = t.repository
