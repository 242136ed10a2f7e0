-- alert_count
-- Episodes of alerts: from when on an alert fired until it no longer did.
-- Samples at most one step apart are one episode. Filtered by the severity where one is asked for.
-- unit: count | statistic: count | better: lower | parameters: severity = ''
-- reference: https://sre.google/sre-book/monitoring-distributed-systems/
select
    a.service,
    s.repository,
    a.started_at as occurred_at,
    a.started_at,
    a.ended_at,
    1 as value,
    a.id,
    null as url,
    case
        when $severity <> '' and (a.severity is null or a.severity <> $severity) then 'of another severity'
    end as excluded,
    a.alert as title,
    a.severity
from alerts a
join services s on s.service = a.service
