// Package access holds the report endpoint against the RBAC of a real API server: what
// it shows to whom is what the API server would show them.
package access

import (
	"os"
	"testing"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c }))
}
