package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// FuzzType: whatever stands for a TYPE is one, or is refused with its name.
func FuzzType(f *testing.F) {
	for _, s := range []string{
		"certs", "Certificate", "certificates.cert-manager.io", "certificates.v1.cert-manager.io", "certificates/a", "/", "a/b/c", "", "*",
		"certificates.", ".cert-manager.io", "crd", "ſ", "\xff", "İ",
	} {
		f.Add(s)
	}
	resource := discovery.Resource{
		CRD: "certificates.cert-manager.io", Kind: "Certificate", Singular: "certificate", ShortNames: []string{"cert", "certs"}, Namespaced: true,
		GVR: schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}, ServedVersions: []string{"v1"},
	}
	set := discovery.Set{resource.Key(): resource}
	f.Fuzz(func(t *testing.T, typ string) {
		s := selection{types: []string{typ}}
		if err := s.validate(); err != nil {
			return
		}
		chosen, err := s.resolve(set)
		if err == nil && len(chosen.names) == 0 {
			t.Errorf("%q means nothing, and is no mistake", typ)
		}
		if name, _, _ := strings.Cut(typ, "/"); err != nil && len(name) < 40 && !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("%q is refused without its name: %v", typ, err)
		}
	})
}

// FuzzServeConfig: a file sets flags, or is refused by its name and a line.
func FuzzServeConfig(f *testing.F) {
	for _, s := range []string{"", "address: :1\n", "glob: [a, b]\n", "a: &a [*a]\n", "? {a: b}\n: c\n", "on: !!binary aGk=\n", "--- 1\n--- 2\n", "\x00", "<<: {on: true}\n"} {
		f.Add([]byte(s))
	}
	file := filepath.Join(f.TempDir(), "serve.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		flags.String("address", "d", "")
		flags.StringArray("glob", nil, "")
		flags.Bool("on", true, "")
		if err := readServeConfig(flags, file); err != nil && !strings.HasPrefix(err.Error(), "--config: "+file+":") {
			t.Error(err)
		}
	})
}
