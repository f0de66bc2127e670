package report

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// Cursor is a position in a Ledger: everything up to and with seq has been read.
// The zero Cursor stands before the oldest event, whichever that is when it is used.
//
// A Cursor carries the epoch of the Ledger that made it, a random number, because
// a sequence number alone means nothing in another process: without the epoch, a
// client that comes back after a restart would silently go on at the wrong place. The
// epoch of a Ledger with a History is that of the history, which outlives the process.
type Cursor struct {
	epoch, seq uint64
}

const cursorBytes = 16

// String is the form that clients carry. It is opaque to them.
func (c Cursor) String() string {
	var b [cursorBytes]byte
	binary.BigEndian.PutUint64(b[:8], c.epoch)
	binary.BigEndian.PutUint64(b[8:], c.seq)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ErrExpired is the identity of every ExpiredError.
var ErrExpired = errors.New("the cursor is unknown or past retention")

// ExpiredError says that what follows a Cursor cannot be known any more: it was made
// by another process, or with another history, or is past retention, which without a
// history is what the ring holds.
type ExpiredError struct {
	// Oldest stands before the oldest event that can still be read.
	Oldest Cursor
}

// Error names the oldest cursor, because that is what the reader needs next.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("%v; the oldest available is %s", ErrExpired, e.Oldest)
}

// Is makes errors.Is(err, ErrExpired) true.
func (e *ExpiredError) Is(target error) bool {
	return target == ErrExpired
}

// parseCursor reads either form that a client may hold: a Cursor, or the plain
// sequence number that SSE hands out as id, which is taken to be of this epoch.
// The two cannot be confused, as a Cursor is longer than any uint64. What it does
// not understand it reports as unknown, not as malformed: the string is opaque, and
// the client's way out is the same.
func parseCursor(s string, epoch uint64) (Cursor, bool) {
	if seq, err := strconv.ParseUint(s, 10, 64); err == nil {
		return Cursor{epoch: epoch, seq: seq}, true
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorBytes {
		return Cursor{}, false
	}
	return Cursor{epoch: binary.BigEndian.Uint64(b[:8]), seq: binary.BigEndian.Uint64(b[8:])}, true
}
