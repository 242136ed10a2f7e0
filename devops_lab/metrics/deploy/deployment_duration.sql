-- deployment_duration
-- Minutes a successful production deployment took, from its start to its end.
-- Deployments that did not succeed are listed, not counted: how long it took to fail is another question. Releases,
-- tags and merges that count as deployments are instants and took no time that anybody measured.
-- unit: minutes | statistic: median | better: lower
-- reference: https://docs.github.com/en/rest/deployments/statuses
select
    service,
    repository,
    coalesce(finished_at, started_at) as occurred_at,
    (epoch_us(finished_at) - epoch_us(started_at)) / 60000000.0 as value,
    id,
    url,
    started_at,
    finished_at as ended_at,
    case
        when excluded is not null then excluded
        when result is null then 'not finished'
        when result = 'cancelled' then 'cancelled'
        when result <> 'success' then 'unsuccessful'
        when rule in ('releases', 'tags', 'merges') then 'no duration: an instant stands for it'
        when finished_at < started_at then 'clock: ended before it started'
    end as excluded,
    ref as title
from deployments
