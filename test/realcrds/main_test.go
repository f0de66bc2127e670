package realcrds

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

var (
	update = flag.Bool("update", false, "write the golden files")
	only   = flag.String("only", "", "take only the modules whose path has this `part`, and ignore the lists of exceptions and the golden file")
)

// cp is shared by all tests.
var cp *controlplane.ControlPlane

func TestMain(m *testing.M) {
	code := controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cp = c })
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
