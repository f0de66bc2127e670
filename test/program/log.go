package program

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log collects lines. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

// String is all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// Tail is as much of its end as says why something failed.
func (l *Log) Tail() string {
	const most = 4000
	text := l.String()
	return text[max(0, len(text)-most):]
}

// Count returns the number of lines that contain all of the words.
func (l *Log) Count(words ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

// Logger writes to it.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, nil))
}
