/**
 * The statements of the task store. Each works on arrays and is one transaction by itself. Rows are looked up by lateral
 * joins with `offset 0`: in the place of an `exists` the planner may read a table whole that was empty at the time.
 *
 * Tasks and runs that are named are found by their keys. What else they have to be is said with `coalesce`, which no index
 * serves: by the index of a holder or of what is open the planner may read all that there is, once for each name.
 *
 * Order of locks, which begins in the journal's (see there): worker, runs by key, then tasks by (run, name), then counts
 * by (pool, shard). Callers sort what they hand in by (run, name); where a statement chooses for itself it passes over
 * what is locked.
 *
 * What only says who does what (`QUICK`) does not wait for the disk: if the database crashes, the owner puts up again
 * what was lost, and a taker that is forgotten is refused when it reports. A result is durable when it is answered.
 */
const QUICK = `set_config('synchronous_commit', 'off', true) as quick`;

/** The same for what was taken, unless one of it must not be done twice: its taker must not be forgotten. */
const QUICK_TAKING = `(
  select case when bool_or(once) then '' else set_config('synchronous_commit', 'off', true) end from taken) as quick`;

const LIVE = `state = 0 and lease_until > now_ms()`;

/** A holder that can no longer report: it has ended, its lease has, or nothing is known of it any more. */
const lapsed = (holder: string): string =>
  `not exists (select from worker where worker.worker_key = ${holder} and ${LIVE})`;

/**
 * What a statement changes in the counts. Each statement writes one of several rows of a pool, chosen by chance, so that
 * two seldom wait for each other.
 */
const counted = (shard: string, changes: string): string => `
counted as (
  insert into task_count (pool, shard, waiting, held)
  select pool, ${shard}::int2, sum(waiting), sum(held) from (${changes}) as changes group by pool order by pool
  on conflict (pool, shard) do update
    set waiting = task_count.waiting + excluded.waiting, held = task_count.held + excluded.held
)`;

const NAMED = `asked as materialized (select * from unnest($2::int8[], $3::text[]) as asked (run_key, task))`;

/**
 * $1 owner, $2.. columns, $12 bodies, $13 shard, $14 holders (0: none). A task whose result waits in the inbox is done: its
 * owner has only not read it yet. The holder of a task stays when a new owner puts it up again.
 */
export const POST = `
with asked as materialized (
  select * from unnest($2::int8[], $3::text[], $4::int4[], $5::text[], $6::text[], $7::text[], $8::int2[], $9::bool[],
    $10::int4[], $11::int4[], $14::int8[])
    as asked (run_key, task, epoch, tenant, run_id, pool, rank, once, body_from, body_length, holder)
),
put as (
  insert into task (run_key, task, tenant, run_id, epoch, owner, pool, rank, holder, takes, posted_at, told_at, once, body)
  select asked.run_key, asked.task, asked.tenant, run_id, asked.epoch, $1, pool, rank,
    nullif(holder, 0), least(holder, 1), now.ms, now.ms, once,
    substring($12::bytea from body_from for body_length)
  from (select now_ms() as ms) as now, asked, lateral (
    select owner, epoch, tenant, finished_at from run where run.run_key = asked.run_key offset 0) as run
  where run.owner = $1 and run.epoch = asked.epoch and run.tenant = asked.tenant and run.finished_at is null
    and not exists (
      select from inbox where inbox.run_key = asked.run_key and inbox.input_id = 'task:' || asked.task)
  on conflict (run_key, task) do update set epoch = excluded.epoch, owner = excluded.owner
    where task.epoch < excluded.epoch or (task.epoch = excluded.epoch and task.owner <> excluded.owner)
  returning pool, holder is null as waits, xmax = 0 as made
),
${counted("$13", "select pool, waits::int as waiting, (not waits)::int as held from put where made")}
select ${QUICK}`;

/** $1 runs. */
export const LOCK_POSTED = `select run_key from run where run_key = any ($1::int8[]) order by run_key for no key update`;

const TAKEN = `task.run_key, task.task, task.tenant, task.run_id, task.epoch, task.owner, task.pool, task.rank, task.takes,
  task.once, task.body`;

/**
 * The owner who has put the task up still holds the run, or is the last who did. Otherwise somebody else has taken the run
 * over, who may do the task itself and have recorded it: it is taken only when that one has put it up again.
 */
const CURRENT = `task.epoch = (
      select run.epoch from run where run.run_key = task.run_key and coalesce(run.finished_at, 0) = 0)`;

/** $1 holder, $2, $3 names, $4 this taking, $5 shard. What the same taking took when its answer was lost counts too. */
export const TAKE = `
with ${NAMED},
free as materialized (
  select found.* from asked, lateral (
    select run_key, task, holder from task
    where task.run_key = asked.run_key and task.task = asked.task and ${CURRENT}
      and (holder is null or (holder = $1 and taking = $4) or ${lapsed("task.holder")})
    for no key update offset 0) as found
  where exists (select from worker where worker_key = $1 and ${LIVE})
),
taken as (
  update task set holder = $1, taking = $4,
    takes = task.takes + case when task.holder = $1 and task.taking = $4 then 0 else 1 end
  from free where task.run_key = free.run_key and task.task = free.task
  returning ${TAKEN}, free.holder is null as waited
),
${counted("$5", "select pool, -1 as waiting, 1 as held from taken where waited")}
select taken.*, ${QUICK_TAKING} from taken`;

