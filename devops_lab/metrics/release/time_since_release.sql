-- time_since_release
-- Days since the last release, at the period's end.
-- Pre-releases and drafts do not count, unless `prereleases` is true. In a repository without GitHub releases its
-- version tags are the releases. Before the first release there is nothing to measure from, so no row.
-- unit: days | statistic: median | better: lower | kind: state | once: id | parameters: prereleases = false
-- covered_by: releases, tags
-- reference: https://docs.github.com/en/rest/releases/releases
with known as (
    select distinct repository from releases
),
shipped as (
    select
        repository,
        tag,
        published_at as released_at,
        coalesce(prerelease, false) as early,
        url,
        case when draft then 'draft' end as reason
    from releases
    where published_at is not null
    union all
    select
        t.repository,
        t.tag,
        t.tagged_at as released_at,
        not regexp_matches(t.tag, '(^|[^0-9.])[0-9]{1,9}([.][0-9]{1,9}){1,3}([+].*)?$') as early,
        null as url,
        case
            when not regexp_matches(t.tag, '(^|[^0-9.])[0-9]{1,9}([.][0-9]{1,9}){1,3}') then 'not a version'
        end as reason
    from tags t
    left join known k on k.repository = t.repository
    where k.repository is null and t.tagged_at is not null
),
ruled as (
    select distinct service, ref as tag from deployments where rule in ('releases', 'tags')
),
narrowed as (
    select distinct service from ruled
),
own as (
    select s.service, r.repository, r.tag, r.released_at, r.early, r.url, r.reason
    from services s
    join shipped r on r.repository = s.repository
    left join narrowed n on n.service = s.service
    left join ruled d on d.service = s.service and d.tag = r.tag
    where n.service is null or d.tag is not null or r.early or r.reason is not null
),
latest as (
    select r.service, r.repository, p.period_start, p.period_end, max(r.released_at) as released_at
    from own r
    join periods p on r.released_at < p.period_end
    where r.reason is null and ($prereleases or not r.early)
    group by r.service, r.repository, p.period_start, p.period_end
)
select
    l.service,
    l.repository,
    l.period_start,
    l.period_end as occurred_at,
    (epoch_us(l.period_end) - epoch_us(l.released_at)) / 86400000000.0 as value,
    min(r.tag) as id,
    min(r.url) as url,
    l.released_at as started_at,
    l.period_end as ended_at
from latest l
join own r on r.service = l.service and r.released_at = l.released_at
where r.reason is null and ($prereleases or not r.early)
group by l.service, l.repository, l.period_start, l.period_end, l.released_at
