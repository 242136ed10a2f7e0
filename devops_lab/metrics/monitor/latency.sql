-- latency
-- Seconds that requests took, from the service's latency histogram.
-- One row per step and bucket: value is the bucket's upper bound, denominator the requests in it. The buckets of the
-- whole period are added up first and then one percentile is taken, as Prometheus' histogram_quantile does; a
-- percentile in the bucket +Inf is the highest bound, "at least". The number of rows is not the number of requests. A
-- step belongs to the period it begins in.
-- unit: seconds | statistic: p50, p95, p99 | better: lower
-- reference: https://prometheus.io/docs/practices/histograms/
with bounds as (
    select service, started_at, max(le) as highest
    from latency_buckets
    where le < 1e300
    group by service, started_at
)
select
    b.service,
    s.repository,
    b.started_at as occurred_at,
    case when b.le < 1e300 then b.le else h.highest end as value,
    b.requests as denominator,
    b.le >= 1e300 as censored,
    concat(
        cast(b.started_at as varchar),
        case
            when b.le < 1e300 then concat(' up to ', cast(cast(round(b.le * 1000000) as bigint) as varchar), ' us')
            else ' longer'
        end
    ) as id,
    null as url,
    case when h.highest is null then 'no bucket but +Inf' end as excluded
from latency_buckets b
join services s on s.service = b.service
left join bounds h on h.service = b.service and h.started_at = b.started_at
where b.ended_at <= cast($as_of as timestamp)
