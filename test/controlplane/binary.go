package controlplane

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// CacheEnv names the environment variable for the directory in which Binary
// keeps what it built; its default is crdwatch in os.UserCacheDir.
const CacheEnv = "CRDWATCH_CACHE"

// unusedAfter is how long a cached binary that nobody started is kept.
const unusedAfter = 14 * 24 * time.Hour

// Binary returns the path of the controlplane command. It builds it when the
// cache holds none for this Go version, this go.sum and these sources, which
// takes about five minutes on two cores the first time and blocks until done;
// several processes that ask at once build it once. What is going on is written
// to progress.
func Binary(ctx context.Context, progress io.Writer) (string, error) {
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	key, err := buildKey(ctx, module)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "controlplane-"+key)
	if touch(path) == nil {
		return path, nil
	}
	unlock, err := lock(ctx, filepath.Join(cache, "controlplane.lock"), progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	// Whoever held the lock may have built it.
	if touch(path) == nil {
		return path, nil
	}
	prune(cache)
	return path, build(ctx, module, path, progress)
}

// build compiles into a temporary name first: path exists only when it is whole.
func build(ctx context.Context, module, path string, progress io.Writer) error {
	version, err := goOutput(ctx, module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	// v1.37.2: the API server reports what the linker put there.
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const pkg = "-X k8s.io/component-base/version."
	ldflags := strings.Join([]string{
		"-s -w", pkg + "gitVersion=" + version, pkg + "gitMajor=" + major, pkg + "gitMinor=" + minor,
	}, " ")

	fmt.Fprintf(progress, "controlplane: building kube-apiserver %s and etcd (the first time about five minutes)\n", version)
	start := time.Now()
	tmp := path + ".tmp"
	defer os.Remove(tmp)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", ldflags, "-o", tmp, "./controlplane/cmd/controlplane")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building kube-apiserver: %w\n%s", err, out)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	fmt.Fprintf(progress, "controlplane: built in %s\n", time.Since(start).Round(time.Second))
	return nil
}

// moduleDir finds the module by where this file was compiled from, because a
// program that starts a control plane may run in any directory.
func moduleDir() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	dir := filepath.Dir(filepath.Dir(file))
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); !ok || err != nil {
		return "", errors.New("finding the sources of kube-apiserver's command: built with -trimpath, or the sources are gone")
	}
	return dir, nil
}

// buildKey hashes all that decides about the binary.
func buildKey(ctx context.Context, module string) (string, error) {
	version, err := goOutput(ctx, module, "env", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS")
	if err != nil {
		return "", err
	}
	files := []string{"go.mod", "go.sum"}
	for _, pattern := range []string{"cmd/controlplane/*.go", "internal/*/*.go"} {
		found, err := filepath.Glob(filepath.Join(module, "controlplane", pattern))
		if err != nil {
			return "", err
		}
		for _, f := range found {
			if !strings.HasSuffix(f, "_test.go") {
				files = append(files, strings.TrimPrefix(f, module+string(filepath.Separator)))
			}
		}
	}
	hash := sha256.New()
	fmt.Fprintln(hash, version)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(module, f))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, f, len(data))
		hash.Write(data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return "", fmt.Errorf("running go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func cacheDir() (string, error) {
	dir := os.Getenv(CacheEnv)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding a cache directory (set %s): %w", CacheEnv, err)
		}
		dir = filepath.Join(user, "crdwatch")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lock takes the file's lock, which the kernel drops when its holder dies.
func lock(ctx context.Context, path string, progress io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, cmp.Or(f.Close(), fmt.Errorf("locking %s: %w", path, err))
		}
		if !told {
			fmt.Fprintln(progress, "controlplane: another process is building kube-apiserver, waiting for it")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, cmp.Or(f.Close(), context.Cause(ctx))
		}
	}
}

// touch marks the binary as used; it fails if there is none.
func touch(path string) error {
	now := time.Now()
	return os.Chtimes(path, now, now)
}

// prune removes binaries of earlier versions; each is over 100 MB. What it
// cannot remove costs space only.
func prune(cache string) {
	_ = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "controlplane-") {
			return nil //nolint:nilerr // the rest can still be pruned
		}
		if info, err := d.Info(); err == nil && time.Since(info.ModTime()) > unusedAfter {
			_ = os.Remove(path)
		}
		return nil
	})
}
