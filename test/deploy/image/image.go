// Package image builds the image of a Dockerfile where there is no container engine: it
// does what each instruction says, in a directory for each stage, on this machine instead
// of in the images that FROM names. It knows the instructions that ours has, as far as it
// uses them, and refuses all others.
package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Options say what is built. All but Args are required.
type Options struct {
	// Dockerfile is the file, Context the directory that it is built of, with its
	// .dockerignore.
	Dockerfile, Context string
	// Args are those of --build-arg. Each has to be one that the Dockerfile asks for.
	Args map[string]string
	// Bases has, by the names of images, directories with what is copied out of them.
	Bases map[string]string
	// Env is the environment of commands, beside the ARGs.
	Env []string
	// Dir is empty. It gets a directory for each stage.
	Dir string
	// Output takes what commands print.
	Output io.Writer
}

// Image is what was built.
type Image struct {
	// Root has its files.
	Root string
	// User is as in USER, Command all of ENTRYPOINT and CMD.
	User    string
	Command []string
	Labels  map[string]string
}

// stage is one FROM. Its own files are in root, those that it begins with in base.
type stage struct {
	name, root, base, workdir string
	args, labels              map[string]string
	user                      string
	entrypoint, cmd           []string
}

type builder struct {
	Options
	// args are those before the first FROM.
	args   map[string]string
	stages []*stage
	// asked are the names of all ARGs.
	asked map[string]bool
}

// Build builds the last stage, and those before it. It blocks as long as the commands run.
func Build(ctx context.Context, o Options) (Image, error) {
	f, err := os.Open(o.Dockerfile)
	if err != nil {
		return Image{}, err
	}
	defer f.Close()
	instructions, err := parse(f)
	if err != nil {
		return Image{}, fmt.Errorf("parsing %s: %w", o.Dockerfile, err)
	}
	b := &builder{Options: o, args: map[string]string{}, asked: map[string]bool{}}
	for _, i := range instructions {
		if err := b.do(ctx, i); err != nil {
			return Image{}, fmt.Errorf("%s: %s: %w", o.Dockerfile, i, err)
		}
	}
	return b.image()
}

func (b *builder) image() (Image, error) {
	if len(b.stages) == 0 {
		return Image{}, fmt.Errorf("%s: there is no FROM", b.Dockerfile)
	}
	for name := range b.Args {
		if !b.asked[name] {
			return Image{}, fmt.Errorf("%s: there is no ARG %s", b.Dockerfile, name)
		}
	}
	s := b.stages[len(b.stages)-1]
	return Image{Root: s.root, User: s.user, Command: append(s.entrypoint, s.cmd...), Labels: s.labels}, nil
}

func (b *builder) do(ctx context.Context, i instruction) error {
	switch {
	case i.name == "FROM":
		return b.from(i.rest)
	case len(b.stages) == 0 && i.name == "ARG":
		return b.arg(b.args, nil, i.rest)
	case len(b.stages) == 0:
		return errors.New("there is no FROM before it")
	}
	s := b.stages[len(b.stages)-1]
	switch i.name {
	case "ARG":
		return b.arg(s.args, b.args, i.rest)
	case "WORKDIR":
		return s.work(i.rest)
	case "COPY":
		return b.copy(s, i.rest)
	case "RUN":
		return b.run(ctx, s, i.rest)
	case "LABEL":
		return s.label(i.rest)
	case "USER":
		s.user = i.rest
		return nil
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(i.rest), &s.entrypoint)
	case "CMD":
		return json.Unmarshal([]byte(i.rest), &s.cmd)
	}
	return errors.New("this instruction is not known here")
}

// from begins a stage: FROM IMAGE [AS NAME].
func (b *builder) from(rest string) error {
	fields := strings.Fields(rest)
	s := &stage{workdir: "/", args: map[string]string{}, labels: map[string]string{}}
	switch {
	case len(fields) == 3 && strings.EqualFold(fields[1], "AS"):
		s.name = fields[2]
	case len(fields) != 1:
		return errors.New("want FROM IMAGE [AS NAME]")
	}
	image, err := expand(fields[0], b.args)
	if err != nil {
		return err
	}
	var known bool
	if s.base, known = b.Bases[image]; !known && image != "scratch" {
		return fmt.Errorf("nothing stands for the image %s", image)
	}
	s.root = filepath.Join(b.Dir, fmt.Sprintf("stage%d", len(b.stages)))
	b.stages = append(b.stages, s)
	return os.Mkdir(s.root, 0o755)
}

// arg is ARG NAME[=DEFAULT]. The default may be one from before the first FROM.
func (b *builder) arg(args, global map[string]string, rest string) error {
	name, value, hasDefault := strings.Cut(rest, "=")
	b.asked[name] = true
	if given, ok := b.Args[name]; ok {
		value, hasDefault = given, true
	} else if !hasDefault {
		value, hasDefault = global[name]
	}
	if !hasDefault {
		return fmt.Errorf("%s has no value", name)
	}
	args[name] = value
	return nil
}

// expand replaces ${NAME}.
func expand(text string, args map[string]string) (string, error) {
	var missing []string
	expanded := os.Expand(text, func(name string) string {
		value, ok := args[name]
		if !ok {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("there is no ARG %s", strings.Join(missing, ", "))
	}
	return expanded, nil
}

func (s *stage) work(dir string) error {
	if !filepath.IsAbs(dir) {
		return errors.New("want an absolute path")
	}
	s.workdir = dir
	return os.MkdirAll(filepath.Join(s.root, dir), 0o755)
}

// absolute finds paths that a command would not find below another root.
var absolute = regexp.MustCompile(`(^|[\s="'])/`)

// run runs a command in the stage's working directory. It is not confined to the stage,
// so it must not name a path by its root.
func (b *builder) run(ctx context.Context, s *stage, command string) error {
	if absolute.MatchString(command) {
		return errors.New("it names an absolute path, which would be one of this machine")
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir = filepath.Join(s.root, s.workdir)
	cmd.Env = slices.Clone(b.Env)
	for _, name := range slices.Sorted(maps.Keys(s.args)) {
		cmd.Env = append(cmd.Env, name+"="+s.args[name])
	}
	cmd.Stdout, cmd.Stderr = b.Output, b.Output
	return cmd.Run()
}

// pair is one of LABEL: NAME="VALUE".
var pair = regexp.MustCompile(`^([\w.-]+)="([^"\\]*)"\s*`)

func (s *stage) label(rest string) error {
	for rest != "" {
		found := pair.FindStringSubmatch(rest)
		if found == nil {
			return fmt.Errorf(`want NAME="VALUE", got %s`, rest)
		}
		value, err := expand(found[2], s.args)
		if err != nil {
			return err
		}
		s.labels[found[1]] = value
		rest = rest[len(found[0]):]
	}
	return nil
}
