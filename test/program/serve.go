package program

import (
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/crdwatch/crdwatch/test/patience"
)

// listening is what crdwatch serve says first.
var listening = regexp.MustCompile(`report: (\S+)  probes: (\S+)`)

// Addresses are the URLs at which crdwatch serve listens, without a path. They are empty as
// long as it has not said so.
func (p *Program) Addresses() (report, probes string) {
	found := listening.FindStringSubmatch(p.Stderr.String())
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}

// AwaitReady waits until crdwatch serve is ready, and returns its Addresses.
func (p *Program) AwaitReady() (report, probes string) {
	p.t.Helper()
	patience.Until(p.t, "crdwatch serve is ready", func() (bool, string) {
		if report, probes = p.Addresses(); probes == "" {
			return false, p.Stderr.Tail()
		}
		resp, err := http.Get(probes + "/readyz?verbose")
		if err != nil {
			return false, err.Error() + "\n" + p.Stderr.Tail()
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusOK, fmt.Sprintf("%s %v\n%s", b, err, p.Stderr.Tail())
	})
	return report, probes
}
