-- Made by the schema test from the migrations; do not edit.
column counter.tenant text not null
column counter.shard smallint not null
column counter.submitted bigint not null
column counter.succeeded bigint not null
column counter.failed bigint not null
column counter.cancelled bigint not null
column entry.run_day integer not null
column entry.run_key bigint not null
column entry.seq integer not null
column entry.epoch integer not null
column entry.body bytea not null
column entry_default.run_day integer not null
column entry_default.run_key bigint not null
column entry_default.seq integer not null
column entry_default.epoch integer not null
column entry_default.body bytea not null
column inbox.place bigint not null identity a
column inbox.run_key bigint not null
column inbox.input_id text not null
column inbox.body text not null
column migration.step integer not null
column migration.checksum text not null
column migration.taken_at timestamp with time zone not null
column payload.tenant text not null
column payload.hash text not null
column payload.size bigint not null
column payload.bytes bytea storage e
column payload.orphaned_at bigint
column payload_name.run_key bigint not null
column payload_name.tenant text not null
column payload_name.hash text not null
column run.run_key bigint not null
column run.run_day integer not null
column run.tenant text not null
column run.id text not null
column run.workflow text not null
column run.version text not null
column run.version_hash text not null
column run.rank smallint not null
column run.metadata text not null
column run.created_at bigint not null
column run.fingerprint text not null
column run.idempotency_key text
column run.slotted boolean not null
column run.status text not null
column run.started_at bigint
column run.finished_at bigint
column run.error_code text
column run.available_at bigint
column run.epoch integer not null
column run.owner bigint
column run.crash_count integer not null
column slot.place bigint not null identity a
column slot.run_key bigint not null
column slot.lane text not null
column slot.held boolean not null
column slot.leaving boolean not null
column slot.lane_limit integer not null
column snapshot.run_key bigint not null
column snapshot.seq integer not null
column snapshot.body bytea not null
column submission.tenant text not null
column submission.key text not null
column submission.run_key bigint not null
column submission.fingerprint text not null
column submission.expires_at bigint not null
column task.run_key bigint not null
column task.task text not null
column task.tenant text not null
column task.run_id text not null
column task.epoch integer not null
column task.owner bigint not null
column task.pool text not null
column task.rank smallint not null
column task.holder bigint
column task.taking bigint
column task.takes integer not null
column task.posted_at bigint not null
column task.told_at bigint not null
column task.body bytea not null storage e
column task.once boolean not null
column task_count.pool text not null
column task_count.shard smallint not null
column task_count.waiting bigint not null
column task_count.held bigint not null
column worker.worker_key bigint not null identity a
column worker.name text not null
column worker.incarnation text not null
column worker.pid integer not null
column worker.joined_at bigint not null
column worker.lease_until bigint not null
column worker.state smallint not null
column worker.own text
table counter fillfactor=50
table entry  RANGE (run_day)
table entry_default  DEFAULT
table inbox 
table migration 
table payload 
table payload_name 
table run fillfactor=90
table slot 
table snapshot 
table submission 
table task fillfactor=80,autovacuum_vacuum_scale_factor=0,autovacuum_vacuum_threshold=20000,autovacuum_vacuum_insert_threshold=-1,autovacuum_analyze_scale_factor=0.5
table task_count fillfactor=50
table worker fillfactor=50
CREATE UNIQUE INDEX counter_pkey ON counter USING btree (tenant, shard)
CREATE UNIQUE INDEX entry_default_pkey ON entry_default USING btree (run_day, run_key, seq)
CREATE UNIQUE INDEX entry_pkey ON ONLY entry USING btree (run_day, run_key, seq)
CREATE UNIQUE INDEX inbox_input ON inbox USING btree (run_key, input_id)
CREATE UNIQUE INDEX inbox_pkey ON inbox USING btree (place)
CREATE UNIQUE INDEX migration_pkey ON migration USING btree (step)
CREATE INDEX payload_name_payload ON payload_name USING btree (tenant, hash)
CREATE UNIQUE INDEX payload_name_pkey ON payload_name USING btree (run_key, hash)
CREATE INDEX payload_orphan ON payload USING btree (orphaned_at) WHERE (orphaned_at IS NOT NULL)
CREATE UNIQUE INDEX payload_pkey ON payload USING btree (tenant, hash)
CREATE INDEX run_bad ON run USING btree (tenant, created_at, run_key) WHERE (status = ANY (ARRAY['failed'::text, 'cancelled'::text]))
CREATE INDEX run_created ON run USING btree (tenant, created_at, run_key)
CREATE INDEX run_day ON run USING brin (run_day) WITH (autosummarize='on')
CREATE INDEX run_free ON run USING btree (owner, rank, available_at, run_key) WHERE (finished_at IS NULL)
CREATE UNIQUE INDEX run_id ON run USING btree (tenant, id)
CREATE INDEX run_open ON run USING btree (tenant, created_at, run_key) WHERE (finished_at IS NULL)
CREATE UNIQUE INDEX run_pkey ON run USING btree (run_key)
CREATE INDEX run_workflow ON run USING btree (tenant, workflow, created_at, run_key)
CREATE INDEX slot_lane ON slot USING btree (lane, held, place)
CREATE UNIQUE INDEX slot_pkey ON slot USING btree (place)
CREATE UNIQUE INDEX slot_run ON slot USING btree (run_key)
CREATE UNIQUE INDEX snapshot_pkey ON snapshot USING btree (run_key)
CREATE UNIQUE INDEX submission_pkey ON submission USING btree (tenant, key)
CREATE UNIQUE INDEX task_count_pkey ON task_count USING btree (pool, shard)
CREATE INDEX task_held ON task USING btree (holder) WHERE (holder IS NOT NULL)
CREATE UNIQUE INDEX task_pkey ON task USING btree (run_key, task)
CREATE INDEX task_told ON task USING btree (told_at) WHERE (holder IS NULL)
CREATE INDEX task_waiting ON task USING btree (pool, rank, posted_at) WHERE (holder IS NULL)
CREATE UNIQUE INDEX worker_pkey ON worker USING btree (worker_key)
constraint counter.counter_pkey PRIMARY KEY (tenant, shard)
constraint entry_default.entry_default_pkey PRIMARY KEY (run_day, run_key, seq)
constraint entry.entry_pkey PRIMARY KEY (run_day, run_key, seq)
constraint inbox.inbox_pkey PRIMARY KEY (place)
constraint migration.migration_pkey PRIMARY KEY (step)
constraint payload_name.payload_name_pkey PRIMARY KEY (run_key, hash)
constraint payload.payload_pkey PRIMARY KEY (tenant, hash)
constraint run.run_pkey PRIMARY KEY (run_key)
constraint slot.slot_pkey PRIMARY KEY (place)
constraint snapshot.snapshot_pkey PRIMARY KEY (run_key)
constraint submission.submission_pkey PRIMARY KEY (tenant, key)
constraint task_count.task_count_pkey PRIMARY KEY (pool, shard)
constraint task.task_pkey PRIMARY KEY (run_key, task)
constraint worker.worker_pkey PRIMARY KEY (worker_key)
sequence inbox_place_seq increment 1
sequence run_keys increment 10000
sequence slot_place_seq increment 1
sequence worker_worker_key_seq increment 1
function now_ms select (extract(epoch from clock_timestamp()) * 1000)::bigint
