package main

import (
	"cmp"
	"runtime/debug"
)

// version and commit are set by the linker; see the Makefile.
var version, commit string

// build is what this binary was made from.
type build struct {
	Version, Commit, Go string
}

// buildInfo prefers what the linker was told over what the Go tool recorded.
func buildInfo() build {
	b := build{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	b.Version = cmp.Or(b.Version, info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = cmp.Or(b.Commit, s.Value)
		}
	}
	b.Commit = cmp.Or(b.Commit, "unknown")
	return b
}
