package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	testAfter = Threshold[time.Duration]{Name: "after", Default: 15 * time.Minute, Min: time.Second, Doc: "how long"}
	testOther = Threshold[time.Duration]{Name: "after", Default: time.Hour, Doc: "how long something else"}
	testSize  = Threshold[Bytes]{Name: "size", Default: 200 << 10, Max: 1 << 20, Doc: "how large"}
	testShare = Threshold[Percent]{Name: "share", Default: 50, Doc: "how much"}
	testCount = Threshold[int]{Name: "count", Default: 10, Doc: "how many"}
	testRatio = Threshold[float64]{Name: "ratio", Default: 3.5, Doc: "how often"}
)

// telling is a rule that finds what its thresholds are, and asks for it too.
func telling(id string, thresholds ...Adjustable) Rule {
	text := func(in *Input) string {
		return fmt.Sprint(testAfter.In(in), " ", int(testSize.In(in)), " ", int(testShare.In(in)), " ", testCount.In(in), " ", testRatio.In(in))
	}
	return Rule{ID: id, Severity: High, About: AboutObject, Thresholds: thresholds,
		Ask:   func(in *Input) []Question { return []Question{{Name: text(in)}} },
		Check: func(in *Input) ([]Finding, error) { return []Finding{{Message: text(in)}}, nil },
	}
}

func all(id string) Rule {
	return telling(id, testAfter, testSize, testShare, testCount, testRatio)
}

// TestThresholdsAreSet: a rule's own amount counts, then that of all rules, then the
// default; and the rules given stay as they were.
func TestThresholdsAreSet(t *testing.T) {
	rules := []Rule{all("CR001"), telling("CR002", testAfter), telling("CR003")}
	for text, want := range map[string][]string{
		"": {"15m0s 204800 50 10 3.5", "15m0s 204800 50 10 3.5", "15m0s 204800 50 10 3.5"},
		"rules: {CR001: {after: 1d12h, size: 0.5Mi, share: 120%, count: 0, ratio: 4}}":    {"36h0m0s 524288 120 0 4", "15m0s 204800 50 10 3.5", "15m0s 204800 50 10 3.5"},
		"rules: {CR001: {after: 1.5h}, '*': {after: 20m}, CR002: }":                       {"1h30m0s 204800 50 10 3.5", "20m0s 204800 50 10 3.5", "15m0s 204800 50 10 3.5"},
		"rules: {'*': {after: 1w}, CR002: {after: 1m30s}}\nseverity: {CR001: low}\n":      {"168h0m0s 204800 50 10 3.5", "1m30s 204800 50 10 3.5", "15m0s 204800 50 10 3.5"},
		"rules: {CR001: {size: 1000000, share: ' 5 %', ratio: 1e1}, CR002: {after: 90s}}": {"15m0s 1000000 5 10 10", "1m30s 204800 50 10 3.5", "15m0s 204800 50 10 3.5"},
	} {
		applied, err := config(t, text).Apply(rules)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, r := range applied {
			findings, err := r.Check(&Input{})
			if err != nil || findings[0].Message != want[i] || r.Ask(&Input{})[0].Name != want[i] {
				t.Errorf("%s: %s goes by %v, want %s", text, r.ID, findings, want[i])
			}
			if findings, err := rules[i].Check(&Input{}); err != nil || findings[0].Message != "15m0s 204800 50 10 3.5" {
				t.Errorf("%s: the rule given was changed: %v", text, findings)
			}
		}
	}
}

