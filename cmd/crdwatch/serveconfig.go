package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	yaml "go.yaml.in/yaml/v3"
)

// readServeConfig gives flags the values that a file has for them, but for those of the
// command line, which count before it. The file is a mapping in YAML from flags without
// their dashes to what would stand behind them; flags that can be repeated take a list.
// Errors name the file, the line, and what is wrong there.
func readServeConfig(flags *pflag.FlagSet, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	var doc yaml.Node
	err = yaml.NewDecoder(f).Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("--config: %s: %w", file, err)
	case doc.Content[0].Kind != yaml.MappingNode:
		return fmt.Errorf("--config: %s:%d: want a mapping of flags to values, such as retention: 30d", file, doc.Content[0].Line)
	}
	pairs := doc.Content[0].Content
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	seen := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		if seen[key.Value] {
			return fmt.Errorf("--config: %s:%d: %s is there twice", file, key.Line, key.Value)
		}
		seen[key.Value] = true
		if err := setFlag(flags, key.Value, value, given[key.Value]); err != nil {
			return fmt.Errorf("--config: %s:%d: %s: %w", file, key.Line, key.Value, err)
		}
	}
	return nil
}

// setFlag checks a value in any case, and sets the flag unless it was given.
func setFlag(flags *pflag.FlagSet, name string, value *yaml.Node, given bool) error {
	flag := flags.Lookup(name)
	if flag == nil || name == "config" || name == "help" {
		return errors.New("there is no such flag of crdwatch serve (see crdwatch serve --help)")
	}
	values, err := flagValues(flag, value)
	if err != nil || given {
		return err
	}
	for _, v := range values {
		if err := flags.Set(name, v); err != nil {
			return err
		}
	}
	return nil
}

func flagValues(flag *pflag.Flag, value *yaml.Node) ([]string, error) {
	_, repeated := flag.Value.(pflag.SliceValue)
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag != "!!null":
		return []string{value.Value}, nil
	case value.Kind == yaml.SequenceNode && repeated:
		var values []string
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, errors.New("want a list of simple values")
			}
			values = append(values, item.Value)
		}
		return values, nil
	case value.Kind == yaml.SequenceNode:
		return nil, errors.New("it takes one value, not a list")
	}
	return nil, errors.New("want a value")
}
