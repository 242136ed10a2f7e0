-- log_error_rate
-- Log lines of level error an hour, over the time that Prometheus (or Loki) knows.
-- One row per step: value is its lines, denominator its length in hours. A step belongs to the period it begins in.
-- unit: lines an hour | statistic: ratio | better: lower
-- reference: https://grafana.com/docs/loki/latest/reference/loki-http-api/
select
    l.service,
    s.repository,
    l.started_at as occurred_at,
    l.started_at,
    l.ended_at,
    l.lines as value,
    (epoch_us(l.ended_at) - epoch_us(l.started_at)) / 3600000000.0 as denominator,
    cast(l.started_at as varchar) as id,
    null as url
from log_errors l
join services s on s.service = l.service
where l.ended_at <= cast($as_of as timestamp)
