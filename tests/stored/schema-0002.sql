BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE api_keys (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	secret_sha256 TEXT NOT NULL, 
	role TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	revoked_at DOUBLE, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE approvals (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	step_id TEXT NOT NULL, 
	step_number INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	target TEXT NOT NULL, 
	command TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	requested_at DOUBLE NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	decided_at DOUBLE, 
	decided_by TEXT NOT NULL, 
	used_at DOUBLE, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
INSERT INTO "approvals" VALUES('acme','e4b06ce6-0741-47a8-bce4-2c8218072e8c','35bf992d-c9e9-4616-a12e-7696a6cecc1b','35bf992d-c9e9-4616-a12e-7696a6cecc1b.1',1,'pending','host:web-1','systemctl restart shop','digest-1',1800000000.0,1800003600.0,NULL,'',NULL,'{"id":"e4b06ce6-0741-47a8-bce4-2c8218072e8c","tenant":"acme","run_id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b","step_id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b.1","step_number":1,"attempt":1,"digest":"digest-1","target":"host:web-1","command":"systemctl restart shop","manifest":{"proof":"effect","invocations":[{"name":"systemctl","arguments":["restart",null]}],"reads":[],"writes":[],"deletes":[],"contacts":[],"services":["shop"],"processes":[],"executes":[],"sensitive":[],"forbidden":[],"privileged":false,"reversible":null,"reasons":[]},"requested_at":1800000000.0,"expires_at":1800003600.0,"why":"","title":"","task":"","runbook_id":"","undo":"","reason":"","status":"pending","decided_at":null,"decided_by":"","notes":"","used_at":null}');
CREATE TABLE audit (
	tenant TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	step_id TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (tenant, sequence)
);
INSERT INTO "audit" VALUES('acme',1,1800000000.0,'key:1','run.create','35bf992d-c9e9-4616-a12e-7696a6cecc1b','','','{}','','110b53014d788ab0f1b883110424099643283c57ab49d51f411b2a529aa34325');
CREATE TABLE connections (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	id TEXT NOT NULL, 
	executor TEXT NOT NULL, 
	reach TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	credential TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	deleted_at DOUBLE, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE counters (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE credentials (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	sealed BLOB, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE effects (
	tenant TEXT NOT NULL, 
	step_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	target TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	claimed_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	PRIMARY KEY (tenant, step_id, attempt)
);
CREATE TABLE events (
	tenant TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	type TEXT NOT NULL, 
	node TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, run_id, sequence)
);
INSERT INTO "events" VALUES('acme','35bf992d-c9e9-4616-a12e-7696a6cecc1b',1,1800000000.0,'planning','planner','{"run_id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b","tenant":"acme","type":"planning","node":"planner","content":"looked","tool_name":"","tool_args":{},"tool_output":"","metadata":{},"artifact":"","created_at":1800000000.0,"sequence":1}');
CREATE TABLE idempotency_keys (
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	request_sha256 TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, "key")
);
CREATE TABLE measurements (
	tenant TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	healthy BOOLEAN NOT NULL, 
	at DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (tenant, fingerprint)
);
CREATE TABLE notices (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	status TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_at DOUBLE NOT NULL, 
	created_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE runbook_versions (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	stored_at DOUBLE NOT NULL, 
	stored_by TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id, revision)
);
CREATE TABLE runbooks (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	title TEXT NOT NULL, 
	version TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	deleted_at DOUBLE, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE runs (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	status TEXT NOT NULL, 
	task TEXT NOT NULL, 
	requested_by TEXT NOT NULL, 
	next_node TEXT NOT NULL, 
	ticket_id TEXT NOT NULL, 
	runbook_id TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	completed_at DOUBLE, 
	ttl BIGINT, 
	priority_rank INTEGER NOT NULL, 
	due_at DOUBLE, 
	woken BOOLEAN DEFAULT 0 NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	lease_worker TEXT, 
	lease_until DOUBLE, 
	cancel_by TEXT, 
	last_event INTEGER DEFAULT '0' NOT NULL, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
INSERT INTO "runs" VALUES('acme','78e51061-7311-48a3-82ce-6f447ed4d57b','api','queued','queued','key:1','evaluator','','',1800000000.0,1800000000.0,NULL,NULL,NULL,2,1800000000.0,0,0,NULL,NULL,NULL,0,1,'{"id":"78e51061-7311-48a3-82ce-6f447ed4d57b","tenant":"acme","source":"api","task":"queued","created_at":1800000000.0,"updated_at":1800000000.0,"requested_by":"key:1","status":"queued","mode":"auto","resolved_mode":null,"next_node":"evaluator","priority":"medium","scope":["sandbox","web-1"],"request":{"runbook_id":"","connection":"","parameters":{}},"runbook_id":"","runbook_version":"","connection":"","alert":"","ticket_id":"","fingerprint":"","parameters":{"host":"web-1"},"captures":{},"trigger":{},"callback_url":"","account_id":"","selected_skill":"","model":"","retry_of":"","active_s":0.0,"active_since":null,"due_at":1800000000.0,"generate_starts":0,"current_step":"","had_effect":false,"verified":null,"assessment":null,"outcome":null,"reason":"","waiting":"","tools_used":[],"usage":{"input_tokens":0,"output_tokens":0},"result":null,"error":"","started_at":null,"completed_at":null,"version":1}');
INSERT INTO "runs" VALUES('acme','35bf992d-c9e9-4616-a12e-7696a6cecc1b','api','in_progress','working','key:1','guard','','',1800000000.0,1800000000.0,1800000000.0,NULL,NULL,2,1800000000.0,0,1,'w1',1800000030.0,NULL,1,2,'{"id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b","tenant":"acme","source":"api","task":"working","created_at":1800000000.0,"updated_at":1800000000.0,"requested_by":"key:1","status":"in_progress","mode":"auto","resolved_mode":"plan","next_node":"guard","priority":"medium","scope":["sandbox","web-1"],"request":{"runbook_id":"","connection":"","parameters":{}},"runbook_id":"","runbook_version":"","connection":"","alert":"","ticket_id":"","fingerprint":"","parameters":{"host":"web-1"},"captures":{},"trigger":{},"callback_url":"","account_id":"","selected_skill":"","model":"","retry_of":"","active_s":0.0,"active_since":1800000000.0,"due_at":1800000000.0,"generate_starts":0,"current_step":"35bf992d-c9e9-4616-a12e-7696a6cecc1b.1","had_effect":false,"verified":null,"assessment":null,"outcome":null,"reason":"","waiting":"","tools_used":[],"usage":{"input_tokens":0,"output_tokens":0},"result":null,"error":"","started_at":1800000000.0,"completed_at":null,"version":1}');
INSERT INTO "runs" VALUES('acme','1a2b8f1f-f1fd-42a2-9755-d4c13a902931','ticket','queued','Check the disk of web-1','key:1','evaluator','cd447e35-b8b6-48fe-842e-3d437204e52d','',1800000000.0,1800000000.0,NULL,NULL,NULL,2,1800000000.0,0,0,NULL,NULL,NULL,0,1,'{"id":"1a2b8f1f-f1fd-42a2-9755-d4c13a902931","tenant":"acme","source":"ticket","task":"Check the disk of web-1","created_at":1800000000.0,"updated_at":1800000000.0,"requested_by":"key:1","status":"queued","mode":"auto","resolved_mode":null,"next_node":"evaluator","priority":"medium","scope":["sandbox","web-1"],"request":{"runbook_id":"","connection":"","parameters":{}},"runbook_id":"","runbook_version":"","connection":"","alert":"","ticket_id":"cd447e35-b8b6-48fe-842e-3d437204e52d","fingerprint":"f1","parameters":{"host":"web-1"},"captures":{},"trigger":{},"callback_url":"","account_id":"","selected_skill":"","model":"","retry_of":"","active_s":0.0,"active_since":null,"due_at":1800000000.0,"generate_starts":0,"current_step":"","had_effect":false,"verified":null,"assessment":null,"outcome":null,"reason":"","waiting":"","tools_used":[],"usage":{"input_tokens":0,"output_tokens":0},"result":null,"error":"","started_at":null,"completed_at":null,"version":1}');
CREATE TABLE signals (
	tenant TEXT NOT NULL, 
	ticket_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	delivery TEXT NOT NULL, 
	status TEXT NOT NULL, 
	received_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, ticket_id, number)
);
INSERT INTO "signals" VALUES('acme','cd447e35-b8b6-48fe-842e-3d437204e52d',1,'alertmanager','b2221a58-008a-45a6-8464-7159c324c985','firing',1800000000.0,'{"id":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","tenant":"acme","source":"alertmanager","fingerprint":"f1","name":"DiskFull","status":"firing","delivery":"b2221a58-008a-45a6-8464-7159c324c985","title":"","description":"","priority":"medium","environment":"","labels":{"instance":"web-1"},"annotations":{},"starts_at":null,"ends_at":null,"received_at":1800000000.0}');
CREATE TABLE steps (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	status TEXT NOT NULL, 
	command TEXT NOT NULL, 
	claimed_at DOUBLE, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
INSERT INTO "steps" VALUES('acme','35bf992d-c9e9-4616-a12e-7696a6cecc1b.1','35bf992d-c9e9-4616-a12e-7696a6cecc1b',1,1,'restart','mitigation','proposed','systemctl restart shop',NULL,1800000000.0,1800000000.0,'{"id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b.1","run_id":"35bf992d-c9e9-4616-a12e-7696a6cecc1b","tenant":"acme","number":1,"name":"restart","phase":"mitigation","command":{"executor":"shell","text":"systemctl restart shop","connection_id":"web-1","connection_version":1,"reach":"sandbox","network":false,"stdin":"","stdin_artifact":"","cwd":"","environment":[],"uid":null,"timeout_s":30.0,"credential":"","credential_version":0,"files":[],"writable":[],"undo":"","keeps":[],"outside":[]},"attempt":1,"status":"proposed","why":"","expect":{"exit_codes":[0],"matches":"","absent":"","json_path":"","equals":""},"verdict":{"decision":"ASK","rule":"effects-ask","reason":"It changes something.","manifest":{"proof":"effect","invocations":[{"name":"systemctl","arguments":["restart",null]}],"reads":[],"writes":[],"deletes":[],"contacts":[],"services":["shop"],"processes":[],"executes":[],"sensitive":[],"forbidden":[],"privileged":false,"reversible":null,"reasons":[]}},"digest":"digest-1","approval_id":"","retries":0,"probe":"","undo_of":"","saved":{},"outcome":null,"claimed_at":null,"created_at":1800000000.0,"updated_at":1800000000.0}');
CREATE TABLE switches (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value BOOLEAN NOT NULL, 
	set_by TEXT NOT NULL, 
	set_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE target_locks (
	tenant TEXT NOT NULL, 
	target TEXT NOT NULL, 
	step_id TEXT NOT NULL, 
	taken_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, target)
);
CREATE TABLE tickets (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	source TEXT NOT NULL, 
	priority TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	status TEXT NOT NULL, 
	signals INTEGER NOT NULL, 
	firing BOOLEAN NOT NULL, 
	run_id TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	closed_at DOUBLE, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
INSERT INTO "tickets" VALUES('acme','cd447e35-b8b6-48fe-842e-3d437204e52d','f1','DiskFull','The disk of web-1 is full','alertmanager','medium','','open',1,1,'1a2b8f1f-f1fd-42a2-9755-d4c13a902931',1800000000.0,1800000000.0,NULL,1,'{"id":"cd447e35-b8b6-48fe-842e-3d437204e52d","tenant":"acme","fingerprint":"f1","name":"DiskFull","title":"The disk of web-1 is full","source":"alertmanager","description":"","priority":"medium","environment":"","status":"open","labels":{},"annotations":{},"assessment":null,"signals":1,"firing":true,"run_id":"1a2b8f1f-f1fd-42a2-9755-d4c13a902931","reason":"","created_at":1800000000.0,"updated_at":1800000000.0,"closed_at":null,"version":1}');
CREATE INDEX runs_newest ON runs (tenant, created_at, id);
CREATE INDEX runs_newest_by_both ON runs (tenant, source, status, created_at, id);
CREATE INDEX runs_newest_by_source ON runs (tenant, source, created_at, id);
CREATE INDEX runs_newest_by_status ON runs (tenant, status, created_at, id);
CREATE INDEX runs_ttl ON runs (ttl) WHERE ttl IS NOT NULL;
CREATE INDEX idempotency_keys_of_run ON idempotency_keys (tenant, run_id);
CREATE UNIQUE INDEX steps_of_run ON steps (tenant, run_id, number);
CREATE INDEX approvals_by_status ON approvals (tenant, status, requested_at, id);
CREATE INDEX approvals_of_run ON approvals (tenant, run_id, requested_at, id);
CREATE INDEX effects_of_run ON effects (tenant, run_id);
CREATE INDEX effects_on_target ON effects (tenant, target, claimed_at);
CREATE INDEX tickets_newest ON tickets (tenant, created_at, id);
CREATE INDEX tickets_newest_by_status ON tickets (tenant, status, created_at, id);
CREATE INDEX tickets_of_fingerprint ON tickets (tenant, fingerprint, created_at, id);
CREATE UNIQUE INDEX tickets_one_open ON tickets (tenant, fingerprint) WHERE status IN ('open', 'escalated');
CREATE UNIQUE INDEX signals_delivery ON signals (tenant, source, delivery) WHERE delivery != '';
CREATE UNIQUE INDEX runbooks_by_creation ON runbooks (tenant, position);
CREATE INDEX runbook_versions_by_hash ON runbook_versions (tenant, id, version);
CREATE UNIQUE INDEX connections_by_id ON connections (tenant, id);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (secret_sha256);
CREATE INDEX notices_due ON notices (due_at) WHERE status IN ('pending', 'sending');
CREATE INDEX notices_newest ON notices (tenant, created_at, id);
CREATE INDEX notices_of_run ON notices (tenant, run_id);
CREATE VIEW sessions AS
SELECT tenant, id AS session_id, ticket_id, runbook_id, source, status, task, requested_by, next_node,
       strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch') AS started,
       strftime('%Y-%m-%dT%H:%M:%SZ', completed_at, 'unixepoch') AS completed,
       strftime('%Y-%m-%dT%H:%M:%SZ', due_at, 'unixepoch') AS due,
       lease_worker AS worker, cancel_by AS cancel_asked_by
FROM runs;
CREATE INDEX runs_due ON runs (tenant, priority_rank, due_at, lease_until, id) WHERE due_at IS NOT NULL;
CREATE INDEX runs_of_ticket ON runs (tenant, ticket_id, completed_at) WHERE ticket_id != '';
COMMIT;
