// Package access holds the report endpoint against the RBAC of a real API server: what
// it shows to whom is what the API server would show them.
package access

import (
	"flag"
	"os"
	"testing"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// The size of the matrix. make soak asks for a larger one: the API server needs minutes to
// say what each may do.
var (
	users      = flag.Int("users", 8, "number of users, the first of whom may read everything and the second nothing")
	resources  = flag.Int("resources", 12, "number of resources")
	namespaces = flag.Int("namespaces", 16, "number of namespaces")
)

var shared *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { shared = c }))
}
