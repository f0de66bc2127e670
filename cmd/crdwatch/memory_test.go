package main

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCgroupLimit(t *testing.T) {
	const v1None = "9223372036854771712\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no cgroups": {nil, 0},
		"version 2": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 << 20},
		"version 2, no limit": {map[string]string{
			"proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/memory.max": "max\n",
		}, 0},
		"version 2, the limit is above": {map[string]string{
			"proc/self/cgroup": "0::/a.slice/b.scope\n", "sys/fs/cgroup/a.slice/memory.max": "1000\n",
			"sys/fs/cgroup/a.slice/b.scope/memory.max": "2000\n",
		}, 1000},
		"the host's path in a container": {map[string]string{
			"proc/self/cgroup": "0::/kubepods/pod1/c1\n", "sys/fs/cgroup/memory.max": "1000\n",
		}, 1000},
		"version 1": {map[string]string{
			"proc/self/cgroup": "12:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/system\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "1000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": v1None,
		}, 1000},
		"version 1, no limit": {map[string]string{
			"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": v1None,
		}, 0},
		"nonsense": {map[string]string{"proc/self/cgroup": "0\nx:y\n0::/\n", "sys/fs/cgroup/memory.max": "-1\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for file, text := range test.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := cgroupLimit(root); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestMaxMemory(t *testing.T) {
	for text, want := range map[string]int64{"512Mi": 512 << 20, "1G": 1e9, "1.5Gi": 3 << 29, "0": 0, "2000": 2000} {
		o := memoryOptions{max: text}
		if got, err := o.budget(); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"much", "-1Gi", "12 Mi", "1GB"} {
		o := memoryOptions{max: text}
		if err := o.validate(); err == nil || !strings.HasPrefix(err.Error(), "--max-memory: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestMemoryLimitOfTheRuntime: garbage is collected before the budget is reached, unless
// the environment says when.
func TestMemoryLimitOfTheRuntime(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	os.Unsetenv("GOMEMLIMIT")
	before := debug.SetMemoryLimit(-1)
	o := memoryOptions{max: "1000Mi"}
	budget, restore, err := o.apply()
	if err != nil || budget != 1000<<20 || debug.SetMemoryLimit(-1) != 950<<20 {
		t.Errorf("budget %d, limit %d, %v", budget, debug.SetMemoryLimit(-1), err)
	}
	restore()
	if now := debug.SetMemoryLimit(-1); now != before {
		t.Errorf("the limit stays at %d", now)
	}
	t.Setenv("GOMEMLIMIT", "800MiB")
	_, restore, err = o.apply()
	defer restore()
	if now := debug.SetMemoryLimit(-1); now != before || err != nil {
		t.Errorf("the limit is %d, %v", now, err)
	}
}
