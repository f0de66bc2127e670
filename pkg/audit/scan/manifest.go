package scan

import (
	"bufio"
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Stdin is the name that stands for the standard input among files.
const Stdin = "-"

// Manifest is one object of a file.
type Manifest struct {
	unstructured.Unstructured
	// Where names the file and the document in it.
	Where string
}

// ReadManifests reads the objects of YAML and JSON files, those of Lists each by itself.
// Directories are read with all below them that is called *.yaml, *.yml or *.json. The
// error of a file that is no manifest names the document.
func ReadManifests(names []string, stdin io.Reader) ([]Manifest, error) {
	var all []Manifest
	for _, name := range names {
		files, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			found, err := readFile(file, stdin)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// filesOf returns the files that a name means.
func filesOf(name string) ([]string, error) {
	if name == Stdin {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading manifests: %w", err)
	case len(files) == 0:
		return nil, fmt.Errorf("reading manifests: the directory %s has no files *.yaml, *.yml or *.json", name)
	}
	return files, nil
}

func readFile(name string, stdin io.Reader) ([]Manifest, error) {
	if name == Stdin {
		return readDocuments("standard input", stdin)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	defer f.Close()
	return readDocuments(name, f)
}

// readDocuments reads the documents of a file: YAML, of which JSON is a kind, or JSON
// values one after the other.
func readDocuments(file string, r io.Reader) ([]Manifest, error) {
	buffered := bufio.NewReader(r)
	next := yamlDocuments(buffered)
	if startsJSON(buffered) {
		next = jsonDocuments(buffered)
	}
	var all []Manifest
	for i := 1; ; i++ {
		text, err := next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		where := fmt.Sprintf("%s, document %d", file, i)
		var found []Manifest
		if err == nil {
			found, err = readDocument(where, text)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", where, err)
		}
		all = append(all, found...)
	}
}

// startsJSON looks whether the first thing in a file is a brace.
func startsJSON(r *bufio.Reader) bool {
	for n := 1; ; n++ {
		text, err := r.Peek(n)
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text[0] == '{'
		}
		if err != nil {
			return false
		}
	}
}

// yamlDocuments returns what returns the documents, as JSON.
func yamlDocuments(r *bufio.Reader) func() ([]byte, error) {
	documents := utilyaml.NewYAMLReader(r)
	return func() ([]byte, error) {
		text, err := documents.Read()
		if err != nil {
			return nil, err
		}
		return yaml.YAMLToJSON(text)
	}
}

func jsonDocuments(r io.Reader) func() ([]byte, error) {
	documents := stdjson.NewDecoder(r)
	return func() ([]byte, error) {
		var text stdjson.RawMessage
		err := documents.Decode(&text)
		return text, err
	}
}

// readDocument reads an object or a List. An empty document has none.
func readDocument(where string, text []byte) ([]Manifest, error) {
	var content any
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, err
	}
	if content == nil {
		return nil, nil
	}
	object, ok := content.(map[string]any)
	if !ok {
		return nil, errors.New("this is no Kubernetes manifest: it is no object with apiVersion and kind")
	}
	return unpack(where, object)
}

// unpack returns the object, or the items of a List.
func unpack(where string, content map[string]any) ([]Manifest, error) {
	u := unstructured.Unstructured{Object: content}
	items, isList := content["items"].([]any)
	switch {
	case u.GetKind() == "" || u.GetAPIVersion() == "":
		return nil, errors.New("this is no Kubernetes manifest: it has no apiVersion or no kind")
	case !isList || !strings.HasSuffix(u.GetKind(), "List"):
		return []Manifest{{u, where}}, nil
	}
	var all []Manifest
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("items[%d] is no object", i)
		}
		// The items of a typed List need not repeat what the List says.
		if _, ok := object["kind"]; !ok && u.GetKind() != "List" {
			object["apiVersion"], object["kind"] = u.GetAPIVersion(), strings.TrimSuffix(u.GetKind(), "List")
		}
		found, err := unpack(fmt.Sprintf("%s, items[%d]", where, i), object)
		if err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
		all = append(all, found...)
	}
	return all, nil
}
