-- release_size
-- Changes in a release: those that it is the first to contain, a count per release.
-- A change is a pull request or a commit without one; merge commits and promotions are none. A release of what was out
-- already has 0. Pre-releases and drafts are no releases: what they bring counts in the release that follows. The
-- first known release contains everything from before records, and one whose commit is not known nothing that can be
-- counted: listed, not counted.
-- unit: changes | statistic: median | better: lower | once: id | parameters: bots = true
-- covered_by: commits, releases, tags
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
held as (
    select
        service,
        repository,
        released_in,
        sum(
            case
                when excluded in ('merge commit', 'promotion') or (is_bot and not $bots) then 0
                else 1
            end
        ) as change_count,
        max(release_excluded) as release_excluded
    from changes
    where is_result and released_in is not null
    group by service, repository, released_in
)
select
    r.service,
    r.repository,
    r.released_at as occurred_at,
    coalesce(h.change_count, 0) as value,
    r.tag as id,
    r.url,
    case
        when r.reason is not null then r.reason
        when r.early then 'pre-release'
        when m.sha is null then 'commit unknown'
        when h.release_excluded is not null then h.release_excluded
    end as excluded,
    r.tag as title
from own r
left join held h on h.service = r.service and h.released_in = r.tag
left join tags t on t.repository = r.repository and t.tag = r.tag
left join commits m on m.repository = t.repository and m.sha = t.sha
