package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
)

// errSum says that a row is not what was written.
var errSum = errors.New("its checksum does not match")

// sum is the checksum of one row: CRC-32C over all its columns. SQLite has none of
// its own, and a flipped bit in a blob would be handed out as the truth. Begin with
// a number of the table's own, so that no row passes for one of another table.
type sum uint32

const (
	sumEvent sum = iota + 1
	sumObject
	sumResource
	sumKind
	sumMinute
	sumHistory
	sumCounts
)

func (s sum) update(p []byte) sum {
	return sum(crc32.Update(uint32(s), crc32.MakeTable(crc32.Castagnoli), p))
}

func (s sum) int(values ...int64) sum {
	var b [8]byte
	for _, v := range values {
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		s = s.update(b[:])
	}
	return s
}

// bytes takes the length too, so that neighbours cannot trade bytes.
func (s sum) bytes(p []byte) sum {
	return s.int(int64(len(p))).update(p)
}

func (s sum) strings(values ...string) sum {
	for _, v := range values {
		s = s.bytes([]byte(v))
	}
	return s
}

// value is the sum as it is stored: SQLite keeps 32 bits in four bytes only if they
// are signed.
func (s sum) value() int64 { return int64(int32(s)) }

// hash narrows a search: 48 bits, which SQLite keeps in six bytes. Different things
// may share one.
func hash(parts ...string) int64 {
	return int64(hash64(parts...)) >> 16
}

// hash32 is hash for what there are few of.
func hash32(s string) int64 {
	return int64(int32(hash64(s)))
}

func hash64(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
