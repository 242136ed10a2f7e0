-- patch_release_share
-- Share of releases in which only the patch number moved against the release before on the same line.
-- v1.2.4 after v1.2.3 is one, also when v1.3.0 is out; v1.3.0 and v2.0.0 are none. Lines are the numbers before the
-- patch with what stands in front of them (app@1.2 and web@1.2 are two). The first release of all has nothing before
-- it, and tags that are no versions say nothing: listed, not counted. Pre-releases are left out. High is no virtue and
-- no vice: read it beside change_fail_rate.
-- unit: share | statistic: share | once: id
-- covered_by: releases, tags
-- reference: https://semver.org
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
numbered as (
    select
        service,
        repository,
        tag,
        released_at,
        url,
        regexp_extract(tag, '^(.*?)[0-9]+[.][0-9]+', 1) as front,
        regexp_extract(tag, '^.*?([0-9]+[.][0-9]+)', 1) as line,
        cast('0' || regexp_extract(tag, '^.*?[0-9]+[.][0-9]+[.]([0-9]{1,9})', 1) as bigint) as patch,
        case
            when reason is not null then reason
            when not regexp_matches(tag, '[0-9]+[.][0-9]+') then 'not a version'
            when early then 'pre-release'
        end as reason
    from own
),
earlier as (
    select
        n.service,
        n.tag,
        max(case when o.line = n.line and o.patch < n.patch then 1 else 0 end) as moved
    from numbered n
    join numbered o on o.service = n.service and o.front = n.front
    where n.reason is null and o.reason is null and o.released_at < n.released_at
    group by n.service, n.tag
)
select
    n.service,
    n.repository,
    n.released_at as occurred_at,
    e.moved as value,
    n.tag as id,
    n.url,
    case
        when n.reason is not null then n.reason
        when e.moved is null then 'nothing before it'
    end as excluded,
    n.tag as title
from numbered n
left join earlier e on e.service = n.service and e.tag = n.tag
