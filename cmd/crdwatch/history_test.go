package main

import (
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func TestHistorySelects(t *testing.T) {
	dir := history(t, scenario())
	for name, test := range map[string]struct{ args, want string }{
		"all namespaces":         {"certificates/tls", "1 2 4 5 8"},
		"one namespace":          {"certificates/tls -n web", "1 4 5 8"},
		"singular kind":          {"Certificate/tls -n db", "2 5"},
		"plural.group":           {"certificates.cert-manager.io/tls -n db", "2 5"},
		"plural.version.group":   {"certificates.v1.cert-manager.io/tls -n db", "2 5"},
		"short name of two":      {"crt/tls -n web", "1 4 5 6 8"},
		"newest of two":          {"crt/tls -n web --limit 3", "5 6 8"},
		"newest":                 {"certificates/tls --limit 2", "5 8"},
		"newest of what is left": {"certificates/tls --limit 3 --ignore-status", "2 5 8"},
		"spec only":              {"certificates/tls --spec-only -n web", "1 5 8"},
		"manager":                {"certificates/tls --manager helm", "2 5"},
		"type":                   {"certificates/tls --type deleted", "8"},
		"gaps":                   {"certificates/tls --type GAP", "5"},
		"since":                  {"certificates/tls --since 2026-11-20T11:00:00Z", "4 5 8"},
		"until":                  {"certificates/tls --until 2026-11-20T11:00:00Z", "1 2"},
		"long ago":               {"certificates/tls --until 36500d", ""},
		"deleted CRD":            {"widgets.example.com/tls", "7"},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, append(strings.Fields("history -o jsonl --data-dir "+dir), strings.Fields(test.args)...)...)
			if seqs := shown(t, got.out); got.code != exitDone || seqs != test.want {
				t.Errorf("exit code %d, events %q, want %q; %s", got.code, seqs, test.want, got.errors)
			}
		})
	}
}

func TestHistoryText(t *testing.T) {
	got := program(t, "history", "certificates/tls", "-n", "web", "--type", "MODIFIED", "--data-dir", history(t, scenario()))
	at := func(hours int) string {
		return morning.Add(time.Duration(hours) * time.Hour).In(time.Local).Format("2006-01-02 15:04:05")
	}
	indent := strings.Repeat(" ", len(at(0))+2)
	want := at(0) + "  MODIFIED  certificates.cert-manager.io  web/tls\n" +
		indent + "by kubectl-edit\n" + indent + "  ~ .spec.renewBefore  360h → 720h\n" +
		at(3) + "  MODIFIED  certificates.cert-manager.io  web/tls\n" +
		indent + "by controller\n" + indent + "  ~ .status.ready  false → true\n"
	if got.code != exitDone || got.out != want || got.errors != "" {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s\nwant:\n%s", got.code, got.errors, got.out, want)
	}
}

// TestHistoryKeepsIntegers: JSON readers make floats of large ones.
func TestHistoryKeepsIntegers(t *testing.T) {
	got := program(t, "history", "certificates/tls", "-n", "db", "-o", "jsonl", "--data-dir", history(t, scenario()))
	if !strings.Contains(got.out, `"new":9007199254740993`) {
		t.Error(got.out)
	}
}

func TestHistoryWithoutEvents(t *testing.T) {
	reach := "the history reaches back to " + morning.In(time.Local).Format(time.DateTime)
	dir := history(t, scenario())
	for name, test := range map[string]struct {
		args, dir string
		want      []string
	}{
		"no such object":   {"certs/none -n web", dir, []string{"no events of certs.example.com/none in namespace web: it did not change, or is not there; " + reach}},
		"only a gap":       {"certificates/none", dir, []string{"no events of certificates.cert-manager.io/none: it did not change, or is not there; 1 gap; " + reach}},
		"nothing matches":  {"certs/tls --manager x", dir, []string{"no events of certs.example.com/tls match the other flags; "}},
		"unknown type":     {"cets.example.com/none", dir, []string{"no events of cets.example.com/none: ", `knows no type "cets.example.com" now; the nearest are: certs.example.com, `}},
		"no events at all": {"certs/tls", history(t, nil), []string{"no events of certs.example.com/tls: it did not change, or is not there; the history has no events at all yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, append(strings.Fields("history -o jsonl --data-dir "+test.dir), strings.Fields(test.args)...)...)
			for _, want := range test.want {
				if got.code != exitDone || !strings.Contains(got.errors, want) {
					t.Errorf("exit code %d, stderr %q, want %q", got.code, got.errors, want)
				}
			}
		})
	}
	if got := program(t, "history", "certs/none", "-q", "--data-dir", dir); got != (result{}) {
		t.Errorf("not quiet: %+v", got)
	}
}

