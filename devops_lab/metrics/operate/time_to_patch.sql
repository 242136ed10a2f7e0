-- time_to_patch
-- Days from a security alert of Dependabot or code scanning until it was fixed.
-- One that is still open is censored at as_of. One that was dismissed was not patched: it is listed, not counted.
-- unit: days | statistic: median | better: lower | parameters: severity = '' | once: id
-- reference: https://docs.github.com/en/code-security/dependabot/dependabot-alerts
select
    s.service,
    a.repository,
    a.created_at as occurred_at,
    a.created_at as started_at,
    coalesce(a.fixed_at, cast($as_of as timestamp)) as ended_at,
    (epoch_us(coalesce(a.fixed_at, cast($as_of as timestamp))) - epoch_us(a.created_at)) / 86400000000.0 as value,
    concat(a.kind, '#', cast(a.number as varchar)) as id,
    a.url,
    a.fixed_at is null as censored,
    case when a.fixed_at is null and a.dismissed_at is not null then 'dismissed' end as excluded,
    a.severity,
    a.name as title
from security_alerts a
join services s on s.repository = a.repository
where $severity = '' or a.severity = $severity
