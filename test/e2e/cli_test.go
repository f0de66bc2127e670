package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// awaitSynced waits for the line that says so.
func awaitSynced(t *testing.T, stderr *program.Log) {
	t.Helper()
	patience.Until(t, "crdwatch is synced", func() (bool, string) {
		return stderr.Count("watching", "resources") > 0, stderr.String()
	})
}

// cliCRD is the CRD of these tests.
func cliCRD(t *testing.T, group string) (scribe.CRD, *objects) {
	c := scribe.Install(t, shared, group, 1)[0]
	return c, newObjects(t, shared, c)
}

func TestCountEndsTheWatch(t *testing.T) {
	c, o := cliCRD(t, "count.example.com")
	p := program.Start(t, shared.Kubeconfig(), "watch", c.Name(), "-o", "jsonl", "--count", "2")
	awaitSynced(t, p.Stderr)
	o.create("a", 1)
	o.resize("a", 2, 3)
	out, code := p.Rest()
	var events []watch.Event
	for line := range strings.Lines(out) {
		var ev watch.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, ev)
	}
	if code != 0 || len(events) != 2 || events[0].Type != watch.Added || events[1].Type != watch.Modified || events[1].Seq != 2 {
		t.Errorf("exit %d with\n%s", code, out)
	}
}

func TestTimeoutEndsTheWatch(t *testing.T) {
	c, _ := cliCRD(t, "timeout.example.com")
	out, code := program.Start(t, shared.Kubeconfig(), "watch", c.Name(), "--timeout", "1s").Rest()
	if code != 0 || out != "" {
		t.Errorf("exit %d with %q", code, out)
	}
}

// TestHeadEndsTheWatch: whoever has seen enough does not wait for the next event.
func TestHeadEndsTheWatch(t *testing.T) {
	c, o := cliCRD(t, "head.example.com")
	path, err := program.Binary()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &program.Log{}
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	sh := exec.CommandContext(ctx, "sh", "-c", `"$0" watch "$1" -o jsonl | head -1`, path, c.Name())
	sh.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig())
	var out bytes.Buffer
	sh.Stdout, sh.Stderr = &out, stderr
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	awaitSynced(t, stderr)
	o.create("only", 1)
	if err := sh.Wait(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || stderr.Count("error") > 0 {
		t.Errorf("%d lines, and on stderr:\n%s", n, stderr)
	}
}

func TestSignalsEndTheWatch(t *testing.T) {
	c, _ := cliCRD(t, "signal.example.com")
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := program.Start(t, shared.Kubeconfig(), "watch", c.Name())
		awaitSynced(t, p.Stderr)
		p.Signal(s)
		if _, code := p.Rest(); code != 0 || p.Stderr.Count("error") > 0 {
			t.Errorf("%v: exit %d with\n%s", s, code, p.Stderr)
		}
	}
}

// TestStalledReader: a pipe that nobody reads holds up neither the log nor the end.
// The events are more than fit into one.
func TestStalledReader(t *testing.T) {
	c, o := cliCRD(t, "stalled.example.com")
	p := program.Start(t, shared.Kubeconfig(), "watch", c.Name(), "-o", "jsonl", "--log-level", "debug")
	awaitSynced(t, p.Stderr)
	o.create("busy", 1)
	for n := range 64 {
		o.edit("busy", func(spec scribe.Object) {
			spec["free"] = scribe.Object{"text": fmt.Sprint(n, strings.Repeat(" and on", 1<<10))}
		})
	}
	if err := crdClient(t).Delete(t.Context(), c.Name(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	patience.Until(t, "the log goes on", func() (bool, string) { return p.Stderr.Count(c.Name(), "to=Gone") > 0, p.Stderr.String() })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(patience.Limit); code != 0 {
		t.Errorf("exit %d with\n%s", code, p.Stderr)
	}
}

// TestInitial reports what is there, then what changes.
func TestInitial(t *testing.T) {
	c, o := cliCRD(t, "initial.example.com")
	o.create("there", 1)
	p := program.Start(t, shared.Kubeconfig(), "watch", c.Name(), "-o", "jsonl", "--initial", "--count", "1")
	out, code := p.Rest()
	if code != 0 || !strings.Contains(out, `"origin":"initial"`) || !strings.Contains(out, `"name":"there"`) {
		t.Errorf("exit %d with %q", code, out)
	}
}

func TestBadInput(t *testing.T) {
	unreachable := kubeconfig(t, "https://127.0.0.1:1", "whatever")
	cliCRD(t, "bad.example.com")
	for name, test := range map[string]struct {
		kubeconfig string
		args       []string
		want       []string
	}{
		"unknown type":         {shared.Kubeconfig(), []string{"watch", "kind0zs.bad.example.com"}, []string{`"kind0zs.bad.example.com"`, "kind0s.bad.example.com"}},
		"no kubeconfig":        {"", []string{"watch"}, []string{"no kubeconfig found", "--kubeconfig"}},
		"missing kubeconfig":   {"", []string{"watch", "--kubeconfig", "/nonexistent"}, []string{"/nonexistent"}},
		"unknown context":      {shared.Kubeconfig(), []string{"watch", "--context", "prod"}, []string{`"prod"`, "it has: "}},
		"unreachable server":   {unreachable, []string{"watch"}, []string{"cannot reach the API server https://127.0.0.1:1", "connection refused"}},
		"expired token":        {tokenKubeconfig(t), []string{"watch"}, []string{"does not accept these credentials", "token"}},
		"forbidden user":       {userKubeconfig(t), []string{"crds"}, []string{"crdwatch needs to get, list and watch customresourcedefinitions"}},
		"unknown format":       {shared.Kubeconfig(), []string{"watch", "-o", "xml"}, []string{`"xml"`, "jsonl"}},
		"bad selector":         {shared.Kubeconfig(), []string{"watch", "-l", "a=b=c"}, []string{"--selector"}},
		"bad glob":             {shared.Kubeconfig(), []string{"watch", "--group", "[a"}, []string{"--group", `"[a"`}},
		"unknown flag":         {shared.Kubeconfig(), []string{"watch", "--frobnicate"}, []string{"--frobnicate", "--help"}},
		"unknown command":      {shared.Kubeconfig(), []string{"wacth"}, []string{`"wacth"`}},
		"serve in public":      {shared.Kubeconfig(), []string{"serve", "--report-address", "0.0.0.0:0"}, []string{"--report-address", "loopback"}},
		"unknown type of crds": {shared.Kubeconfig(), []string{"crds", "nothing"}, []string{`"nothing"`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := program.Start(t, test.kubeconfig, test.args...)
			out, code := p.Rest()
			if code != 2 || out != "" {
				t.Errorf("exit %d, stdout %q", code, out)
			}
			for _, want := range append(test.want, "error: ") {
				if p.Stderr.Count(want) == 0 {
					t.Errorf("no %q in:\n%s", want, p.Stderr)
				}
			}
		})
	}
}

func userKubeconfig(t *testing.T) string {
	t.Helper()
	_, path, err := shared.User("nobody-special")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tokenKubeconfig has a token that the API server does not accept, like an old one.
func tokenKubeconfig(t *testing.T) string {
	t.Helper()
	return kubeconfig(t, shared.Config().Host, "expired")
}

func kubeconfig(t *testing.T, server, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
"clusters":[{"name":"k","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],
"users":[{"name":"u","user":{"token":%q}}],
"contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}]}`, server, token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
