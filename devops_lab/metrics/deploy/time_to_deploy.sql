-- time_to_deploy
-- Hours from a change's merge to the end of the first successful production deployment that carries it.
-- It is the last stretch of change_lead_time, from the merge on. A change that was deployed from its branch before it
-- was merged waited for nothing and is left out, not negative. What the first known deployment carried was deployed
-- before records began: listed, not counted; so is what waits. Above services a change counts once, when it was first
-- deployed.
-- unit: hours | statistic: median | better: lower | resample: ended_at | once: id | parameters: bots = true
-- reference: https://dora.dev/guides/dora-metrics/
with merged as (
    select
        service,
        repository,
        change_id,
        url,
        subject,
        is_bot,
        coalesce(merged_at, committed_at) as merged_at,
        deployed_at,
        case when excluded = 'deployed before records' and deployed_at is null then null else excluded end as reason
    from changes
    where is_result
)
select
    service,
    repository,
    coalesce(deployed_at, merged_at) as occurred_at,
    (epoch_us(deployed_at) - epoch_us(merged_at)) / 3600000000.0 as value,
    change_id as id,
    url,
    merged_at as started_at,
    deployed_at as ended_at,
    case
        when reason is not null then reason
        when deployed_at is null then 'not deployed yet'
        when is_bot and not $bots then 'bot'
        when deployed_at < merged_at then 'deployed before it was merged'
    end as excluded,
    subject as title
from merged
