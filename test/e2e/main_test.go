package e2e

import (
	"os"
	"testing"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// shared is a control plane for the tests that do no harm to it.
var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c }))
}
