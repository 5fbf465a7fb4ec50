package list

import "time"

// immediate reports whether posts come as they are, not collected or not at all.
func (d Delivery) immediate() bool {
	return d == DeliverEach || d == DeliverFirst || d == DeliverFollowed
}

// setDelivery changes what a member gets from the next post on. What came
// before is settled as it was wished then: open fan-outs make their copies, and
// a last digest is owed for posts that wait for one. Nothing is skipped or
// comes twice.
func (d *Desk) setDelivery(tx Tx, m *Member, next Delivery, plain bool) error {
	before := m.Delivery
	if before == next {
		m.Plain = plain
		return tx.SetMember(*m)
	}
	last, err := tx.LastNumber(m.List)
	if err != nil {
		return err
	}
	switch {
	case m.Owed != OwedNothing: // posts wait for that mail, whatever was wished
	case before.immediate():
		if err := tx.SendOpen(*m, d.now()); err != nil {
			return err
		}
		m.Seen = last
	case before == DeliverNone:
		m.Seen = last
	case before.Collected() && next.Collected():
	case before.Collected() && m.Seen < last:
		m.Owed = OwedDigest
		if before == DeliverSummary {
			m.Owed = OwedSummary
		}
	}
	if next.Collected() && m.Owed != OwedCatchUp {
		m.Owed = OwedNothing // its posts come in the next one
	}
	if !before.Collected() || next.Collected() || m.Owed == OwedNothing {
		m.Plain = plain
	}
	m.Delivery = next
	return tx.SetMember(*m)
}

// pause stops all mail of the list to a member until a moment. What comes
// meanwhile is told of in one mail then.
func (d *Desk) pause(tx Tx, m *Member, until time.Time) error {
	if m.Owed == OwedNothing && !m.Delivery.Collected() {
		if err := tx.SendOpen(*m, d.now()); err != nil {
			return err
		}
		last, err := tx.LastNumber(m.List)
		if err != nil {
			return err
		}
		m.Seen = last
	}
	m.Owed, m.PausedUntil = OwedCatchUp, until
	return tx.SetMember(*m)
}

// resume ends a pause now. It returns false when there was none.
func (d *Desk) resume(tx Tx, m *Member) (bool, error) {
	if m.Owed != OwedCatchUp {
		return false, nil
	}
	m.PausedUntil = d.now()
	return true, tx.SetMember(*m)
}
