package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// IsCRD reports whether a manifest is that of a CRD.
func (m *Manifest) IsCRD() bool {
	return m.GroupVersionKind().GroupKind() == schema.GroupKind{Group: apiextensionsv1.GroupName, Kind: "CustomResourceDefinition"}
}

// Stdin is the name that stands for the standard input among files.
const Stdin = "-"

// Manifest is one object of a file.
type Manifest struct {
	unstructured.Unstructured
	// Where names the file and the document in it.
	Where string
	// File and Line are where the document begins; File is empty for the standard input.
	File string
	Line int
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
	title := name
	var text []byte
	var err error
	if name == Stdin {
		name, title = "", "standard input"
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	var all []Manifest
	for i, d := range documents(text) {
		where := fmt.Sprintf("%s, document %d", title, i+1)
		found, err := readDocument(where, d)
		if err != nil {
			return nil, fmt.Errorf("reading %s (line %d): %w", where, d.line, err)
		}
		for j := range found {
			found[j].File, found[j].Line = name, d.line
		}
		all = append(all, found...)
	}
	return all, nil
}

// readDocument reads an object or a List. An empty document has none. That a key stands
// twice is an error: one of the two would be passed over, and often it is a whole object
// that the line "---" is missing before.
func readDocument(where string, d document) ([]Manifest, error) {
	text, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return nil, syntaxError(d)
	}
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

// syntaxError is what is wrong with the YAML of a document, on one line and with the lines
// of the file.
func syntaxError(d document) error {
	_, err := yaml.YAMLToJSONStrict(append(bytes.Repeat([]byte("\n"), d.first-1), d.text...))
	text := strings.Join(strings.Fields(err.Error()), " ")
	if strings.Contains(text, "already set in map") {
		text += ` (if another object begins there, the line "---" is missing before it)`
	}
	return errors.New(strings.Replace(text, "yaml: unmarshal errors: ", "yaml: ", 1))
}

// unpack returns the object, or the items of a List.
func unpack(where string, content map[string]any) ([]Manifest, error) {
	u := unstructured.Unstructured{Object: content}
	items, isList := content["items"].([]any)
	switch {
	case u.GetKind() == "" || u.GetAPIVersion() == "":
		return nil, errors.New("this is no Kubernetes manifest: it has no apiVersion or no kind")
	case !isList || !strings.HasSuffix(u.GetKind(), "List"):
		return []Manifest{{Unstructured: u, Where: where}}, nil
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
