package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuditSaysWhatItAudited: "no findings" in nothing at all is no good news.
func TestAuditSaysWhatItAudited(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.yaml")
	if err := os.WriteFile(old, []byte(strings.ReplaceAll(widgetCRD, "widget", "gadget")), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"-n web":           "audited 1 resource, 2 objects\n",
		"-n nowhere":       "audited 1 resource, 0 objects\n",
		"-q":               "",
		"--group *.other":  "no CRDs found in the files\n",
		"--against " + old: "--against has an earlier revision of none of the CRDs: nothing is compared\naudited 1 resource, 2 objects\n",
	} {
		if got := audited(t, widgetCRD+stuck("a")+stuck("b"), append([]string{"-f", "-"}, strings.Fields(args)...)...); got.errors != want {
			t.Errorf("%s: stderr %q, want %q", args, got.errors, want)
		}
	}
}

// TestAuditClosedPipe: whoever reads the report may stop; the baseline is written and the
// exit code is that of the findings all the same.
func TestAuditClosedPipe(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	file := filepath.Join(t.TempDir(), "baseline.json")
	args := []string{"audit", "-f", "-", "--rules", "CR004", "--write-baseline", file}
	var stderr bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(widgetCRD+stuck("a")), w, &stderr); code != exitFindings {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "CR004") {
		t.Errorf("baseline %q, %v", text, err)
	}
}
