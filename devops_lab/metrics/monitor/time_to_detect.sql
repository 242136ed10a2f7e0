-- time_to_detect
-- Minutes until an incident was noticed: from the deployment that caused it (else from the incident's own start) to
-- the first alert of the service, or to the issue about it, whichever is first.
-- An incident counts when it began, or when its issue was opened, as in incident_count. Alerts count until it was
-- resolved; what fired before the deployment tells of something else. Without a deployment an alert that fired already
-- when the incident began took no time. An issue is opened when somebody notices, so without a deployment (or where the
-- incident is marked as no change's) nobody knows how long it had lasted: it is listed, not counted, as 0 would flatter.
-- So are incidents from other trackers about which no alert fired, and duplicates.
-- unit: minutes | statistic: median | better: lower
-- covered_by: incidents
-- reference: https://sre.google/workbook/incident-response/
with incident as (
    select
        f.service,
        f.repository,
        f.incident_id,
        f.title,
        f.url,
        f.excluded,
        i.started_at as noticed_or_began,
        i.source = 'delivery' as is_issue,
        d.finished_at as deployed_at,
        coalesce(d.finished_at, i.started_at) as started_at,
        case when i.resolved_at <= cast($as_of as timestamp) then i.resolved_at end as resolved_at
    from failures f
    join incidents i on i.service = f.service and i.id = f.incident_id
    left join deployments d on d.service = f.service and d.id = f.deployment_id and f.excluded is null
    where f.source_kind = 'incident'
),
alarmed as (
    select i.service, i.incident_id, min(a.started_at) as alerted_at
    from incident i
    join alerts a
        on a.service = i.service
        and coalesce(a.ended_at, cast($as_of as timestamp)) > i.started_at
        and (i.deployed_at is null or a.started_at >= i.deployed_at)
        and a.started_at < coalesce(i.resolved_at, cast($as_of as timestamp))
    group by i.service, i.incident_id
),
noticed as (
    select
        i.*,
        a.alerted_at,
        case
            when i.is_issue and (a.alerted_at is null or i.noticed_or_began < a.alerted_at) then i.noticed_or_began
            else a.alerted_at
        end as first_sign
    from incident i
    left join alarmed a on a.service = i.service and a.incident_id = i.incident_id
)
select
    service,
    repository,
    noticed_or_began as occurred_at,
    started_at,
    greatest(first_sign, started_at) as ended_at,
    (epoch_us(greatest(first_sign, started_at)) - epoch_us(started_at)) / 60000000.0 as value,
    incident_id as id,
    url,
    case
        when excluded like '%duplicate%' then excluded
        when deployed_at is null and is_issue then 'nobody knows when it began'
        when first_sign is null then 'no alert fired'
    end as excluded,
    title
from noticed
