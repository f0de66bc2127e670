package load_test

import (
	"os"
	"testing"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// cp is the API server that the stand-in is compared with.
var cp *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cp = c }))
}