func TestHistoryRefuses(t *testing.T) {
	dir := history(t, scenario())
	empty := t.TempDir()
	for name, test := range map[string]struct{ args, want string }{
		"neither source":     {"certs/tls", "--data-dir DIR of crdwatch serve, or --server URL"},
		"both sources":       {"certs/tls --server http://x --data-dir " + dir, "--data-dir and --server exclude each other"},
		"no URL":             {"certs/tls --server localhost:8080", `--server: "localhost:8080" is no URL`},
		"no object":          {"--data-dir " + dir, "name an object as TYPE/NAME"},
		"no name":            {"certs --data-dir " + dir, `"certs" is not TYPE/NAME`},
		"kubectl's way":      {"certs tls --data-dir " + dir, "did you mean certs/tls?"},
		"unknown type":       {"cets/tls --data-dir " + dir, `the history knows no custom resource type "cets"; the nearest are: certs.example.com, `},
		"bad time":           {"certs/tls --since yesterday --data-dir " + dir, `--since: "yesterday" is neither`},
		"ends before":        {"certs/tls --since 1h --until 2d --data-dir " + dir, "--until is before --since"},
		"bad type":           {"certs/tls --type NEW --data-dir " + dir, `--type: unknown type "NEW"`},
		"bad format":         {"certs/tls -o xml --data-dir " + dir, `--output: unknown format "xml"`},
		"bad limit":          {"certs/tls --limit -1 --data-dir " + dir, "--limit: -1 is negative"},
		"missing directory":  {"certs/tls --data-dir " + empty + "/none", "/none does not exist: name the data directory"},
		"no history":         {"certs/tls --data-dir " + empty, empty + " has no history"},
		"the history itself": {"certs/tls --data-dir " + dir + "/history", "name " + dir},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, append([]string{"history"}, strings.Fields(test.args)...)...)
			if got.code != exitUsage || !strings.Contains(got.errors, test.want) || got.out != "" {
				t.Errorf("exit code %d, stderr %q, want %q", got.code, got.errors, test.want)
			}
		})
	}
}

func TestHistoryWithDamage(t *testing.T) {
	dir := history(t, scenario())
	damage(t, dir, "UPDATE events SET body = x'0102' WHERE seq = 4")
	for name, test := range map[string]struct {
		args string
		code int
		want string
	}{
		"oldest first":  {"certificates/tls -n web", exitIncomplete, "1 5 8"},
		"newest":        {"certificates/tls -n web --limit 3", exitIncomplete, "1 5 8"},
		"of two":        {"crt/tls -n web", exitIncomplete, "1 5 6 8"},
		"beyond it":     {"certificates/tls -n web --limit 2", exitDone, "5 8"},
		"allowed":       {"certificates/tls -n web --allow-partial", exitDone, "1 5 8"},
		"another's":     {"certs/tls", exitDone, "6"},
		"another GAP's": {"certificates/tls -n db", exitDone, "2 5"},
	} {
		t.Run(name, func(t *testing.T) {
			got := program(t, append(strings.Fields("history -o jsonl --data-dir "+dir), strings.Fields(test.args)...)...)
			if seqs := shown(t, got.out); got.code != test.code || seqs != test.want {
				t.Errorf("exit code %d, want %d; events %q, want %q; %s", got.code, test.code, seqs, test.want, got.errors)
			}
			partial := test.code == exitIncomplete || name == "allowed"
			if warned := strings.Count(got.errors, "warning: event 4 is damaged: "); partial != (warned == 1) {
				t.Errorf("%d warnings: %s", warned, got.errors)
			}
		})
	}
}

// TestHistoryOfDamagedCRDs: the checkpoints know some of their types, and the events
// the others.
func TestHistoryOfDamagedCRDs(t *testing.T) {
	dir := history(t, scenario())
	damage(t, dir, "UPDATE objects SET sum = sum + 1")
	for object, want := range map[string]string{"certificate/tls": "1 2 4 5 8", "certs.example.com/tls": "6"} {
		got := program(t, "history", object, "-o", "jsonl", "--data-dir", dir)
		if seqs := shown(t, got.out); got.code != exitDone || seqs != want {
			t.Errorf("%s: exit code %d, events %q, want %q; %s", object, got.code, seqs, want, got.errors)
		}
	}
}

// TestHistoryBesideAServer reads what is written while another has the directory.
func TestHistoryBesideAServer(t *testing.T) {
	dir := history(t, scenario())
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ev := scenario()[5]
	ev.Seq, ev.ID = 9, "new"
	if err := s.Commit(t.Context(), store.Batch{Events: []watch.Event{ev}}); err != nil {
		t.Fatal(err)
	}
	got := program(t, "history", "certs/tls", "-o", "jsonl", "--data-dir", dir)
	if seqs := shown(t, got.out); got.code != exitDone || seqs != "6 9" {
		t.Errorf("exit code %d, events %q; %s", got.code, seqs, got.errors)
	}
	if got := program(t, "store", "check", "--data-dir", dir); got.code != exitDone {
		t.Errorf("check: exit code %d: %s%s", got.code, got.out, got.errors)
	}
}

func TestParseMoment(t *testing.T) {
	for value, want := range map[string]time.Time{
		"":                     {},
		"90m":                  morning.Add(-90 * time.Minute),
		"7d":                   morning.AddDate(0, 0, -7),
		"1d12h":                morning.Add(-36 * time.Hour),
		"2026-11-19T00:00:00Z": time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseMoment(value, morning); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", value, got, err, want)
		}
	}
	for _, value := range []string{"-5m", "d", "-1d", "1d-1h", "999999999d", "1dd", "2026-11-19"} {
		if got, err := parseMoment(value, morning); err == nil {
			t.Errorf("%q: got %v, want an error", value, got)
		}
	}
}