// TestMistakesInThresholds: file, line, name, and what there is.
func TestMistakesInThresholds(t *testing.T) {
	rules := []Rule{all("CR001"), telling("CR002", testOther), telling("CR003")}
	for text, want := range map[string]string{
		"rules:\n  CR999: {after: 1h}":         "2: rules.CR999: no rule has that ID; crdwatch audit --list-rules shows what there is",
		"rules:\n  CR999:\n    after: 1h":      "2: rules.CR999: no rule has that ID; crdwatch audit --list-rules shows what there is",
		"rules:\n  CR001:\n    afer: 1h":       "3: rules.CR001.afer: the rule has no such threshold; want one of: after, size, share, count, ratio (crdwatch audit --explain CR001)",
		"rules: {CR003: {after: 1h}}":          "1: rules.CR003.after: the rule has no thresholds",
		"rules: {'*': {afer: 1h}}":             "1: rules.*.afer: no rule has a threshold of that name",
		"rules: {'*': {after: 1h}}":            "1: rules.*.after: it is not the same in all rules; set it for each rule",
		"rules: {'*': {size: 1}, CR9: {a: 1}}": "1: rules.CR9: no rule has that ID; crdwatch audit --list-rules shows what there is",
		"rules: {CR001: {after: soon}}":        `1: rules.CR001.after: "soon" is no duration such as 90s, 15m, 12h or 7d`,
		"rules: {CR001: {after: 15}}":          `1: rules.CR001.after: "15" is no duration such as 90s, 15m, 12h or 7d`,
		"rules: {CR001: {after: -1h}}":         `1: rules.CR001.after: "-1h" is no duration such as 90s, 15m, 12h or 7d`,
		"rules: {CR001: {after: 1ms}}":         "1: rules.CR001.after: 1ms is too little, want at least 1s",
		"rules: {CR001: {size: 2Mi}}":          "1: rules.CR001.size: 2Mi is too much, want at most 1Mi",
		"rules: {CR001: {size: 512m}}":         `1: rules.CR001.size: "512m" is no size such as 200Ki or 1Mi`,
		"rules: {CR001: {size: -1}}":           `1: rules.CR001.size: "-1" is no size such as 200Ki or 1Mi`,
		"rules: {CR001: {size: large}}":        `1: rules.CR001.size: "large" is no size such as 200Ki or 1Mi`,
		"rules: {CR001: {share: 50}}":          `1: rules.CR001.share: "50" is no share such as 50%`,
		"rules: {CR001: {share: -5%}}":         `1: rules.CR001.share: "-5%" is no share such as 50%`,
		"rules: {CR001: {count: 1.5}}":         `1: rules.CR001.count: "1.5" is no whole number such as 10`,
		"rules: {CR001: {count: -1}}":          `1: rules.CR001.count: "-1" is no whole number such as 10`,
		"rules: {CR001: {ratio: half}}":        `1: rules.CR001.ratio: "half" is no number such as 0.5`,
		"rules: {CR001: {ratio: NaN}}":         `1: rules.CR001.ratio: "NaN" is no number such as 0.5`,
	} {
		_, err := config(t, text).Apply(rules)
		if want := "crdwatch.yaml:" + want; err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// TestAmountsAreWrittenAsTheyAreRead: a page shows what the configuration takes.
func TestAmountsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, 15 * time.Minute, 25 * time.Hour, 7 * 24 * time.Hour, 400 * 24 * time.Hour, 1500 * time.Millisecond} {
		text := formatAmount(d)
		if read, err := parseAmount[time.Duration](text); err != nil || read != d {
			t.Errorf("%v is written %s, which is read as %v, %v", d, text, read, err)
		}
	}
	for _, n := range []Bytes{0, 1, 1000, 1024, 200 << 10, 3 << 19, 5 << 40} {
		text := formatAmount(n)
		if read, err := parseAmount[Bytes](text); err != nil || read != n {
			t.Errorf("%d is written %s, which is read as %d, %v", n, text, read, err)
		}
	}
	for _, want := range []string{"15m", "7d", "1d12h", "30d", "90s"} {
		d, err := parseDuration(want)
		if got := formatAmount(d); err != nil || got != want && want != "90s" {
			t.Errorf("%s is written %s", want, got)
		}
	}
}

// TestPage: the thresholds stand before what to do.
func TestPage(t *testing.T) {
	r := telling("CR001", testAfter, testSize)
	r.Doc = "# CR001 some\n\n## How it is detected\n\nSomehow.\n\n## How to fix\n\nSo.\n"
	want := `# CR001 some

## How it is detected

Somehow.

## Thresholds

The numbers above are defaults. The configuration can set others:

` + "```yaml" + `
rules:
  CR001:
    after: 15m   # how long
    size: 200Ki  # how large (at most 1Mi)
` + "```" + `

## How to fix

So.
`
	if got := r.Page(); got != want {
		t.Errorf("got\n%s", got)
	}
	if r.Thresholds = nil; r.Page() != r.Doc {
		t.Errorf("without thresholds:\n%s", r.Page())
	}
	if strings.Contains(r.Doc, "Thresholds") {
		t.Error("Doc was changed")
	}
}