/** $1 holder, $2 pool, $3 limit, $4 this taking, $5 shard. A read along `task_waiting` that stops at the limit. */
export const NEXT = `
with picked as materialized (
  select found.* from generate_series(0, 3) as class, lateral (
    select run_key, task, posted_at from task
    where pool = $2 and rank = class and holder is null and ${CURRENT}
    order by pool, rank, posted_at limit $3 for no key update skip locked) as found
  where exists (select from worker where worker_key = $1 and ${LIVE})
  limit $3
),
taken as (
  update task set holder = $1, taking = $4, takes = task.takes + 1 from picked
  where task.run_key = picked.run_key and task.task = picked.task
  returning ${TAKEN}, picked.posted_at
),
${counted("$5", "select pool, -1 as waiting, 1 as held from taken")}
select taken.*, ${QUICK_TAKING} from taken order by rank, posted_at`;

/** $1 holder, $2 the taking whose answer was lost. */
export const TAKEN_BEFORE = `
select ${TAKEN} from task where holder = $1 and taking = $2 order by rank, posted_at`;

/** $1 holder, $2 takings whose answers never came, $3 shard. */
export const LET_GO = `
with left_behind as materialized (
  select run_key, task from task where holder = $1 and taking = any ($2::int8[]) for no key update skip locked
),
freed as (
  update task set holder = null, taking = null, takes = takes - 1, told_at = 0 from left_behind
  where task.run_key = left_behind.run_key and task.task = left_behind.task
  returning task.pool
),
${counted("$3", "select pool, 1 as waiting, -1 as held from freed")}
select ${QUICK}`;

/**
 * $1 holder, $2 runs, $3 tasks, $4 ids of inputs, $5 inputs, $6 the runs once each, $7 channel, $8 shard.
 *
 * The worker's row is locked against its end, as by a flush, and the runs against a release, as by an offer. A task of a
 * run that has ended leaves as well; its result is dropped. A repeat finds its own input waiting.
 */
export const REPORT = `
with member as materialized (
  select worker_key from worker where worker_key = $1 and ${LIVE} for key share
),
asked as materialized (
  select * from unnest($2::int8[], $3::text[], $4::text[], $5::text[]) with ordinality
    as asked (run_key, task, input_id, body, at)
),
found as materialized (
  select run_key, owner, finished_at from run
  where run_key = any ($6::int8[]) and exists (select from member) order by run_key for no key update
),
fit as materialized (
  select asked.*, found.run_key is not null and found.finished_at is null as open, found.owner
  from member, asked left join found using (run_key)
),
gone as (
  delete from task using fit
  where task.run_key = fit.run_key and task.task = fit.task and coalesce(task.holder, 0) = $1
  returning fit.run_key, fit.input_id, fit.body, fit.at, fit.open, task.pool
),
put as (
  insert into inbox (run_key, input_id, body) select run_key, input_id, body from gone where open order by at
  on conflict do nothing
  returning run_key, input_id
),
woken as (
  update run set available_at = least(coalesce(run.available_at, now_ms()), now_ms())
  where run.run_key = any (array(select run_key from put join found using (run_key) where found.owner is null))
),
${counted("$8", "select pool, 0 as waiting, -1 as held from gone")}
select asked.at::int4, put.run_key is not null or coalesce(before.body = asked.body, false) as reported,
  case when put.run_key is not null and found.owner is not null then pg_notify($7, found.owner::text) end as told
from asked left join found using (run_key) left join put using (run_key, input_id) left join lateral (
  select inbox.body from inbox
  where put.run_key is null and inbox.run_key = asked.run_key and inbox.input_id = asked.input_id offset 0) as before on true
order by asked.at`;

/** $1 holder, $2, $3 names, $4 shard. */
export const GIVE_BACK = `
with ${NAMED},
freed as (
  update task set holder = null, taking = null, takes = takes - 1, told_at = 0 from asked
  where task.run_key = asked.run_key and task.task = asked.task and coalesce(task.holder, 0) = $1
  returning task.pool
),
${counted("$4", "select pool, 1 as waiting, -1 as held from freed")}
select ${QUICK}`;

/** $1 holder, $2 shard. All that it holds. */
export const GIVE_ALL_BACK = `
with left_behind as materialized (
  select run_key, task from task where holder = $1 for no key update skip locked
),
freed as (
  update task set holder = null, taking = null, takes = takes - 1, told_at = 0 from left_behind
  where task.run_key = left_behind.run_key and task.task = left_behind.task
  returning task.pool
),
${counted("$2", "select pool, 1 as waiting, -1 as held from freed")}
select ${QUICK}`;

