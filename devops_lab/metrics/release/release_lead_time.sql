-- release_lead_time
-- Hours from a change's merge to the first release that contains it.
-- A release contains a change by ancestry, not by dates. Pre-releases and drafts are no releases; in a repository
-- without GitHub releases its version tags are. What the first known release contains was released before records
-- began: listed, not counted; so is what waits for a release. Merge commits and promotions are no changes. Above
-- services a change counts once, when it was first released.
-- unit: hours | statistic: median | better: lower | resample: ended_at | once: id | parameters: bots = true
-- covered_by: commits, releases, tags
-- reference: https://docs.github.com/en/rest/releases/releases
with merged as (
    select
        service,
        repository,
        change_id,
        url,
        subject,
        is_bot,
        coalesce(merged_at, committed_at) as merged_at,
        released_at,
        released_in,
        case when excluded in ('merge commit', 'promotion') then excluded end as no_change,
        release_excluded
    from changes
    where is_result
)
select
    service,
    repository,
    coalesce(released_at, merged_at) as occurred_at,
    (epoch_us(released_at) - epoch_us(merged_at)) / 3600000000.0 as value,
    change_id as id,
    url,
    merged_at as started_at,
    released_at as ended_at,
    case
        when no_change is not null then no_change
        when released_at is null and release_excluded = 'release unknown' then release_excluded
        when released_at is null then 'not released yet'
        when release_excluded is not null then release_excluded
        when is_bot and not $bots then 'bot'
        when released_at < merged_at then 'released before it was merged'
    end as excluded,
    subject as title,
    released_in as note
from merged
