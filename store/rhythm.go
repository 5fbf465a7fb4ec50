package store

import (
	"database/sql"
	"strings"
	"time"

	"parley/list"
)

func (t *tx) LastNumber(l list.ListID) (n int64, err error) {
	_, err = t.one(`SELECT COALESCE(MAX(number), 0) FROM posts WHERE list = $1`, []any{l}, &n)
	return n, err
}

// SendOpen makes the copies that open fan-outs have not come to yet.
func (t *tx) SendOpen(m list.Member, now time.Time) error {
	return t.sendFanOuts(m, now, ` WHERE jobs.cursor IS NOT NULL AND jobs.cursor < $1 AND jobs.list = $2 ORDER BY jobs.id`, m.ID, m.List)
}

// SendSince finds the posts first: few are newer than the number.
func (t *tx) SendSince(m list.Member, number int64, now time.Time) error {
	m.Seen = number
	return t.sendFanOuts(m, now, ` WHERE posts.list = $1 AND posts.number > $2 AND jobs.list = $1 ORDER BY posts.number`, m.List, number)
}

func (t *tx) sendFanOuts(m list.Member, now time.Time, where string, args ...any) error {
	var due []fanOut
	err := t.each(fanOutQuery+where, args, func(rows *sql.Rows) error {
		j, err := scanFanOut(rows)
		due = append(due, j)
		return err
	})
	if err != nil {
		return err
	}
	c := claim{tx: t, now: now}
	for _, j := range due {
		if j.list, err = t.listOf(m.List); err != nil {
			return err
		}
		if err := c.readMarks(&j); err != nil {
			return err
		}
		if !j.reaches(m) {
			continue
		}
		if err := c.handOut(j, []oneReader{{list.Rcpt{Member: m.ID, Address: m.Address}, m.Hours}}); err != nil {
			return err
		}
		t.group.due = true
	}
	return nil
}

func (t *tx) SetMark(m list.Member, p list.PostRow, mark list.Mark) error {
	if _, err := t.exec(`DELETE FROM marks WHERE list = $1 AND member = $2 AND node IN (SELECT id FROM nodes WHERE thread = $3)`, m.List, m.ID, p.Thread); err != nil {
		return err
	}
	if mark == list.NoMark {
		return nil
	}
	_, err := t.exec(`INSERT INTO marks (list, member, node, mark) SELECT $1, $2, MIN(id), $3 FROM nodes WHERE thread = $4 AND post = $5 AND list = $1`,
		m.List, m.ID, mark, p.Thread, p.ID)
	return err
}

func (t *tx) Marks(l list.ListID, m list.MemberID) (map[list.ThreadID]list.Mark, error) {
	marks := map[list.ThreadID]list.Mark{}
	err := t.each(`SELECT nodes.thread, marks.mark FROM marks JOIN nodes ON nodes.id = marks.node WHERE marks.list = $1 AND marks.member = $2`,
		[]any{l, m}, func(rows *sql.Rows) error {
			var thread list.ThreadID
			var mark list.Mark
			err := rows.Scan(&thread, &mark)
			if marks[thread] != list.Mute { // as in readMarks
				marks[thread] = mark
			}
			return err
		})
	return marks, err
}

// bareColumns are those of a post without its text. Its node is found by its
// Message-ID, or, where another post has that, by the post.
const bareColumns = `SELECT posts.id, posts.number, posts.list, COALESCE(own.thread, other.thread, 0), posts.message_id, posts.page,
		posts.from_name, posts.from_addr, posts.subject, posts.date, posts.received, posts.size, 0, '', ''
	FROM posts
	LEFT JOIN nodes own ON posts.taken = 0 AND own.list = posts.list AND own.message_id = posts.message_id
	LEFT JOIN nodes other ON posts.taken = 1 AND other.post = posts.id AND other.message_id IS NULL `

func (t *tx) posts(n int, query string, args ...any) (posts []list.PostRow, err error) {
	err = t.upTo(n, query, args, func(rows *sql.Rows) error {
		var p postScan
		if err := rows.Scan(p.dest()...); err != nil {
			return err
		}
		row, err := p.row()
		posts = append(posts, row)
		return err
	})
	return posts, err
}

func (t *tx) PostsAfter(l list.ListID, number int64, n int) ([]list.PostRow, error) {
	return t.posts(n, bareColumns+`WHERE posts.list = $1 AND posts.number > $2 ORDER BY posts.number`, l, number)
}

// PostsSince takes the newest ones where there are more than n.
func (t *tx) PostsSince(l list.ListID, since time.Time, n int) ([]list.PostRow, error) {
	posts, err := t.posts(n, bareColumns+`WHERE posts.list = $1 AND posts.received >= $2 ORDER BY posts.number DESC`, l, at(since))
	for i, j := 0, len(posts)-1; i < j; i, j = i+1, j-1 {
		posts[i], posts[j] = posts[j], posts[i]
	}
	return posts, err
}

