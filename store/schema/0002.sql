-- Version 2: what members do by mail, digests, and the judge of bounces.

ALTER TABLE members ADD COLUMN plain INTEGER NOT NULL DEFAULT 0; -- digests as plain text
ALTER TABLE members ADD COLUMN ack INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN paused_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN seen INTEGER NOT NULL DEFAULT 0; -- number of the last post that is not sent as a copy
ALTER TABLE members ADD COLUMN owed TEXT NOT NULL DEFAULT ''; -- a mail that comes before any copy: catchup, digest
ALTER TABLE members ADD COLUMN probed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN leave_key BLOB; -- hashes of tokens, as bounce_key
ALTER TABLE members ADD COLUMN self_key BLOB;
ALTER TABLE members ADD COLUMN lane TEXT NOT NULL DEFAULT ''; -- domain of fold
UPDATE members SET lane = replace(fold, rtrim(fold, replace(fold, '@', '')), ''); -- what is behind the last @
CREATE INDEX members_lane ON members (list, lane);
CREATE INDEX members_reached ON members (list, id) WHERE state = 'active' AND delivery IN ('each', 'first', 'followed') AND owed = '';
CREATE UNIQUE INDEX members_leave_key ON members (leave_key);
CREATE UNIQUE INDEX members_self_key ON members (list, self_key);
CREATE INDEX members_owed ON members (paused_until) WHERE owed <> '';
CREATE INDEX members_collected ON members (list, id) WHERE delivery IN ('daily', 'weekly', 'summary');
CREATE INDEX members_probed ON members (probed) WHERE probed > 0;

-- Posts that are going out at this moment go to those who were members when
-- they came. From now on seen says that, not a clock.
UPDATE members SET seen = COALESCE((SELECT MAX(posts.number) FROM jobs JOIN posts ON posts.id = jobs.post
	WHERE jobs.cursor IS NOT NULL AND jobs.list = members.list AND jobs.at < members.since), 0);

-- Threads that a member mutes or follows. The node is one of the thread: threads
-- are joined by later posts, and the mark comes along.
CREATE TABLE marks (
	list   INTEGER NOT NULL REFERENCES lists (id),
	member INTEGER NOT NULL REFERENCES members (id),
	node   INTEGER NOT NULL REFERENCES nodes (id),
	mark   TEXT    NOT NULL, -- mute, follow
	PRIMARY KEY (member, node)
) WITHOUT ROWID;
CREATE INDEX marks_node ON marks (node);

-- When the last digests of a list went out, by delivery.
CREATE TABLE slots (
	list     INTEGER NOT NULL REFERENCES lists (id),
	delivery TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	upto     INTEGER NOT NULL, -- number of the last post of those that go out now; 0: they are out
	PRIMARY KEY (list, delivery)
) WITHOUT ROWID;

-- What waits for an answer by mail. The token stands only in that mail; a used
-- one is kept until it expires, so that a second reply is no error.
CREATE TABLE pending (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	hash    BLOB,
	kind    TEXT    NOT NULL,
	list    INTEGER NOT NULL REFERENCES lists (id),
	address TEXT    NOT NULL,
	data    TEXT    NOT NULL,
	expires INTEGER NOT NULL,
	used    INTEGER NOT NULL,
	pair    INTEGER NOT NULL DEFAULT 0 -- an answer to one of them is one to all; 0: it stands alone
);
CREATE UNIQUE INDEX pending_hash ON pending (hash);
CREATE INDEX pending_address ON pending (list, address);
CREATE INDEX pending_pair ON pending (pair) WHERE pair <> 0;
CREATE INDEX pending_expires ON pending (expires);

-- What is limited in a time: mails to an address that nobody has proven.
CREATE TABLE tallies (
	what TEXT    NOT NULL,
	name TEXT    NOT NULL,
	at   INTEGER NOT NULL
);
CREATE INDEX tallies_name ON tallies (what, name, at);
CREATE INDEX tallies_at ON tallies (at);

-- Days on which a member's address was found to be dead.
CREATE TABLE strikes (
	list   INTEGER NOT NULL REFERENCES lists (id),
	member INTEGER NOT NULL REFERENCES members (id),
	day    INTEGER NOT NULL, -- its first moment
	why    TEXT    NOT NULL,
	PRIMARY KEY (member, day)
) WITHOUT ROWID;

ALTER TABLE bounces ADD COLUMN probe INTEGER NOT NULL DEFAULT 0; -- it came to the sender of a probe
ALTER TABLE bounces ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refusals ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;
-- What came before there was a judge is past.
UPDATE bounces SET judged = 1;
UPDATE refusals SET judged = 1;
CREATE INDEX bounces_received ON bounces (received);
CREATE INDEX refusals_at ON refusals (at);
CREATE INDEX strikes_day ON strikes (day);
CREATE INDEX bounces_open ON bounces (id) WHERE judged = 0;
CREATE INDEX refusals_open ON refusals (id) WHERE judged = 0;

-- Posts that a destination refuses as unwanted.
CREATE TABLE unwanted (
	job     INTEGER NOT NULL REFERENCES jobs (id),
	lane    TEXT    NOT NULL,
	refused INTEGER NOT NULL,
	state   TEXT    NOT NULL, -- none, waits for the owners, go, drop
	asked   INTEGER NOT NULL, -- when that was decided, or asked
	PRIMARY KEY (job, lane)
) WITHOUT ROWID;

CREATE INDEX unwanted_waits ON unwanted (asked) WHERE state = 'waits';

ALTER TABLE jobs ADD COLUMN node INTEGER; -- of its post, in its thread
ALTER TABLE jobs ADD COLUMN first INTEGER NOT NULL DEFAULT 0; -- its post started a thread
ALTER TABLE jobs ADD COLUMN members INTEGER NOT NULL DEFAULT 0; -- a mail of ours to members: a digest
ALTER TABLE copies ADD COLUMN waits TEXT NOT NULL DEFAULT ''; -- for what besides its turn: hours, owners
CREATE INDEX jobs_post ON jobs (post) WHERE post IS NOT NULL;

-- Mails with commands and answers, from their 250 until they are carried out.
-- No token stands in them.
CREATE TABLE requests (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	list     INTEGER NOT NULL REFERENCES lists (id),
	received INTEGER NOT NULL,
	data     TEXT    NOT NULL
);
CREATE INDEX copies_job ON copies (job, lane) WHERE attempt IS NULL;
