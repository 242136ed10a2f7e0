-- release_frequency
-- Releases that were published: a count.
-- Pre-releases are apart: `which = 'pre-releases'` counts them alone. Drafts are no releases. A release is dated when
-- it was published, not by its commit. In a repository without GitHub releases its version tags are the releases,
-- dated by their tagger or else their commit; a suffix (v2.0.0-rc.1) makes a pre-release, and other tags are listed,
-- not counted. Where the service's deployments are releases or tags, its releases are those that its rule means.
-- unit: count | statistic: count | better: higher | once: id | parameters: which = 'releases' or 'pre-releases'
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
)
select
    r.service,
    r.repository,
    r.released_at as occurred_at,
    1 as value,
    r.tag as id,
    r.url,
    case
        when r.reason is not null then r.reason
        when $which = 'releases' and r.early then 'pre-release'
        when $which = 'pre-releases' and not r.early then 'no pre-release'
    end as excluded,
    r.tag as title
from own r
