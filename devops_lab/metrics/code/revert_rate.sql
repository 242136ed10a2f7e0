-- revert_rate
-- Share of the changes on the default branch that were reverted later.
-- A change is a pull request or a commit without one. It was reverted when a later change that got in says so: git's
-- "This reverts commit …" or GitHub's "Reverts owner/name#12". Naming one of a change's commits is naming the change.
-- A revert counts as a change itself, and may be reverted too. Recent changes have had less time to be reverted:
-- compare periods of the same age. Merge commits and promotions are no changes; what never reached the default branch
-- (a backport on a release branch) is listed, not counted.
-- unit: share | statistic: share | better: lower | once: id | parameters: bots = true
-- covered_by: commits
-- reference: https://git-scm.com/docs/git-revert
with quarters as (
    select 0 as part union all select 1 union all select 2 union all select 3
),
spots as (
    select 4 * a.part + b.part + 1 as spot from quarters a cross join quarters b
),
said as (
    select c.service, c.change_id, m.reverts
    from changes c
    join commits m on m.repository = c.repository and m.sha = c.sha
    where m.reverts is not null and coalesce(c.is_landed, true)
    union all
    select c.service, c.change_id, p.reverts
    from changes c
    join pull_requests p on p.repository = c.repository and p.number = c.pull_request
    where c.is_result and p.reverts is not null and coalesce(c.is_landed, true)
    union all
    select c.service, c.change_id, m.reverts
    from changes c
    join pull_request_commits m on m.repository = c.repository and m.number = c.pull_request
    where c.is_result and m.reverts is not null and coalesce(c.is_landed, true)
),
words as (
    select distinct d.service, d.change_id, split_part(d.reverts, ' ', k.spot) as word
    from said d
    cross join spots k
),
named as (
    select c.service, c.change_id
    from changes c
    join words w on w.service = c.service and w.word = c.change_id
    where w.change_id <> c.change_id
    union
    select c.service, c.change_id
    from changes c
    join words w on w.service = c.service and substr(w.word, 1, 7) = substr(c.sha, 1, 7)
    where w.change_id <> c.change_id and length(w.word) >= 7 and c.sha like w.word || '%'
)
select
    c.service,
    c.repository,
    coalesce(c.merged_at, c.committed_at) as occurred_at,
    case when n.change_id is null then 0 else 1 end as value,
    c.change_id as id,
    c.url,
    case
        when c.excluded in ('merge commit', 'promotion') then c.excluded
        when not coalesce(c.is_landed, true) then 'not on the default branch'
        when c.is_bot and not $bots then 'bot'
    end as excluded,
    c.subject as title
from changes c
left join named n on n.service = c.service and n.change_id = c.change_id
where c.is_result
