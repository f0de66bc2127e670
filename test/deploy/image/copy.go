package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// copy is COPY [--from=STAGE] SOURCE... TARGET. What a directory has is copied, and not
// the directory; a TARGET that ends with a slash is one.
func (b *builder) copy(s *stage, rest string) error {
	fields := strings.Fields(rest)
	files := b.ofContext
	if name, ok := strings.CutPrefix(fields[0], "--from="); ok {
		from := slices.IndexFunc(b.stages, func(s *stage) bool { return s.name == name })
		if from < 0 {
			return fmt.Errorf("there is no stage %s", name)
		}
		files, fields = b.stages[from].files, fields[1:]
	}
	if len(fields) < 2 || strings.ContainsAny(rest, `*?[$"`) || strings.HasPrefix(fields[0], "--") {
		return errors.New("want COPY [--from=STAGE] SOURCE... TARGET, without wildcards")
	}
	sources, target := fields[:len(fields)-1], fields[len(fields)-1]
	within := strings.HasSuffix(target, "/")
	if len(sources) > 1 && !within {
		return errors.New("several sources need a target that ends with a slash")
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(s.workdir, target)
	}
	for _, source := range sources {
		dir, names, err := files(source)
		if err != nil {
			return err
		}
		if err := copyAll(dir, names, filepath.Join(s.root, target), within); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies files, by their names below dir. The only name "." is dir itself, a file.
func copyAll(dir string, names []string, target string, within bool) error {
	for _, name := range names {
		to := filepath.Join(target, name)
		if name == "." && within {
			to = filepath.Join(target, filepath.Base(dir))
		}
		if err := copyFile(filepath.Join(dir, name), to); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// files of a stage are its own, or those of the image that it begins with.
func (s *stage) files(source string) (dir string, names []string, err error) {
	for _, root := range []string{s.root, s.base} {
		if root == "" {
			continue
		}
		dir := filepath.Join(root, source)
		if names, err := below(dir); !errors.Is(err, fs.ErrNotExist) {
			return dir, names, err
		}
	}
	return "", nil, fmt.Errorf("there is no %s in the stage", source)
}

func (b *builder) ofContext(source string) (dir string, names []string, err error) {
	names, err = Files(b.Context, source)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("nothing of %s is in the context", source)
	}
	return filepath.Join(b.Context, source), names, err
}

// Files returns the names of the files below a path of the directory root, relative to that
// path, which the .dockerignore of root does not leave out. That of a file is ".".
func Files(root, path string) ([]string, error) {
	f, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return nil, err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	names, err := below(filepath.Join(root, path))
	if err != nil {
		return nil, err
	}
	var errs []error
	names = slices.DeleteFunc(names, func(name string) bool {
		out, err := ignored.MatchesOrParentMatches(filepath.Join(path, name))
		errs = append(errs, err)
		return out
	})
	return names, errors.Join(errs...)
}

// below returns the names of all files below a path.
func below(path string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(path, file)
		names = append(names, name)
		return err
	})
	return names, err
}
