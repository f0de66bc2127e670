package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// gallery holds one event of every kind that the text form knows.
func gallery() []watch.Event {
	added := modified("tls-main", 4710)
	added.Type, added.OldGeneration, added.Generation = watch.Added, 0, 1
	added.Managers, added.Changes = []string{"helm", "kubectl-create"}, nil
	initial := added
	initial.Origin = watch.Initial
	deleted := modified("tls-main", 4800)
	deleted.Type, deleted.OldGeneration, deleted.Managers, deleted.Changes = watch.Deleted, 0, nil, nil
	deleted.ID = "uid-tls-main/DELETED"
	clustered := modified("letsencrypt", 4801)
	clustered.Namespace, clustered.Origin = "", watch.Reconciled
	clustered.Resource = watch.ResourceRef{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers", Kind: "ClusterIssuer"}
	clustered.Changes[0].Manager, clustered.Managers = "", nil
	unwindowed := gap()
	unwindowed.Gap = &watch.GapInfo{From: "1", To: "2"}
	thin := modified("tls-main", 4900)
	thin.MetadataOnly, thin.Managers = true, nil
	thin.Changes = []diff.Change{{Path: ".metadata.labels.team", Op: diff.Replace, Old: "a", New: "b", Section: "metadata"}}
	events := []watch.Event{initial, added, modified("tls-main", 4711), busy(), deleted, clustered, gap(), unwindowed, thin}
	for i := range events {
		events[i].Seq = uint64(i + 1)
	}
	return events
}

// busy is an update with every kind of change, by several managers.
func busy() watch.Event {
	const edit, ctrl = "kubectl-edit", "cert-manager-certificates-readiness"
	text := "Certificate is up to date and has not expired, and this is a rather long way to say so"
	pem := "-----BEGIN CERTIFICATE-----\n" + strings.Repeat("MIIB", 30)
	ev := modified("tls-main", 4712)
	ev.Managers = []string{ctrl, edit}
	ev.Changes = []diff.Change{
		change(`.metadata.labels.team`, diff.Add, nil, "true", edit, "metadata"),
		change(`.spec.usages["client auth"]`, diff.Add, nil, "client auth", edit, "spec"),
		change(`.spec.paused`, diff.Remove, false, nil, edit, "spec"),
		change(`.spec.replicas`, diff.Replace, int64(1), 2.5, edit, "spec"),
		change(`.spec.caBundle`, diff.Replace, pem+"AAAA"+pem, pem+"BBBB"+pem, edit, "spec"),
		change(`.spec.password`, diff.Replace, "<redacted sha256:01234567>", "<redacted sha256:89abcdef>", edit, "spec"),
		change(`.spec.template`, diff.Add, nil, map[string]any{"b": []any{int64(1), nil}, "a": "x"}, edit, "spec"),
		change(`.spec.empty`, diff.Replace, nil, "", "", "spec"),
		change(`.status.conditions[type="Ready"].lastTransitionTime`, diff.Replace, "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z", ctrl, "status"),
		change(`.status.conditions[type="Ready"].message`, diff.Replace, "Issuing", text, ctrl, "status"),
		change(`.status.conditions[type="Ready"].status`, diff.Replace, "False", "True", ctrl, "status"),
	}
	return ev
}

func change(path string, op diff.Op, old, new any, manager, section string) diff.Change {
	c := diff.Change{Path: path, Op: op, Old: old, New: new, Manager: manager, Section: section}
	if manager != "" {
		c.Operation = "Update"
	}
	if section == "status" {
		c.Subresource = "status"
	}
	return c
}

func TestEventsGolden(t *testing.T) {
	tests := map[string]struct {
		format string
		opts   TextOptions
	}{
		"events-80.text":    {Text, TextOptions{}},
		"events-200.text":   {Text, TextOptions{Width: 200}},
		"events-color.text": {Text, TextOptions{Palette: ColorPalette()}},
		"events-zone.text":  {Text, TextOptions{Location: time.FixedZone("", 3600), TimeLayout: dateTime}},
		"events.wide":       {Wide, TextOptions{}},
		"events.jsonl":      {JSONL, TextOptions{}},
		"events.yaml":       {YAML, TextOptions{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			golden(t, name, []byte(render(t, tc.format, tc.opts, gallery()...)))
		})
	}
}

func render(t *testing.T, format string, opts TextOptions, events ...watch.Event) string {
	t.Helper()
	p, err := NewPrinter(format, opts)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i := range events {
		if err := p.Print(&b, &events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestUnknownFormatsAreRefused(t *testing.T) {
	if _, err := NewPrinter("xml", TextOptions{}); err == nil {
		t.Error("events as xml")
	}
	if err := PrintResources(&bytes.Buffer{}, "xml", ResourceList{}, ResourceOptions{}); err == nil {
		t.Error("resources as xml")
	}
}

// nasty are texts that must not reach a terminal as they are.
var nasty = []string{
	"\x1b[2J", "a\r\nb", "\x00", "\x07", "\x7f", "\u009b31m", "\u0085", "\u2028", "\u202e", "\u200b", "\ufeff", "\xff\xfe", "\t",
}

func TestNothingFromTheClusterControlsTheTerminal(t *testing.T) {
	for _, format := range EventFormats() {
		for _, bad := range nasty {
			ev := modified("n", 1)
			ev.Name, ev.Namespace, ev.ResourceVersion, ev.UID = bad, bad, bad, "u"
			ev.Resource.Kind, ev.Managers = bad, []string{bad}
			ev.Changes = append(ev.Changes, change(bad, diff.Replace, bad, map[string]any{bad: bad}, bad, "spec"))
			g := gap()
			g.Gap.From, g.Gap.To = bad, bad
			for _, ev := range []watch.Event{ev, g} {
				checkHarmless(t, format, render(t, format, TextOptions{}, ev), render(t, format, TextOptions{}, harmless(ev)))
			}
		}
	}
}

// harmless is ev with the same shape and nothing nasty in it.
func harmless(ev watch.Event) watch.Event {
	if ev.Gap != nil {
		return gap()
	}
	ev.Name, ev.Namespace, ev.ResourceVersion = "x", "x", "1"
	ev.Resource.Kind, ev.Managers = "x", []string{"x"}
	ev.Changes = []diff.Change{ev.Changes[0], change("x", diff.Replace, "x", map[string]any{"x": "x"}, "x", "spec")}
	return ev
}

func checkHarmless(t *testing.T, format, got, same string) {
	t.Helper()
	forPeople := format == Text || format == Wide
	// YAML breaks the line after a key that is quoted, which forges nothing.
	if a, b := strings.Count(got, "\n"), strings.Count(same, "\n"); a != b && format != YAML {
		t.Errorf("%s: %d lines instead of %d:\n%s", format, a, b, got)
	}
	for _, r := range strings.ReplaceAll(got, "\n", "") {
		if unicode.IsControl(r) || forPeople && !unicode.IsPrint(r) {
			t.Errorf("%s: %U in %q", format, r, got)
		}
	}
}

func TestMachineFormatsRoundTrip(t *testing.T) {
	want := busy()
	want.Changes = append(want.Changes, change(".spec.x", diff.Add, nil, strings.Join(nasty[:11], ""), "m", "spec"))
	for format, unmarshal := range map[string]func([]byte, any) error{
		JSONL: json.Unmarshal,
		YAML:  func(b []byte, v any) error { return yaml.Unmarshal(b, v) },
	} {
		var got, contract any
		if err := unmarshal([]byte(render(t, format, TextOptions{}, want)), &got); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &contract); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(contract, got); d != "" {
			t.Errorf("%s: %s", format, d)
		}
	}
}

func TestFormatValue(t *testing.T) {
	tests := map[string]struct {
		value any
		want  string
	}{
		"word":                   {"720h", "720h"},
		"words":                  {"client auth", "client auth"},
		"redacted":               {"<redacted sha256:01234567>", "<redacted sha256:01234567>"},
		"letters of any script":  {"žluťoučký 猫", "žluťoučký 猫"},
		"string that is a bool":  {"true", `"true"`},
		"bool":                   {true, "true"},
		"string that is a digit": {"1", `"1"`},
		"integer":                {int64(1), "1"},
		"large integer":          {int64(9007199254740993), "9007199254740993"},
		"float":                  {1.5, "1.5"},
		"string null":            {"null", `"null"`},
		"null":                   {nil, "null"},
		"empty":                  {"", `""`},
		"blank edge":             {" a", `" a"`},
		"quoted":                 {`say "a"`, `"say \"a\""`},
		"looks like a list":      {"[a", `"[a"`},
		"looks like two values":  {"a → b", `"a → b"`},
		"looks shortened":        {"a…b", `"a…b"`},
		"looks escaped":          {`a\nb`, `"a\\nb"`},
		"line break":             {"a\nb", `"a\nb"`},
		"escape sequence":        {"\x1b[2J", `"\u001b[2J"`},
		"reversed":               {"a\u202eb", `"a\u202eb"`},
		"map":                    {map[string]any{"b": "<", "a": nil}, `{"a":null,"b":"<"}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := formatValue(tc.value); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestShortenPairShowsTheDifference(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := map[string]struct{ from, to, want string }{
		"both fit":                {"a", "b", "a → b"},
		"one takes what is left":  {"a", long, "a → xxxxxxxxxxxxx…xxxxxxxxxxxx"},
		"ends differ":             {"a" + long + "b", "c" + long + "d", "axxxxx…xxxxxb → cxxxxx…xxxxxd"},
		"the middle differs":      {long + "1" + long, long + "2" + long, "…xxx1xxx… → …xxx2xxx…"},
		"one is the other's head": {long, long + "y", "xxxxxx…xxxxxx → xxxxxx…xxxxxy"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			from, to := shortenPair(tc.from, tc.to, 30)
			if got := from + arrow + to; got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	long := gallery()[0]
	long.Namespace, long.Name = strings.Repeat("n", 60), strings.Repeat("name.", 50)+"end"
	long.Managers = []string{strings.Repeat("manager-", 20)}
	path := ".spec" + strings.Repeat(`.properties["key"]`, 20)
	long.Changes = []diff.Change{change(path, diff.Add, nil, "new", strings.Repeat("manager-", 15), "spec")}
	for _, width := range []int{60, 80, 120, 200} {
		for _, layout := range []string{"", dateTime} {
			out := render(t, Text, TextOptions{Width: width, TimeLayout: layout}, append(gallery(), long)...)
			for line := range strings.Lines(out) {
				if n := columns(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("%d columns at %d: %s", n, width, line)
				}
			}
			if joined := regexp.MustCompile(`\n +`).ReplaceAllString(out, ""); !strings.Contains(joined, path) || !strings.Contains(joined, long.Name) {
				t.Errorf("at %d, something is lost:\n%s", width, out)
			}
		}
	}
	if out := render(t, Text, TextOptions{}, long); !strings.Contains(out, path+"\n") || !strings.Contains(out, long.Namespace+"/"+long.Name) {
		t.Errorf("a name or path is parted that is for no terminal:\n%s", out)
	}
}
