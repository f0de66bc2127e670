// Package auditing holds the audit against a real API server: each defect of package
// defects is produced there the way it comes about in life, and found.
package auditing

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// shared is the control plane of the tests that do not disturb each other.
var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	code := controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c })
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
