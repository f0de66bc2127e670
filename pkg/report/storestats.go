package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
)

// StoreStats is what a data directory has and what it takes. Its JSON form is a
// public contract.
type StoreStats struct {
	Directory string `json:"directory"`
	// Bytes on disk, of which Parts are the parts.
	Bytes int64       `json:"bytes"`
	Parts []StorePart `json:"parts"`

	Events       int64 `json:"events"`
	Objects      int64 `json:"objects"`
	Resources    int64 `json:"resources"`
	Dictionaries int64 `json:"dictionaries"`
	// What one takes with all that is kept for it; 0 without any.
	BytesPerEvent  float64 `json:"bytesPerEvent"`
	BytesPerObject float64 `json:"bytesPerObject"`

	// Oldest and Newest are null without events; then FirstSeq follows LastSeq.
	FirstSeq uint64     `json:"firstSeq"`
	LastSeq  uint64     `json:"lastSeq"`
	Oldest   *time.Time `json:"oldest"`
	Newest   *time.Time `json:"newest"`

	StoreEvidence
}

// StorePart is a part of a history on disk.
type StorePart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// NewStoreStats makes them of what the store measured.
func NewStoreStats(dir string, st store.Stats, e store.Evidence) StoreStats {
	out := StoreStats{
		Directory: dir, Bytes: st.Bytes, Parts: []StorePart{},
		Events: st.Events, Objects: st.Objects, Resources: st.Resources, Dictionaries: st.Dictionaries,
		BytesPerEvent: st.BytesPerEvent, BytesPerObject: st.BytesPerObject,
		FirstSeq: st.FirstSeq, LastSeq: st.LastSeq, Oldest: moment(st.Oldest), Newest: moment(st.Newest),
		StoreEvidence: newStoreEvidence(e),
	}
	for _, p := range st.Parts {
		out.Parts = append(out.Parts, StorePart(p))
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// StoreStatsFormats lists the formats of PrintStoreStats, the default first.
func StoreStatsFormats() []string { return []string{Table, JSON} }

// PrintStoreStats renders them in one of StoreStatsFormats, in one call of w.Write.
// A nil location is UTC.
func PrintStoreStats(w io.Writer, format string, st StoreStats, location *time.Location) error {
	switch format {
	case Table:
		out, err := storeStatsTable(st, location)
		return writeOnce(w, out, err)
	case JSON:
		out, err := marshalIndent(st)
		return writeOnce(w, out, err)
	}
	return unknownFormat(format, StoreStatsFormats())
}

func storeStatsTable(st StoreStats, location *time.Location) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\n", plain(st.Directory), binarySize(st.Bytes))
	for i, rows := range [][][]string{partRows(st), countRows(st), eventRows(st, location)} {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := writeAligned(&b, rows); err != nil {
			return nil, err
		}
	}
	if len(st.SetAside) > 0 || st.NotedDamage != "" {
		b.WriteByte('\n')
		st.write(&b)
	}
	return b.Bytes(), nil
}

func partRows(st StoreStats) [][]string {
	rows := [][]string{{"PART", "SIZE", "SHARE"}}
	for _, p := range st.Parts {
		rows = append(rows, []string{p.Name, binarySize(p.Bytes), share100(p.Bytes, st.Bytes)})
	}
	return rows
}

func share100(part, whole int64) string {
	if whole == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}

func countRows(st StoreStats) [][]string {
	return [][]string{
		{"KEPT", "COUNT", "BYTES EACH"},
		{"events", strconv.FormatInt(st.Events, 10), each(st.BytesPerEvent)},
		{"objects", strconv.FormatInt(st.Objects, 10), each(st.BytesPerObject)},
		{"dictionaries", strconv.FormatInt(st.Dictionaries, 10)},
		{"resources", strconv.FormatInt(st.Resources, 10)},
	}
}

// each is bytes per one, with what is kept for it: indexes, dictionaries.
func each(bytes float64) string {
	if bytes == 0 {
		return "-"
	}
	return strconv.FormatFloat(bytes, 'f', 0, 64)
}

func eventRows(st StoreStats, location *time.Location) [][]string {
	rows := [][]string{{"EVENT", "SEQ", "TIME"}}
	if st.Oldest == nil && st.Newest == nil {
		return append(rows, []string{"none yet"})
	}
	if location == nil {
		location = time.UTC
	}
	for _, row := range []struct {
		name string
		seq  uint64
		time *time.Time
	}{{"oldest", st.FirstSeq, st.Oldest}, {"newest", st.LastSeq, st.Newest}} {
		at := "<unknown>"
		if row.time != nil {
			at = row.time.In(location).Format(dateTime)
		}
		rows = append(rows, []string{row.name, strconv.FormatUint(row.seq, 10), at})
	}
	return rows
}

// writeAligned pads as kubectl does.
func writeAligned(b *bytes.Buffer, rows [][]string) error {
	w := tabwriter.NewWriter(b, 6, 4, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}
