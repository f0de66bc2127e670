package deploy

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/crdwatch/crdwatch/test/deploy/image"
)

// container is the tree of an image that programs are run in, as its user, with nothing of
// this machine but the kernel and its network.
type container struct {
	root string
	id   int
	env  []string
	// volumes are the directories that may be written to.
	volumes []string
}

// newContainer makes a tree read-only.
func newContainer(t *testing.T, built image.Image) *container {
	t.Helper()
	uid, gid, _ := strings.Cut(built.User, ":")
	id, err := strconv.Atoi(uid)
	if err != nil || gid != uid {
		t.Fatalf("USER is %q, want a number twice", built.User)
	}
	c := &container{root: built.Root, id: id, env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	c.freeze(t)
	// Whoever owns the tree may remove it only if he may write to it.
	t.Cleanup(func() { c.chmod(t, 0o755) })
	return c
}

// freeze lets nobody write to anything but the volumes.
func (c *container) freeze(t *testing.T) {
	t.Helper()
	c.chmod(t, 0o555)
	for _, dir := range c.volumes {
		if err := os.Chmod(dir, 0o775); err != nil {
			t.Fatal(err)
		}
	}
}

// chmod is for all directories.
func (c *container) chmod(t *testing.T, mode os.FileMode) {
	t.Helper()
	err := filepath.WalkDir(c.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// command is one to be run in the container.
func (c *container) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = c.env
	jail(cmd, c.root, c.id)
	return cmd
}

// mount makes a volume, in the way that the kubelet gives one to the pod's fsGroup: files
// to be read, or an empty directory to be written to.
func (c *container) mount(t *testing.T, path string, files map[string][]byte) {
	t.Helper()
	c.chmod(t, 0o755)
	dir := filepath.Join(c.root, path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o440); err != nil {
			t.Fatal(err)
		}
		c.chgrp(t, filepath.Join(dir, name))
	}
	if files == nil {
		c.chgrp(t, dir)
		c.volumes = append(c.volumes, dir)
	}
	c.freeze(t)
}

// chgrp gives a file to the group of the container's user. Where that is who runs the
// test, it is so already.
func (c *container) chgrp(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(path, 0, c.id); err != nil {
		t.Fatal(err)
	}
}

// setEnv does what the kubelet does with the environment in a pod's template.
func (c *container) setEnv(t *testing.T, of *corev1.Container) {
	t.Helper()
	known := map[string]string{}
	for _, e := range of.Env {
		value := e.Value
		switch {
		case e.ValueFrom == nil:
			for name, v := range known {
				value = strings.ReplaceAll(value, "$("+name+")", v)
			}
		case e.ValueFrom.ResourceFieldRef != nil && e.ValueFrom.ResourceFieldRef.Resource == "limits.memory":
			limit, divisor := of.Resources.Limits.Memory(), e.ValueFrom.ResourceFieldRef.Divisor
			value = strconv.FormatInt((limit.Value()+divisor.Value()-1)/divisor.Value(), 10)
		default:
			t.Fatalf("where %s is from is not known here: %+v", e.Name, e.ValueFrom)
		}
		known[e.Name] = value
		c.env = append(c.env, e.Name+"="+value)
	}
}
