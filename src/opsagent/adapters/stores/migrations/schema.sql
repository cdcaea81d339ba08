-- What the migrations of versions/ make of an empty file. After a new one, write it anew:
-- python -m opsagent.adapters.stores.schema
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0018');
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
	body TEXT NOT NULL, likeness TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (tenant, id)
);
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
CREATE TABLE browser_sessions (
	tenant TEXT NOT NULL, 
	id_sha256 TEXT NOT NULL, 
	means TEXT NOT NULL, 
	person_id TEXT NOT NULL, 
	key_sha256 TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	ends_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, id_sha256)
);
CREATE TABLE chat_users (
	tenant TEXT NOT NULL, 
	chat TEXT NOT NULL, 
	member TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, chat, member)
);
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
CREATE TABLE conversation_lines (
	tenant TEXT NOT NULL, 
	conversation_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	"key" TEXT, 
	request_sha256 TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, conversation_id, number)
);
CREATE TABLE conversations (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	title TEXT NOT NULL, 
	lines INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, id)
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
CREATE TABLE deployments (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	service TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	version TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE drafts (
	tenant TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, run_id)
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
CREATE TABLE endings (
	tenant TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	ticket_id TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	how TEXT NOT NULL, 
	closing TEXT NOT NULL, 
	score DOUBLE NOT NULL, 
	confidence DOUBLE NOT NULL, 
	recurred_at DOUBLE, opened_at DOUBLE, began_at DOUBLE, 
	PRIMARY KEY (tenant, run_id)
);
CREATE TABLE escalations (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	occasion TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	policy TEXT NOT NULL, 
	recurrences INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	next_at DOUBLE, 
	ended_at DOUBLE, 
	ended TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
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
CREATE TABLE feedback (
	tenant TEXT NOT NULL, 
	ticket_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	real BOOLEAN NOT NULL, 
	score DOUBLE, 
	"by" TEXT NOT NULL, 
	note TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, ticket_id)
);
CREATE TABLE freezes (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	starts_at DOUBLE NOT NULL, 
	ends_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE heartbeats (
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	last_at DOUBLE NOT NULL, 
	told_at DOUBLE, 
	PRIMARY KEY (tenant, source)
);
CREATE TABLE idempotency_keys (
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	request_sha256 TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (tenant, "key")
);
CREATE TABLE maintenance_windows (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, name)
);
CREATE TABLE measurements (
	tenant TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	healthy BOOLEAN NOT NULL, 
	at DOUBLE NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (tenant, fingerprint)
);
CREATE TABLE members (
	tenant TEXT NOT NULL, 
	ticket_id TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	open BOOLEAN NOT NULL, 
	firing BOOLEAN NOT NULL, 
	service TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	first_at DOUBLE NOT NULL, 
	last_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, ticket_id, fingerprint)
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
	body TEXT NOT NULL, lane INTEGER DEFAULT '1' NOT NULL, place TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE people (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	login TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	invitation_sha256 TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	last_seen_at DOUBLE, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE quarantine (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	received_at DOUBLE NOT NULL, 
	size INTEGER NOT NULL, 
	times INTEGER NOT NULL, 
	why TEXT NOT NULL, 
	fix TEXT NOT NULL, 
	pointer TEXT NOT NULL, 
	headers TEXT NOT NULL, 
	raw BLOB NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE run_texts (
	tenant TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	run_id TEXT NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (tenant, created_at, run_id)
)
 WITHOUT ROWID

;
CREATE TABLE runbook_uses (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	used INTEGER DEFAULT '0' NOT NULL, 
	yes INTEGER DEFAULT '0' NOT NULL, 
	no INTEGER DEFAULT '0' NOT NULL, 
	not_measurable INTEGER DEFAULT '0' NOT NULL, 
	last_at DOUBLE NOT NULL, 
	last_run TEXT NOT NULL, 
	last_result TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE runbook_versions (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	stored_at DOUBLE NOT NULL, 
	stored_by TEXT NOT NULL, 
	body TEXT NOT NULL, note TEXT DEFAULT '' NOT NULL, 
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
CREATE TABLE schedules (
	tenant TEXT NOT NULL, 
	name TEXT NOT NULL, 
	id TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	due_at DOUBLE, 
	next_at DOUBLE, 
	queued_at DOUBLE, 
	taken_at DOUBLE, 
	lock_until DOUBLE NOT NULL, 
	last_at DOUBLE, 
	last_run_id TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, name)
);
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
CREATE TABLE silences (
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	starts_at DOUBLE NOT NULL, 
	ends_at DOUBLE NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE spending (
	tenant TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	day TEXT NOT NULL, 
	tokens BIGINT NOT NULL, 
	micros BIGINT NOT NULL, 
	PRIMARY KEY (tenant, run_id, day)
);
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
	body TEXT NOT NULL, silenced TEXT DEFAULT '' NOT NULL, members INTEGER DEFAULT '1' NOT NULL, members_firing INTEGER DEFAULT '1' NOT NULL, recurrences INTEGER DEFAULT '0' NOT NULL, flapping_until DOUBLE DEFAULT '0' NOT NULL, group_key TEXT DEFAULT '' NOT NULL, grouped_at DOUBLE DEFAULT '0' NOT NULL, storm_key TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (tenant, id)
);
CREATE TABLE workspaces (
	tenant TEXT NOT NULL, 
	chat TEXT NOT NULL, 
	id TEXT NOT NULL, 
	PRIMARY KEY (tenant, chat, id)
);
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
CREATE INDEX approvals_alike ON approvals (tenant, likeness, decided_at);
CREATE INDEX quarantine_newest ON quarantine (tenant, received_at, id);
CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX silences_by_end ON silences (tenant, ends_at);
CREATE INDEX tickets_silenced ON tickets (tenant, id) WHERE silenced != '';
CREATE UNIQUE INDEX tickets_one_group ON tickets (tenant, group_key) WHERE group_key != '';
CREATE INDEX tickets_of_storm ON tickets (tenant, storm_key, created_at) WHERE storm_key != '';
CREATE INDEX members_of_fingerprint ON members (tenant, fingerprint, last_at);
CREATE INDEX members_alongside ON members (tenant, service, environment, last_at, fingerprint);
CREATE UNIQUE INDEX members_one_open ON members (tenant, fingerprint) WHERE open;
CREATE INDEX endings_of_fingerprint ON endings (tenant, fingerprint, at);
CREATE INDEX endings_of_ticket ON endings (tenant, ticket_id, at);
CREATE INDEX feedback_of_fingerprint ON feedback (tenant, fingerprint, at);
CREATE INDEX deployments_newest ON deployments (tenant, at, id);
CREATE INDEX deployments_of_service ON deployments (tenant, service, at, id);
CREATE UNIQUE INDEX workspaces_by_id ON workspaces (chat, id);
CREATE INDEX notices_newest_by_status ON notices (tenant, status, created_at, id);
CREATE INDEX escalations_newest ON escalations (tenant, created_at, id);
CREATE INDEX escalations_of_subject ON escalations (tenant, occasion, subject);
CREATE INDEX escalations_open ON escalations (tenant, id) WHERE ended_at IS NULL;
CREATE INDEX escalations_due ON escalations (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX escalations_ended ON escalations (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX approvals_asked ON approvals (tenant, id) WHERE status = 'pending';
CREATE INDEX runs_failed ON runs (tenant, id, completed_at) WHERE status = 'failed';
CREATE INDEX tickets_standing ON tickets (tenant, id) WHERE status IN ('open', 'escalated');
CREATE INDEX drafts_newest ON drafts (tenant, status, created_at, run_id);
CREATE INDEX conversations_newest ON conversations (tenant, created_at, id);
CREATE INDEX conversations_of_owner ON conversations (tenant, owner, created_at, id);
CREATE INDEX conversations_oldest ON conversations (updated_at);
CREATE UNIQUE INDEX conversation_lines_by_key ON conversation_lines (tenant, conversation_id, "key");
CREATE INDEX notices_due ON notices (lane, due_at) WHERE status IN ('pending', 'sending');
CREATE UNIQUE INDEX people_by_login ON people (tenant, login);
CREATE UNIQUE INDEX people_by_name ON people (tenant, name_key);
CREATE UNIQUE INDEX people_by_subject ON people (tenant, subject) WHERE subject != '';
CREATE UNIQUE INDEX people_by_invitation ON people (invitation_sha256) WHERE invitation_sha256 != '';
CREATE UNIQUE INDEX browser_sessions_by_id ON browser_sessions (id_sha256);
CREATE INDEX browser_sessions_oldest ON browser_sessions (ends_at);
CREATE INDEX steps_unknown ON steps (tenant, created_at, id) WHERE status = 'unknown';
CREATE INDEX endings_newest ON endings (tenant, at, how, opened_at, began_at);
CREATE INDEX endings_closed ON endings (tenant, at, closing, ticket_id, recurred_at) WHERE closing != 'none';
CREATE INDEX tickets_newest_by_priority ON tickets (tenant, status, priority, created_at, id);
CREATE INDEX audit_of_tickets ON audit (tenant, at) WHERE action >= 'ticket.' AND action < 'ticket/';
