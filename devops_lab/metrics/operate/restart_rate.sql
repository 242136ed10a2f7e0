-- restart_rate
-- Container or process restarts a day, over the time that Prometheus knows.
-- One row per step: value is its restarts, denominator its length in days. A step belongs to the period it begins in.
-- unit: restarts a day | statistic: ratio | better: lower
-- reference: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
select
    r.service,
    s.repository,
    r.started_at as occurred_at,
    r.started_at,
    r.ended_at,
    r.restarts as value,
    (epoch_us(r.ended_at) - epoch_us(r.started_at)) / 86400000000.0 as denominator,
    cast(r.started_at as varchar) as id,
    null as url
from restarts r
join services s on s.service = r.service
where r.ended_at <= cast($as_of as timestamp)
