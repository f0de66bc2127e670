package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestInterrupted: of what was cut off nobody must think that it was all, or sound.
func TestInterrupted(t *testing.T) {
	dir := history(t, scenario())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	server := auditedCluster().Config(t).Host
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for args, want := range map[string]int{
		"crds --server " + server:                         exitIncomplete,
		"store check --data-dir " + dir:                   exitIncomplete,
		"store stats --data-dir " + dir:                   exitIncomplete,
		"history certs.example.com/tls --data-dir " + dir: exitIncomplete,
		"watch --server " + server:                        exitDone,
	} {
		var stdout, stderr bytes.Buffer
		if code := run(ctx, strings.Fields(args), strings.NewReader(""), &stdout, &stderr); code != want || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
}
