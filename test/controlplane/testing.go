package controlplane

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// StartT starts a control plane for one test and closes it at the test's end.
// It fails the test where Start fails, and prints the log's end with a test
// that failed.
func StartT(t testing.TB, opts Options) *ControlPlane {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	c, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing control plane: %v", err)
		}
		if t.Failed() {
			t.Logf("end of the control plane's log:\n%s", logTail(c.Log()))
		}
	})
	return c
}

// Main is for the TestMain of a package whose tests share one control plane,
// because each costs about three seconds. It starts one, hands it to use, runs
// the tests, closes it and returns the exit code:
//
//	var cp *controlplane.ControlPlane
//
//	func TestMain(m *testing.M) {
//		os.Exit(controlplane.Main(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cp = c }))
//	}
func Main(m interface{ Run() int }, opts Options, use func(*ControlPlane)) int {
	c, err := Start(context.Background(), opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(c)
	code := m.Run()
	if err := c.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "closing control plane:", err)
		return max(code, 1)
	}
	return code
}
