package main

import "testing"

const (
	go354 = `1 11:00:00.1 write(17<TCP:[a->b]>, "354 Go ahead\r\n", 14) = 14` + "\n"
	ack   = `1 11:00:00.5 write(17<TCP:[a->b]>, "250 2.0.0 queued as x.1\r\n", 25) = 25` + "\n"
	data  = `2 11:00:00.2 pwrite64(9</d/parley.db-wal>, "\0", 24, 1) = 24` + "\n"
	sync  = `2 11:00:00.3 fsync(9</d/parley.db-wal>) = 0` + "\n"
	begun = `2 11:00:00.3 fsync(9</d/parley.db-wal> <unfinished ...>` + "\n"
	ended = `2 11:00:00.4 <... fsync resumed>) = 0` + "\n"
	other = `3 11:00:00.3 fsync(8</d/parley.db>) = 0` + "\n"
	fails = `2 11:00:00.3 fsync(9</d/parley.db-wal>) = -1 EIO (Input/output error)` + "\n"
)

func TestAcksTellTooEarlyFromOvertaken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name             string
		log              string
		early, overtaken int
	}{
		{"synced", go354 + data + sync + ack, 0, 0},
		{"synced in two lines", go354 + data + begun + ended + ack, 0, 0},
		{"still syncing", go354 + data + begun + ack + ended, 1, 0},
		{"never synced", go354 + data + ack, 1, 0},
		{"nothing written", go354 + ack + data + sync, 1, 0},
		{"the post before was synced", go354 + data + sync + ack + go354 + data + ack, 1, 0},
		{"synced before the data", go354 + sync + data + ack, 1, 0},
		{"a sync that began before the data", go354 + begun + data + ended + ack, 1, 0},
		{"another file was synced", go354 + data + other + ack, 1, 0},
		{"the sync failed", go354 + data + fails + ack, 1, 0},
		{"overtaken", go354 + data + sync + data + ack, 0, 1},
		{"overtaken and synced", go354 + data + sync + data + sync + ack, 0, 0},
	} {
		if early, overtaken := acks([]byte(tc.log), "queued"); early != tc.early || overtaken != tc.overtaken {
			t.Errorf("%s: %d early, %d overtaken; want %d, %d", tc.name, early, overtaken, tc.early, tc.overtaken)
		}
	}
}
