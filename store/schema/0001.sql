-- Version 1. Times are microseconds since 1970 in UTC. This file is frozen:
-- what changes later stands in a file of its own.

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
);

CREATE TABLE lists (
	id      INTEGER PRIMARY KEY,
	address TEXT    NOT NULL UNIQUE,
	list_id TEXT    NOT NULL,
	removed INTEGER NOT NULL,
	noticed INTEGER NOT NULL, -- when the owners last heard of held posts
	version INTEGER NOT NULL  -- rises with all that its pages show
);

CREATE TABLE options (
	list    INTEGER NOT NULL REFERENCES lists (id),
	name    TEXT    NOT NULL,
	value   TEXT    NOT NULL,
	in_file INTEGER NOT NULL, -- the config file sets it
	PRIMARY KEY (list, name)
);

CREATE TABLE members (
	id         INTEGER PRIMARY KEY,
	list       INTEGER NOT NULL REFERENCES lists (id),
	fold       TEXT    NOT NULL, -- the address in lower case: what makes two the same
	address    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	delivery   TEXT    NOT NULL,
	own        INTEGER NOT NULL,
	state      TEXT    NOT NULL,
	since      INTEGER NOT NULL,
	bounce_key BLOB -- a hash of the token in the envelope sender
);
CREATE UNIQUE INDEX members_fold ON members (list, fold);
CREATE INDEX members_list ON members (list, id);
CREATE UNIQUE INDEX members_bounce_key ON members (list, bounce_key);

-- A thread is a label that the nodes of one tree share. posts, first_post and
-- the two times are of its real posts; a thread of ghosts alone has none.
CREATE TABLE threads (
	id         INTEGER PRIMARY KEY,
	list       INTEGER NOT NULL REFERENCES lists (id),
	nodes      INTEGER NOT NULL,
	posts      INTEGER NOT NULL,
	first_post INTEGER NOT NULL,
	first_at   INTEGER NOT NULL,
	last_at    INTEGER NOT NULL
);
CREATE INDEX threads_last ON threads (list, last_at, id);

-- A node is a place in a thread: a post, or the ghost of a missing one.
CREATE TABLE nodes (
	id         INTEGER PRIMARY KEY,
	list       INTEGER NOT NULL REFERENCES lists (id),
	message_id TEXT, -- none: another post of the list has the same
	post       INTEGER,
	parent     INTEGER,
	thread     INTEGER NOT NULL
);
CREATE UNIQUE INDEX nodes_message_id ON nodes (list, message_id);
CREATE INDEX nodes_parent ON nodes (parent) WHERE parent IS NOT NULL;
CREATE INDEX nodes_thread ON nodes (thread);
CREATE INDEX nodes_post ON nodes (post) WHERE message_id IS NULL;

CREATE TABLE posts (
	id         INTEGER PRIMARY KEY,
	list       INTEGER NOT NULL REFERENCES lists (id),
	number     INTEGER NOT NULL, -- within the list, by arrival, never used again
	message_id TEXT    NOT NULL,
	hash       BLOB    NOT NULL, -- SHA-256 of From, Date, Subject and body
	from_name  TEXT    NOT NULL,
	from_addr  TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	date       INTEGER NOT NULL, -- 0: none that is sane
	received   INTEGER NOT NULL,
	size       INTEGER NOT NULL, -- bytes as received
	trace      TEXT    NOT NULL,
	session    TEXT    NOT NULL,
	auth       TEXT    NOT NULL,
	taken      INTEGER NOT NULL, -- an earlier post of the list has the same Message-ID
	page       TEXT    NOT NULL  -- path segment of its page: its Message-ID, or ~ and its number
);
CREATE UNIQUE INDEX posts_number ON posts (list, number);
CREATE INDEX posts_taken ON posts (list, message_id) WHERE taken = 1;

-- The mail as received, one zstd frame each, apart from the rows that pages read.
CREATE TABLE raws (
	post INTEGER PRIMARY KEY REFERENCES posts (id),
	zstd BLOB NOT NULL
);

-- What pages show and search finds. It follows the posts and can be made anew.
CREATE TABLE texts (
	post        INTEGER PRIMARY KEY REFERENCES posts (id),
	body        TEXT NOT NULL,
	attachments TEXT NOT NULL
);
CREATE VIRTUAL TABLE search USING fts5 (
	subject, author, body,
	content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- Ids of what people and answers name are never used again (AUTOINCREMENT): a
-- late decision about one post must not fall on another.
CREATE TABLE held (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	list       INTEGER NOT NULL REFERENCES lists (id),
	message_id TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	author     TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	received   INTEGER NOT NULL,
	size       INTEGER NOT NULL,
	envelope   TEXT    NOT NULL,
	zstd       BLOB    NOT NULL
);
CREATE INDEX held_message_id ON held (list, message_id);

CREATE TABLE bounces (
	id       INTEGER PRIMARY KEY,
	list     INTEGER NOT NULL REFERENCES lists (id),
	member   INTEGER, -- none: it came to dev-bounces@
	received INTEGER NOT NULL,
	zstd     BLOB    NOT NULL
);

-- A job is one mail to send: a post to the members of its list, found in the
-- order of their ids up to cursor, or mail to the recipients it came with.
CREATE TABLE jobs (
	id        INTEGER PRIMARY KEY,
	list      INTEGER, -- none: mail of the operator's addresses
	post      INTEGER,
	at        INTEGER NOT NULL,
	cursor    INTEGER, -- none: all recipients have their copy
	sender    TEXT    NOT NULL,
	zstd      BLOB,    -- of mail that is no post; none: all of it ended
	rcpts     INTEGER NOT NULL, -- how many that mail has
	delivered INTEGER NOT NULL,
	bounced   INTEGER NOT NULL,
	cancelled INTEGER NOT NULL
);
CREATE INDEX jobs_open ON jobs (id) WHERE cursor IS NOT NULL;

-- A copy is one outgoing transaction that has not ended.
CREATE TABLE copies (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	job     INTEGER NOT NULL REFERENCES jobs (id),
	lane    TEXT    NOT NULL,
	rcpts   TEXT    NOT NULL, -- JSON: ids of members, or addresses
	tries   INTEGER NOT NULL,
	since   INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	attempt INTEGER, -- when it was handed out; none: it waits
	last    TEXT    NOT NULL
);
CREATE INDEX copies_due ON copies (due, lane) WHERE attempt IS NULL;

-- What a server answered for good about a recipient.
CREATE TABLE refusals (
	id       INTEGER PRIMARY KEY,
	list     INTEGER,
	member   INTEGER,
	address  TEXT    NOT NULL,
	job      INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	code     INTEGER NOT NULL,
	enhanced TEXT    NOT NULL,
	text     TEXT    NOT NULL
);
CREATE INDEX refusals_member ON refusals (list, member);
