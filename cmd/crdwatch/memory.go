package main

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
)

// heapPart is how many percent of the budget the Go runtime may take before it collects
// garbage whatever that costs.
const heapPart = 95

// memoryOptions are the flags about memory, of the commands that watch.
type memoryOptions struct {
	max string
}

func (o *memoryOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.max, "max-memory", "", "Memory to get along with, for example 512Mi: when it is nearly used up, only the metadata of the largest "+
		"types is watched; 0 is no limit (default: the limit of the cgroup, if there is one)")
}

func (o *memoryOptions) validate() error {
	_, err := o.budget()
	return err
}

// budget is the number of bytes, 0 for no limit.
func (o *memoryOptions) budget() (int64, error) {
	if o.max == "" {
		return cgroupLimit(os.DirFS("/")), nil
	}
	q, err := resource.ParseQuantity(o.max)
	if err != nil {
		return 0, fmt.Errorf("--max-memory: %q is no size such as 512Mi or 2Gi", o.max)
	}
	if q.Sign() < 0 {
		return 0, fmt.Errorf("--max-memory: %s is negative", o.max)
	}
	return q.Value(), nil
}

// apply has the Go runtime collect garbage in time, unless GOMEMLIMIT says when that is,
// and returns the budget. The caller calls restore.
func (o *memoryOptions) apply() (budget int64, restore func(), err error) {
	budget, err = o.budget()
	if err != nil || budget == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return budget, func() {}, err
	}
	before := debug.SetMemoryLimit(budget / 100 * heapPart)
	return budget, func() { debug.SetMemoryLimit(before) }, nil
}

// cgroupLimit returns the memory limit of the cgroup that this process is in, or of one
// above it, in bytes; 0 if there is none. The root is that of the file system.
func cgroupLimit(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	limit := int64(0)
	for line := range strings.Lines(string(text)) {
		// hierarchy-ID:controllers:path; version 2 has the ID 0 and no controllers (cgroups(7)).
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[0] == "0" && parts[1] == "":
			limit = lower(limit, limitOf(root, "sys/fs/cgroup", parts[2], "memory.max"))
		case strings.Contains(","+parts[1]+",", ",memory,"):
			limit = lower(limit, limitOf(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		}
	}
	return limit
}

// limitOf looks at a cgroup and all above it. In a container, the path can be that on the
// host, which is not there, and the container's own cgroup is at the mount.
func limitOf(root fs.FS, mount, group, file string) (limit int64) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		if text, err := fs.ReadFile(root, path.Join(mount, group, file)); err == nil {
			limit = lower(limit, parseLimit(string(text)))
		}
		if group == "/" {
			return limit
		}
	}
}

// parseLimit returns 0 for "max", and for the number that stands for it in version 1.
func parseLimit(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/2 {
		return 0
	}
	return n
}

// lower returns the lower of two limits; 0 is none.
func lower(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
