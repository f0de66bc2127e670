package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/report"
)

func TestStoreCheck(t *testing.T) {
	sound, faulty, cut, unreadable := history(t, scenario()), history(t, scenario()), history(t, scenario()), history(t, scenario())
	damage(t, faulty, "DELETE FROM events WHERE seq = 3")
	if err := os.Truncate(filepath.Join(cut, "history", "history.db"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(unreadable, "history", "history.db")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dir  string
		code int
		want string
	}{
		"sound":     {sound, exitDone, "The history in " + sound + " is sound.\nChecked 8 events, the latest state of 2 objects, and 2 checkpoints.\n"},
		"faulty":    {faulty, exitFindings, "  - event 3 is damaged: it is missing"},
		"empty":     {cut, exitFindings, "the file is empty"},
		"missing":   {unreadable, exitFindings, "the file is missing"},
		"elsewhere": {t.TempDir(), exitUsage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, "store", "check", "--data-dir", test.dir)
			if got.code != test.code || !strings.Contains(got.out, test.want) || (got.errors != "") != (test.code == exitUsage) {
				t.Errorf("exit code %d, want %d; stdout %q, want %q; stderr %q", got.code, test.code, got.out, test.want, got.errors)
			}
		})
	}
	var check report.StoreCheck
	got := program(t, "store", "check", "-o", "json", "--data-dir", faulty)
	if err := json.Unmarshal([]byte(got.out), &check); err != nil || check.Sound || !check.Complete || len(check.Faults) == 0 {
		t.Errorf("%v: %s", err, got.out)
	}
}

func TestStoreStats(t *testing.T) {
	dir := history(t, scenario())
	if err := os.Mkdir(filepath.Join(dir, "damaged-20261122T120000Z"), 0o700); err != nil {
		t.Fatal(err)
	}
	var st report.StoreStats
	got := program(t, "store", "stats", "-o", "json", "--data-dir", dir)
	if err := json.Unmarshal([]byte(got.out), &st); err != nil || got.code != exitDone {
		t.Fatalf("exit code %d, %v: %s%s", got.code, err, got.out, got.errors)
	}
	if st.Events != 8 || st.Objects != 2 || st.LastSeq != 8 || !st.Oldest.Equal(morning) || len(st.SetAside) != 1 || st.Bytes == 0 {
		t.Errorf("got %s", got.out)
	}
	got = program(t, "store", "stats", "--data-dir", dir)
	if got.code != exitDone || !strings.Contains(got.out, "damaged-20261122T120000Z") || !strings.Contains(got.out, "BYTES EACH") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.errors)
	}
}

func TestStoreRefuses(t *testing.T) {
	newer := history(t, scenario())
	damage(t, newer, "PRAGMA user_version = 99")
	for name, test := range map[string]struct{ args, want string }{
		"no directory":   {"store check", "--data-dir is required"},
		"bad format":     {"store stats -o xml --data-dir x", `--output: unknown format "xml"`},
		"arguments":      {"store check x", "takes no arguments"},
		"no command":     {"store mend", "the commands of store are check and stats"},
		"no program":     {"stroe", "watch, crds, audit, history, serve, rbac, store, version and completion"},
		"missing":        {"store stats --data-dir /does/not/exist", "/does/not/exist does not exist"},
		"newer":          {"store check --data-dir " + newer, "schema version 99"},
		"newer history":  {"history certs/tls --data-dir " + newer, "use the newer program"},
		"stats of newer": {"store stats --data-dir " + newer, "use the newer program"},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, strings.Fields(test.args)...)
			if got.code != exitUsage || !strings.Contains(got.errors, test.want) || got.out != "" {
				t.Errorf("exit code %d, stderr %q, want %q; stdout %q", got.code, got.errors, test.want, got.out)
			}
		})
	}
}
