package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// write writes the spells as a table in Markdown.
func (s *steady) write(spells []spell, defined []time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Steady changes\n\n%d CRDs with %d objects of %d bytes, %d live streams with different filters; history on disk: %t, audit: %t.\n\n",
		slices.Max(s.crds), slices.Min(s.objects), s.size, clients, s.history, s.audit)
	b.WriteString("| changes per second, wanted | made | in | seen | not seen at the end | change → event at the client, p50 | p99 | the latest | the same with filters, p99" +
		" | CPUs: crdwatch | stand-in | clients | CPU per change | queue, at most | | RSS, early | at the end | at most |\n|---:" + strings.Repeat("|---:", 17) + "|\n")
	for _, sp := range spells {
		perSecond := float64(sp.made) / sp.lasting.Seconds()
		fmt.Fprintf(&b, "| %d | %.0f | %.0f s | %.2f %% | %d | %s | %s | %s | %s | %.2f | %.2f | %.2f | %.0f µs | %.0f | %.1f MiB | %d MiB | %d MiB | %d MiB |\n",
			sp.rate, perSecond, sp.lasting.Seconds(), 100*float64(sp.seen)/float64(max(1, sp.made)), sp.behind,
			quantile(sp.whole, 0.5), quantile(sp.whole, 0.99), quantile(sp.whole, 1), quantile(sp.others, 0.99),
			sp.server, sp.stand, sp.self, 1e6*sp.server/max(1, perSecond), sp.depth, sp.bytes/(1<<20), sp.early>>20, sp.late>>20, sp.peak>>20)
	}
	fmt.Fprintf(&b, "\n%d more CRDs, one after the other at %d changes per second: watched after %s (median), %s at most.\n",
		len(defined), s.rates[0], quantile(defined, 0.5), quantile(defined, 1))
	_, err := io.WriteString(s.out, b.String()+"\n")
	return err
}
