package reliability

import (
	"flag"
	"os"
	"testing"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

var (
	kills   = flag.Int("kills", 20, "number of times that the program is killed")
	faults  = flag.Int("faults", 500, "number of faults between the program and the API server")
	kinds   = flag.Int("kinds", 8, "number of resources that the faults are of; they are so at the same time, and a client waits longer after each")
	outages = flag.Int("outages", 5, "number of outages that the API server's history does not cover")
	churns  = flag.Int("churns", 20, "number of changes of CRDs, with a restart between")
	rate    = flag.Int("rate", 500, "most writes a second")
	seed    = flag.Uint64("seed", 1, "seed of the random writes and of what happens when")
)

// shared is a control plane for the tests that do no harm to it.
var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c }))
}
