package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestOptions(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "crdwatch")
	if err := os.WriteFile(binary, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		want options
		err  string // part of the error
	}{
		"defaults": {want: options{crdwatch: binary, rate: 1}},
		"all": {
			args: []string{"--duration", "90s", "--events-per-second", "2.5", "--no-watch"},
			want: options{crdwatch: binary, duration: 90 * time.Second, rate: 2.5, noWatch: true},
		},
		"arguments of watch": {
			args: []string{"--", "databases", "-o", "wide"},
			want: options{crdwatch: binary, rate: 1, watchArgs: []string{"databases", "-o", "wide"}},
		},
		"arguments before the dashes": {args: []string{"databases"}, err: `"databases"`},
		"no binary":                   {args: []string{"--crdwatch", binary + "s"}, err: "--crdwatch"},
		"negative duration":           {args: []string{"--duration", "-1s"}, err: "--duration"},
		"standstill":                  {args: []string{"--events-per-second", "0"}, err: "--events-per-second"},
		"too fast":                    {args: []string{"--events-per-second", "1000"}, err: "--events-per-second"},
		"arguments of no watch":       {args: []string{"--no-watch", "--", "databases"}, err: "--no-watch"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseOptions(append([]string{"--crdwatch", binary}, tc.args...), io.Discard)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got error %v, want one that names %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.watchArgs) == 0 {
				got.watchArgs = nil
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out strings.Builder
	if _, err := parseOptions([]string{"--help"}, &out); !errors.Is(err, pflag.ErrHelp) {
		t.Fatalf("got %v, want %v", err, pflag.ErrHelp)
	}
	for _, flag := range []string{"--crdwatch", "--duration", "--no-watch", "--events-per-second"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("the help lacks %s:\n%s", flag, &out)
		}
	}
}

func TestQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/x":       "/tmp/x",
		"/tmp/my dir":  "'/tmp/my dir'",
		"/tmp/it's $1": `'/tmp/it'\''s $1'`,
	} {
		if got := quote(path); got != want {
			t.Errorf("quote(%q) = %s, want %s", path, got, want)
		}
	}
}
