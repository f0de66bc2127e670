package deploy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/test/defects"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/program"
)

// prometheus is Prometheus' own code, put together as in its main function: what finds
// targets, scrapes them, keeps the samples and evaluates rules.
type prometheus struct {
	rules *rules.Manager
	log   *program.Log
}

// startPrometheus runs it, as configured in a directory, until the test ends.
func startPrometheus(t *testing.T, dir string) *prometheus {
	t.Helper()
	p := &prometheus{log: &program.Log{}}
	log, registry := p.log.Logger(), client.NewRegistry()
	cfg, err := config.LoadFile(filepath.Join(dir, "prometheus.yaml"), false, log)
	if err != nil {
		t.Fatal(err)
	}
	db, err := tsdb.Open(t.TempDir(), log, registry, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sdMetrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	targets := discovery.NewManager(ctx, log, registry, sdMetrics, discovery.Updatert(10*time.Millisecond))
	scraper, err := scrape.NewManager(&scrape.Options{DiscoveryReloadInterval: model.Duration(10 * time.Millisecond)}, log, nil, nil, db, registry)
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: log, Reg: registry, MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
	})
	p.rules = rules.NewManager(&rules.ManagerOptions{
		Appendable: db, Queryable: db, QueryFunc: rules.EngineQueryFunc(engine, db), Context: ctx, Registerer: registry, Logger: log,
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	sets := map[string]discovery.Configs{}
	for _, s := range cfg.ScrapeConfigs {
		sets[s.JobName] = s.ServiceDiscoveryConfigs
	}
	if err := scraper.ApplyConfig(cfg); err != nil {
		t.Fatal(err)
	}
	if err := targets.ApplyConfig(sets); err != nil {
		t.Fatal(err)
	}
	if err := p.rules.Update(time.Duration(cfg.GlobalConfig.EvaluationInterval), cfg.RuleFiles, labels.EmptyLabels(), "", nil); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = targets.Run() })
	wg.Go(func() { _ = scraper.Run(targets.SyncCh()) })
	wg.Go(p.rules.Run)
	t.Cleanup(func() { p.rules.Stop(); scraper.Stop(); cancel(); wg.Wait() })
	return p
}

// firing are the alerts that fire, with what they say.
func (p *prometheus) firing() map[string]string {
	all := map[string]string{}
	for _, r := range p.rules.AlertingRules() {
		for _, a := range r.ActiveAlerts() {
			if a.State == rules.StateFiring {
				all[r.Name()] = fmt.Sprintf("%s (%s)", a.Annotations.Get("summary"), a.Labels)
			}
		}
	}
	return all
}

// await waits for an alert that says something.
func (p *prometheus) await(t *testing.T, alert, text string) {
	t.Helper()
	patience.Until(t, alert+" fires", func() (bool, string) {
		firing := p.firing()
		return strings.Contains(firing[alert], text), fmt.Sprintf("there is %v\n%s", firing, p.log)
	})
}

// configure makes of the example in docs/OPERATIONS.md a configuration for this machine, but
// for the token, in a directory. It scrapes and evaluates each second, and alerts do not
// wait: TestAlertsFire knows how long they would.
func configure(t *testing.T, s *served) (dir string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(rule_files:.*?)```").FindSubmatch(page)
	if example == nil {
		t.Fatal("docs/OPERATIONS.md has no configuration of Prometheus")
	}
	alerts, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	address := strings.TrimPrefix(s.url, "https://")
	text := strings.NewReplacer("/etc/prometheus/crdwatch", dir, "crdwatch.crdwatch.svc:443", address, "crdwatch.crdwatch.svc", endpointName).
		Replace(string(example[1]))
	for name, data := range map[string][]byte{
		"prometheus.yaml": []byte("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n" + text),
		"alerts.yaml":     regexp.MustCompile(`(?m)^ +for: .*\n`).ReplaceAll(alerts, nil),
		"ca.crt":          s.bundle,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// testPrometheus has Prometheus scrape crdwatch as docs/OPERATIONS.md says, with a token
// over TLS, and alert of what happens.
func (c *cluster) testPrometheus(t *testing.T) {
	all := defects.All()
	unlistable := all[slices.IndexFunc(all, func(d defects.Defect) bool { return d.Rule == "CRD002" })]
	s := c.serve(t, c.grant(t, schema.ParseGroupResource(unlistable.Object)), c.token(t, "crdwatch"))
	token := c.token(t, "crdwatch-metrics")
	s.requireLinted(t, token)

	dir := configure(t, s)
	writeToken(t, dir, "wrong")
	p := startPrometheus(t, dir)
	p.await(t, "CrdwatchDown", "No crdwatch is scraped")
	writeToken(t, dir, token)
	patience.Until(t, "it is scraped, and nothing is wrong", func() (bool, string) {
		firing := p.firing()
		return len(firing) == 0, fmt.Sprintf("%v\n%s", firing, p.log)
	})
	gadgets := strings.NewReplacer("widget", "gadget", "Widget", "Gadget").Replace(widgetCRD)
	if err := c.Apply(t.Context(), []byte(gadgets)); err != nil {
		t.Fatal(err)
	}
	p.await(t, "CrdwatchForbidden", "may not read 1 resources")
	if err := defects.Plant(t.Context(), c.ControlPlane, unlistable); err != nil {
		t.Fatal(err)
	}
	p.await(t, "CrdwatchResourcesNotWatched", "cannot watch 1 resources (Broken)")
	p.await(t, "CrdwatchCriticalFindings", "1 critical findings of the rule CRD002")
	if down := p.firing()["CrdwatchDown"]; down != "" {
		t.Errorf("it is scraped no more: %s\n%s", down, p.log)
	}
	if err := c.kube.RbacV1().ClusterRoleBindings().Delete(t.Context(), "audit-crdwatch-metrics", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	p.await(t, "CrdwatchDown", "No crdwatch is scraped")
}

// writeToken writes the file that Prometheus reads for each scrape.
func writeToken(t *testing.T, dir, token string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}

// requireLinted wants what "promtool check metrics" wants.
func (s *served) requireLinted(t *testing.T, token string) {
	t.Helper()
	code, body, err := s.get(t.Context(), s.url+"/metrics", token)
	if err != nil || code != http.StatusOK {
		t.Fatal(code, err)
	}
	problems, err := promlint.New(bytes.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
