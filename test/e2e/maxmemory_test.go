package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// fetch returns what a server answers.
func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", url, resp.Status, err, b)
	}
	return string(b)
}

// metric returns the value of a metric without labels.
func metric(t *testing.T, url, name string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(fetch(t, url+"/metrics"))
	if found == nil {
		t.Fatalf("there is no %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// resident returns a number of bytes from a process's status.
func resident(t *testing.T, pid int, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == field+":" {
			n, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("there is no %s", field)
	return 0
}

// TestMaxMemory: a server that is given less memory than the objects take gets along with
// it, says so, and goes on to report.
func TestMaxMemory(t *testing.T) {
	const group, budget = "maxmemory.example.com", 80 << 20
	crds := scribe.Install(t, shared, group, 2)
	large, small := newObjects(t, shared, crds[0]), newObjects(t, shared, crds[1])
	large.fillWith(2000, 8000) // some 64 MB as Records
	small.fill(50)
	binary, err := program.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--group", "*."+group, "--max-memory", "80Mi", "--data-dir", t.TempDir(),
		"--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(), "HOME="+t.TempDir(), "GOMEMLIMIT=")
	p := program.StartCommand(t, cmd)
	url, done, most := "", make(chan struct{}), make(chan int64, 1)
	go func() {
		peak := int64(0)
		defer func() { most <- peak }()
		for tick := time.Tick(2 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick:
				peak = max(peak, resident(t, p.PID(), "RssAnon"))
			}
		}
	}()
	url, _ = p.AwaitReady()
	patience.Until(t, "only metadata is kept of the large ones", func() (bool, string) {
		return metric(t, url, "crdwatch_record_bytes") < 8<<20 && metric(t, url, "crdwatch_metadata_only_resources") == 1, p.Stderr.Tail()
	})
	var list report.ResourceList
	if err := json.Unmarshal([]byte(fetch(t, url+"/api/v1/resources")), &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		want := ""
		if item.Name == crds[0].Name() {
			want = watch.MetadataOnly
		}
		if item.State != watch.Synced || item.Reason != want || want != "" && !strings.Contains(item.Message, "of 80 MiB in use") {
			t.Errorf("%s is %s %s %s", item.Name, item.State, item.Reason, item.Message)
		}
	}
	large.resize("large-7", 2)
	patience.Until(t, "the change is told", func() (bool, string) {
		events := fetch(t, url+"/api/v1/events?name=large-7")
		return strings.Contains(events, `"metadataOnly":true`) && strings.Contains(events, `"generation":2`), events
	})
	if findings := fetch(t, url+"/api/v1/findings"); !strings.Contains(findings, watch.MetadataOnly) {
		t.Errorf("the audit says %s", findings)
	}
	patience.Until(t, "the memory is free", func() (bool, string) {
		used := metric(t, url, "crdwatch_memory_used_bytes")
		return used < budget/2, fmt.Sprintf("%.0f MiB are in use", used/(1<<20))
	})
	close(done)
	peak, anonymous := resident(t, p.PID(), "VmHWM"), <-most
	t.Logf("resident %d MiB at the peak, without files %d MiB; %.0f MiB in use\n%s", peak>>20, anonymous>>20,
		metric(t, url, "crdwatch_memory_used_bytes")/(1<<20), p.Stderr)
	// A machine with much else to do may look late.
	if anonymous > budget/4*5 {
		t.Errorf("it took %d MiB", anonymous>>20)
	}
}