/** $1 shard, $2, $3 names. */
export const WITHDRAW = `
with asked as materialized (
  select * from unnest($2::int8[], $3::text[], $4::int4[]) as asked (run_key, task, epoch)
),
gone as (
  delete from task using asked
  where task.run_key = asked.run_key and task.task = asked.task and task.epoch <= asked.epoch
  returning task.pool, task.holder is null as waited
),
${counted("$1", "select pool, case when waited then -1 else 0 end as waiting, case when waited then 0 else -1 end as held from gone")}
select ${QUICK}`;

/** $1 shard, $2, $3 names. */
export const EXPIRE = `
with ${NAMED},
gone as (
  delete from task using asked where task.run_key = asked.run_key and task.task = asked.task and coalesce(task.holder, 0) = 0
  returning task.run_key, task.task, task.pool
),
${counted("$1", "select pool, -1 as waiting, 0 as held from gone")}
select gone.run_key, gone.task from gone`;

/** $1 holder, $2, $3 names. */
export const READ = `
with ${NAMED}
select ${TAKEN} from asked, lateral (
  select * from task where task.run_key = asked.run_key and task.task = asked.task and task.holder = $1 offset 0) as task`;

/** $1 holder. */
export const TASKS = `select run_key, task from task where holder = $1`;

/** $1 holder, $2, $3 names. */
export const HELD = `
with ${NAMED}
select asked.run_key, asked.task from asked, lateral (
  select from task where task.run_key = asked.run_key and task.task = asked.task and task.holder = $1 offset 0) as task`;

/** $1, $2 names. One whose result waits in the inbox is not lost. */
export const PRESENT = `
with asked as materialized (select * from unnest($1::int8[], $2::text[]) as asked (run_key, task))
select asked.run_key, asked.task from asked
left join lateral (
  select true as stands from task where task.run_key = asked.run_key and task.task = asked.task offset 0) as task on true
left join lateral (
  select true as waits from inbox where inbox.run_key = asked.run_key and inbox.input_id = 'task:' || asked.task
  offset 0) as inbox on true
where stands or waits`;

/**
 * $1 limit, $2 shard. Holders are few: the index of held tasks is read at its steps only. They are told of at once.
 */
export const FREE_LAPSED = `
with recursive step (holder) as (
  (select holder from task where holder is not null order by holder limit 1)
  union all
  select (select task.holder from task where task.holder > step.holder order by task.holder limit 1)
  from step where step.holder is not null
),
ended as materialized (select holder from step where holder is not null and ${lapsed("step.holder")}),
left_behind as materialized (
  select found.* from ended, lateral (
    select run_key, task from task where task.holder = ended.holder limit $1 for no key update skip locked) as found
  limit $1
),
freed as (
  update task set holder = null, taking = null, told_at = 0 from left_behind
  where task.run_key = left_behind.run_key and task.task = left_behind.task
  returning task.pool
),
${counted("$2", "select pool, 1 as waiting, -1 as held from freed")}
select ${QUICK}`;

/**
 * $1 quiet milliseconds, $2 limit, $3 shard. Those of runs that have ended, or are gone, leave. So do inputs that were
 * stored while the flush that ended their run was under way: that one did not see them, and nobody else looks for them.
 */
export const TELL = `
with unheard as (
  delete from inbox where place = any (array(
    select oldest.place from (select place, run_key from inbox order by place limit $2) as oldest, lateral (
      select finished_at from run where run.run_key = oldest.run_key offset 0) as run
    where run.finished_at is not null order by oldest.place))
),
quiet as materialized (
  select run_key, task from task where holder is null and told_at <= (select now_ms()) - $1::int8
  order by told_at limit $2 for no key update skip locked
),
judged as materialized (
  select quiet.*, coalesce(run.open, false) as wanted from quiet left join lateral (
    select finished_at is null as open from run where run.run_key = quiet.run_key offset 0) as run on true
),
gone as (
  delete from task using judged
  where task.run_key = judged.run_key and task.task = judged.task and not judged.wanted
  returning task.pool
),
told as (
  update task set told_at = now.ms from (select now_ms() as ms) as now, judged
  where task.run_key = judged.run_key and task.task = judged.task and judged.wanted
  returning task.tenant, task.pool, task.rank, task.run_key, task.task, task.posted_at
),
${counted("$3", "select pool, -1 as waiting, 0 as held from gone")}
select told.*, ${QUICK} from told order by rank, posted_at`;

export const OF = `select task, pool, posted_at, holder is not null as held from task where run_key = $1 order by task`;

/** From the counts, and from where each class's queue begins: as quick at any number of tasks. */
export const DEPTHS = `
select counts.*, (
  select min(first.posted_at) from generate_series(0, 3) as class, lateral (
    select posted_at from task where task.pool = counts.pool and rank = class and holder is null
    order by pool, rank, posted_at limit 1) as first) as waiting_since
from (
  select pool, sum(waiting)::int8 as waiting, sum(held)::int8 as held from task_count group by pool
  having sum(waiting) > 0 or sum(held) > 0) as counts
order by pool`;
