-- alert_noise
-- Share of alert episodes that were over in less than five minutes: nobody could act on them.
-- An alert that still fires, and has for less than five minutes, is not known yet and left out.
-- unit: share | statistic: share | better: lower
-- reference: https://sre.google/sre-book/monitoring-distributed-systems/
select
    a.service,
    s.repository,
    a.started_at as occurred_at,
    a.started_at,
    a.ended_at,
    case
        when epoch_us(coalesce(a.ended_at, cast($as_of as timestamp))) - epoch_us(a.started_at) < 300000000 then 1
        else 0
    end as value,
    a.id,
    null as url,
    case
        when a.ended_at is null
            and epoch_us(cast($as_of as timestamp)) - epoch_us(a.started_at) < 300000000 then 'fires since just now'
    end as excluded,
    a.alert as title,
    a.severity
from alerts a
join services s on s.service = a.service
