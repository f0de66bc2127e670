package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// sight is one thing to look at.
type sight struct{ what, why string }

func (d *demo) sights() []sight {
	return []sight{
		{"databases", databaseController + " carries them to Ready, step by step"},
		{"websites/storefront", autoscaler + " and " + gitopsSync + " fight over .spec.replicas"},
		{"accounts/checkout", "its pin is a password: that it changes is all one sees"},
		{"caches/sessions", legacyCachectl + " writes the deprecated v1alpha1"},
		{"queues", d.clock(upgradeAt) + " the new version's webhook is dead: Broken"},
		{"backups/nightly", d.clock(retentionAt) + " deleted, but nobody serves its finalizer"},
		{"dashboards", d.clock(installAt) + " their CRD is installed"},
		{"crdwatch serve", d.clock(killAt) + " killed, and it misses nothing"},
		{"ledgers", d.clock(killAt+awayFor) + " one in storage cannot be decoded: Broken"},
		{"experiments", d.clock(removeAt) + " their CRD is removed, and they with it"},
	}
}

// clock is a moment of the story, from the start of crdwatch watch.
func (d *demo) clock(at time.Duration) string {
	return fmt.Sprintf("after %.0f s:", d.scaled(at).Seconds())
}

// introduce says what there is to see and to try, in 80 columns.
func (d *demo) introduce(s *server) {
	var b strings.Builder
	heading := d.heading()
	fmt.Fprintf(&b, "\n%s\n\n", heading("crdwatch, on a cluster that is thrown away when you press Ctrl-C"))
	fmt.Fprintln(&b, heading("What to look at"))
	for _, s := range d.sights() {
		fmt.Fprintf(&b, "  %-20s %s\n", s.what, s.why)
	}
	fmt.Fprintf(&b, "\n%s\n", heading("What to try in another terminal"))
	fmt.Fprintf(&b, "  export KUBECONFIG=%s\n", quote(d.cluster.Kubeconfig()))
	fmt.Fprintf(&b, "  alias crdwatch=%s\n\n", quote(d.crdwatch))
	for _, command := range []string{
		"crdwatch crds",
		"crdwatch audit",
		"crdwatch audit -o wide --group '*.broken.crdwatch.io'",
		"crdwatch audit --explain CR001",
		"crdwatch watch websites/storefront -n shop --spec-only",
		"crdwatch watch databases",
		"crdwatch history websites/storefront --server http://" + s.report,
		"grep ^page: " + quote(s.log) + " | tail -1  # for a browser",
		"curl 'http://" + s.report + "/api/v1/events?manager=" + autoscaler + "&limit=1'",
		"curl -N 'http://" + s.report + "/api/v1/events?watch=true'",
		"curl -s http://" + s.report + "/metrics | grep ^crdwatch_",
		"curl 'http://" + s.probe + "/readyz?verbose'",
	} {
		fmt.Fprintf(&b, "  %s\n", command)
	}
	if d.noWatch {
		fmt.Fprintf(&b, "\nRunning. Ctrl-C ends it.\n")
	} else {
		fmt.Fprintf(&b, "\n%s\n", heading("crdwatch "+strings.Join(append([]string{"watch"}, d.watchArgs...), " ")))
	}
	d.say("%s", strings.TrimSuffix(b.String(), "\n"))
}

// heading makes text bold where that can be seen.
func (d *demo) heading() func(string) string {
	f, ok := d.stderr.(*os.File)
	if ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return func(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
		}
	}
	return func(s string) string { return s }
}

// quote makes a path one word of a shell command.
func quote(path string) string {
	if strings.ContainsAny(path, " \t'\"\\$`&|;<>()*?[]~#!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
