-- test_duration
-- Minutes that a test run took, from its JUnit files: suites that ran side by side count one after the other.
-- A run that could not be read, or does not say, is listed, not counted. The slowest cases are in test_cases.
-- unit: minutes | statistic: median | better: lower | once: id
-- reference: https://dora.dev/capabilities/test-automation/
select
    s.service,
    t.repository,
    t.created_at as occurred_at,
    t.seconds / 60.0 as value,
    t.id,
    t.url,
    case
        when t.refused is not null then 'could not be read'
        when t.tests = 0 then 'no tests in it'
        when t.seconds is null then 'does not say how long it took'
    end as excluded,
    t.name as title
from test_runs t
join services s on s.repository = t.repository
