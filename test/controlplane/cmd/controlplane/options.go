//go:build !race

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/layout"
)

type config struct {
	dir            layout.Dir
	port           int
	exitWithParent bool
	extra          []string
}

const usage = `controlplane runs kube-apiserver and etcd in one process, on 127.0.0.1 only.

Usage:
  controlplane [flags] [-- kube-apiserver flags]

Once the API server is ready, one line of JSON on standard output says where:
url, kubeconfig, version, etcd (client URL), log and pid. SIGTERM or Ctrl-C
stops it. Start it again with the same --data-dir, and the objects, the
certificates and all kubeconfigs are still good if --secure-port is the same.

Example:
  controlplane --data-dir /tmp/cp -- --feature-gates=ShardedListAndWatch=true
  kubectl --kubeconfig /tmp/cp/admin.kubeconfig get crds

Flags:
`

func parseOptions(args []string, stderr io.Writer) (config, error) {
	var o config
	var dir string
	fs := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&dir, "data-dir", "", "`directory` of etcd's data, certificates, admin.kubeconfig and log; created if missing (default: a new temporary one, which stays)")
	fs.IntVar(&o.port, "secure-port", 0, "HTTPS `port` on 127.0.0.1; 0 draws a free one")
	fs.BoolVar(&o.exitWithParent, "exit-with-parent", false, "stop when standard input ends, which it does when the process that holds its other end dies")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.extra = fs.Args()
	return o, o.complete(dir)
}

// complete validates the flags and draws what they leave open.
func (o *config) complete(dir string) error {
	if o.port < 0 || o.port > 65535 {
		return fmt.Errorf("--secure-port: %d is no port", o.port)
	}
	if len(o.extra) > 0 && o.extra[0] != "" && o.extra[0][0] != '-' {
		return fmt.Errorf("unexpected argument %q: kube-apiserver's flags stand behind --", o.extra[0])
	}
	var errs [3]error
	if dir == "" {
		dir, errs[0] = os.MkdirTemp("", "controlplane-")
	}
	dir, errs[1] = filepath.Abs(dir)
	o.dir = layout.Dir(dir)
	if o.port == 0 {
		o.port, errs[2] = layout.FreePort()
	}
	return errors.Join(errs[:]...)
}
