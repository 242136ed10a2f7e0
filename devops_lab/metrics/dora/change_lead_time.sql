-- change_lead_time
-- Hours from a change's first commit to the end of the first successful production deployment that carries it.
-- A change is a pull request, or a commit without one; it is carried by ancestry, not by dates. Merge commits and
-- promotions are no changes. What the first known deployment carried was deployed before records began: listed, not
-- counted; so is what waits for a deployment. Above services a change counts once, when it was first deployed.
-- The clock may start at the first commit by author date, at the commit date of the merged result (committed), or
-- when the change was merged. A wrong clock's value is kept, and the row's note says so. Formerly "lead time for changes".
-- unit: hours | statistic: median | better: lower | resample: ended_at | once: id
-- parameters: clock = 'first_commit' or 'committed' or 'merged', bots = true
-- reference: https://dora.dev/guides/dora-metrics/
with clocked as (
    select
        service,
        repository,
        change_id,
        url,
        subject,
        note,
        is_bot,
        committed_at,
        merged_at,
        deployed_at,
        case $clock when 'committed' then committed_at when 'merged' then merged_at else first_commit_at end as clock_at,
        case when excluded = 'deployed before records' and deployed_at is null then null else excluded end as reason
    from changes
    where is_result
)
select
    service,
    repository,
    coalesce(deployed_at, merged_at, committed_at) as occurred_at,
    (epoch_us(deployed_at) - epoch_us(clock_at)) / 3600000000.0 as value,
    change_id as id,
    url,
    clock_at as started_at,
    deployed_at as ended_at,
    case
        when reason is not null then reason
        when deployed_at is null then 'not deployed yet'
        when is_bot and not $bots then 'bot'
        when clock_at is null then 'start unknown'
    end as excluded,
    subject as title,
    note
from clocked
