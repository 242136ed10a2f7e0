-- infrastructure_change_share
-- Share of changes that touch infrastructure: Terraform, Helm, Kubernetes, Ansible, Dockerfiles, Compose files and
-- workflows.
-- A change is a pull request with all its commits, or a commit without one; it counts when it was merged, into whatever
-- branch. Files are the pull request's, and those of its commits where they were fetched. GitHub tells the files of a
-- commit that was pushed without a pull request for one request each: the sync asks for a thousand at most, the newest
-- first, and goes on the next time. A change whose files are not known yet is listed, and not counted.
-- unit: share | statistic: share | once: id | covered_by: commits
-- reference: https://dora.dev/capabilities/flexible-infrastructure/
with paths as (
    select c.service, c.repository, c.change_id, f.path
    from changes c
    join commit_files f on f.repository = c.repository and f.sha = c.sha
    union
    select c.service, c.repository, c.change_id, f.path
    from changes c
    join pull_request_files f on f.repository = c.repository and f.number = c.pull_request
),
files as (
    select
        service,
        repository,
        change_id,
        max(
            case
                when lower(path) like '%.tf' or lower(path) like '%.tfvars' or lower(path) like '%.tf.json' then 1
                when lower(path) like '%.bicep' or lower(path) like '%.nomad' then 1
                when lower(path) like '.github/workflows/%' or lower(path) like '.github/actions/%' then 1
                when lower(path) like '%dockerfile' or lower(path) like '%dockerfile.%' then 1
                when lower(path) like '%containerfile' or lower(path) like '%.dockerfile' then 1
                when lower(path) like '%compose.yml' or lower(path) like '%compose.yaml' then 1
                when lower(path) like '%/chart.yaml' or lower(path) like '%/values%.yaml' then 1
                when concat('/', lower(path)) like '%/terraform/%' or concat('/', lower(path)) like '%/helm/%' then 1
                when concat('/', lower(path)) like '%/charts/%' or concat('/', lower(path)) like '%/k8s/%' then 1
                when concat('/', lower(path)) like '%/kubernetes/%' or concat('/', lower(path)) like '%/deploy/%.y%ml'
                    then 1
                when concat('/', lower(path)) like '%/kustomization.y%ml' then 1
                when concat('/', lower(path)) like '%/ansible/%' or concat('/', lower(path)) like '%/infra/%' then 1
                when concat('/', lower(path)) like '%/infrastructure/%' then 1
                else 0
            end
        ) as touches
    from paths
    group by service, repository, change_id
),
whole as (
    select
        c.service,
        c.repository,
        c.change_id,
        max(case when c.is_result then c.merged_at end) as merged_at,
        min(c.first_commit_at) as first_commit_at,
        max(case when c.is_result then c.subject end) as title,
        max(case when c.is_result then c.url end) as url,
        max(f.touches) as touches
    from changes c
    left join files f on f.service = c.service and f.repository = c.repository and f.change_id = c.change_id
    group by c.service, c.repository, c.change_id
)
select
    service,
    repository,
    merged_at as occurred_at,
    first_commit_at as started_at,
    merged_at as ended_at,
    touches as value,
    change_id as id,
    url,
    case when touches is null then 'its files are not known' end as excluded,
    title
from whole
where merged_at is not null
