-- deployment_frequency
-- Successful production deployments: a count per period, and over a whole window the count ÷ calendar days, per week.
-- Every rollout counts, also of a sha that was deployed before; unsuccessful, cancelled and unfinished ones are listed
-- and not counted. The number is said ("0.47 a week"), never a word like "daily".
-- unit: count | statistic: count | window: per week | better: higher
-- reference: https://dora.dev/guides/dora-metrics/
select
    service,
    repository,
    coalesce(finished_at, started_at) as occurred_at,
    1 as value,
    id,
    url,
    case
        when excluded is not null then excluded
        when result is null then 'not finished'
        when result = 'cancelled' then 'cancelled'
        when result <> 'success' then 'unsuccessful'
    end as excluded,
    ref as title
from deployments
