package auditing

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/defects"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
)

// server is crdwatch serve.
type server struct {
	*program.Program
	t      *testing.T
	report string
}

// serving starts crdwatch serve on a group, and waits until it is ready.
func serving(t *testing.T, group string) *server {
	t.Helper()
	s := &server{t: t, Program: program.Start(t, shared.Kubeconfig(), "serve", "--group", "*."+group,
		"--report-address", "127.0.0.1:0", "--probe-address", "127.0.0.1:0")}
	s.report, _ = s.AwaitReady()
	return s
}

func (s *server) terminate() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(patience.Limit); code != 0 {
		s.t.Errorf("crdwatch serve ended with %d:\n%s", code, s.Stderr.String())
	}
}

func fetch(url string) ([]byte, error) {
	response, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", response.Status)
	}
	return body, err
}

// read decodes an answer of the report endpoint.
func (s *server) read(path string, into any) {
	s.t.Helper()
	body, err := fetch(s.report + path)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		s.t.Fatalf("%s: %v: %s", path, err, body)
	}
}

func (s *server) findings() report.FindingList {
	s.t.Helper()
	var list report.FindingList
	s.read("/api/v1/findings", &list)
	return list
}

// finding returns that of a defect, nil if there is none.
func (s *server) finding(d defects.Defect) *audit.Finding {
	s.t.Helper()
	for _, f := range s.findings().Items {
		if f.Rule == d.Rule && f.Subject.ResourceName() == d.Resource && f.Subject.Object() == d.Object {
			return f
		}
	}
	return nil
}

// TestWatchedDefectsAreFound: crdwatch serve finds what happens while it watches, and
// tells of it by an event.
func TestWatchedDefectsAreFound(t *testing.T) {
	live := defects.Live()
	if err := defects.Plant(t.Context(), shared, live...); err != nil {
		t.Fatal(err)
	}
	s := serving(t, defects.Watched)
	patience.Until(t, "everything is evaluated", func() (bool, string) {
		list := s.findings()
		return list.Complete, fmt.Sprint(list.NotEvaluated)
	})
	for _, d := range live {
		if f := s.finding(d); f != nil {
			t.Errorf("%s is found in %s before it happens: %s", d.Rule, d.Object, f.Message)
		}
	}
	began := time.Now()
	if err := defects.Happen(t.Context(), shared, live...); err != nil {
		t.Fatal(err)
	}
	for _, d := range live {
		patience.Until(t, fmt.Sprintf("%s is found in %s %s (%s)", d.Rule, d.Resource, d.Object, d.Story), func() (bool, string) {
			return s.finding(d) != nil, fmt.Sprint(s.findings().Items)
		})
		f := s.finding(d)
		t.Logf("%s %s %s %s: %s", f.Severity, f.Rule, d.Object, f.Path, f.Message)
		s.awaitEvent(d)
	}
	t.Logf("all within %s", time.Since(began))
	s.checkCritical(live)
	s.terminate()
}

// awaitEvent waits until the history tells of the finding.
func (s *server) awaitEvent(d defects.Defect) {
	s.t.Helper()
	patience.Until(s.t, "there is an event of "+d.Rule, func() (bool, string) {
		var page struct{ Items []watch.Event }
		s.read("/api/v1/events?type=FINDING&limit=1000&resource="+d.Resource, &page)
		return slices.ContainsFunc(page.Items, func(e watch.Event) bool {
			object := audit.Subject{Namespace: e.Namespace, Name: e.Name}.Object()
			return e.Finding != nil && e.Finding.Rule == d.Rule && e.Finding.State == watch.FindingOpen && object == d.Object
		}), fmt.Sprint(page.Items)
	})
}

// checkCritical: that an object fails the new schema makes a breaking revision critical.
func (s *server) checkCritical(live []defects.Defect) {
	s.t.Helper()
	for _, d := range live {
		if d.Rule != "CRD006" {
			continue
		}
		patience.Until(s.t, d.Rule+" is critical", func() (bool, string) {
			f := s.finding(d)
			return f != nil && f.Severity == audit.Critical, fmt.Sprint(f)
		})
	}
}