func (t *tx) ThreadPosts(l list.ListID, thread list.ThreadID, n int) ([]list.PostRow, error) {
	return t.posts(n, `SELECT posts.id, posts.number, posts.list, nodes.thread, posts.message_id, posts.page,
			posts.from_name, posts.from_addr, posts.subject, posts.date, posts.received, posts.size, 0, '', ''
		FROM nodes JOIN posts ON posts.id = nodes.post WHERE nodes.list = $1 AND nodes.thread = $2 ORDER BY posts.number`, l, thread)
}

func (t *tx) FindPost(l list.ListID, key string) (list.PostRow, bool, error) {
	row, err := t.findPost(l, key)
	if list.KindOf(err) == list.Unknown {
		return row, false, nil
	}
	return row, err == nil, err
}

func (t *tx) Post(l list.ListID, p list.PostID) (list.PostRow, error) {
	posts, err := t.posts(1, bareColumns+`WHERE posts.list = $1 AND posts.id = $2`, l, p)
	if err == nil && len(posts) == 0 {
		err = errNoPost
	}
	if err != nil {
		return list.PostRow{}, err
	}
	return posts[0], nil
}

func (t *tx) Text(l list.ListID, p list.PostID, most int) (text string, err error) {
	_, err = t.one(`SELECT substr(texts.body, 1, $1) FROM texts JOIN posts ON posts.id = texts.post WHERE posts.list = $2 AND posts.id = $3`, []any{most, l, p}, &text)
	return text, err
}

func (t *tx) ListOwed(now time.Time, after list.MemberID, n int) ([]list.Member, error) {
	return t.members(n, `SELECT `+memberColumns+` FROM members WHERE owed <> '' AND paused_until <= $1 AND state = $2
		AND list IN (SELECT id FROM lists WHERE removed = 0) AND id > $3 ORDER BY id`, at(now), list.Active, after)
}

func (t *tx) Collected(l list.ListID, d list.Delivery, last int64, after list.MemberID, n int) ([]list.Member, error) {
	return t.members(n, `SELECT `+memberColumns+` FROM members
		WHERE list = $1 AND id > $2 AND delivery = $3 AND delivery IN ('daily', 'weekly', 'summary') AND state = $4 AND owed = '' AND seen < $5
		ORDER BY id`, l, after, d, list.Active, last)
}

func (t *tx) SetSeen(l list.ListID, members []list.MemberID, from, to int64) (n int, err error) {
	for _, m := range members {
		one, err := affected(t.exec(`UPDATE members SET seen = $1 WHERE list = $2 AND id = $3 AND seen = $4 AND state = $5 AND owed = ''`,
			to, l, m, from, list.Active))
		if err != nil {
			return n, err
		}
		n += one
	}
	return n, nil
}

func (t *tx) Slot(l list.ListID, d list.Delivery) (s list.Slot, err error) {
	var micros int64
	_, err = t.one(`SELECT at, upto FROM slots WHERE list = $1 AND delivery = $2`, []any{l, d}, &micros, &s.UpTo)
	s.At = moment(micros)
	return s, err
}

func (t *tx) SetSlot(l list.ListID, d list.Delivery, s list.Slot) error {
	_, err := t.exec(`INSERT INTO slots (list, delivery, at, upto) VALUES ($1, $2, $3, $4)
		ON CONFLICT (list, delivery) DO UPDATE SET at = excluded.at, upto = excluded.upto`, l, d, at(s.At), s.UpTo)
	return err
}

// readMarks reads what members want of the thread of a fan-out, and which
// destinations refuse its post.
func (c *claim) readMarks(j *fanOut) error {
	j.marks, j.paused = nil, nil
	err := c.each(`SELECT marks.member, marks.mark FROM nodes JOIN marks ON marks.node = nodes.id
		WHERE nodes.thread = (SELECT thread FROM nodes WHERE id = $1)`, []any{j.node}, func(rows *sql.Rows) error {
		var m list.MemberID
		var mark list.Mark
		if err := rows.Scan(&m, &mark); err != nil {
			return err
		}
		if j.marks == nil {
			j.marks = map[list.MemberID]list.Mark{}
		}
		if j.marks[m] != list.Mute { // where threads were joined, a mute holds for both
			j.marks[m] = mark
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.each(`SELECT lane, state FROM unwanted WHERE job = $1 AND state IN ('waits', 'drop')`, []any{j.job}, func(rows *sql.Rows) error {
		var lane string
		var state list.UnwantedState
		if err := rows.Scan(&lane, &state); err != nil {
			return err
		}
		if j.paused == nil {
			j.paused = map[string]list.UnwantedState{}
		}
		j.paused[lane] = state
		return nil
	})
}

// reaches tells whether a member gets a copy of the fan-out's post.
func (j *fanOut) reaches(m list.Member) bool {
	return j.number > m.Seen && m.Wants(j.first, j.marks[m.ID]) && (m.Own || !strings.EqualFold(m.Address, j.author))
}
