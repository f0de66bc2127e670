// Package chart renders the Helm chart as helm does, and makes the kustomize base of it.
// It refuses to know what is in the chart.
package chart

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Release is what is told to helm install beside the values.
type Release struct {
	Name, Namespace string
	// By is who manages what is rendered; Helm if empty.
	By string
}

// Manifest is one document of a template.
type Manifest struct {
	// Template is the name of the file below templates.
	Template string
	YAML     []byte
}

// Render renders the chart in dir, with its values and those given. The manifests are
// sorted by template. The error names what of the values is wrong.
func Render(dir string, values map[string]any, r Release) ([]Manifest, error) {
	chart, err := loader.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("loading the chart in %s: %w", dir, err)
	}
	options := common.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, values, options, nil)
	if err != nil {
		return nil, fmt.Errorf("checking the values of %s: %w", chart.Name(), err)
	}
	if r.By != "" {
		all["Release"].(map[string]any)["Service"] = r.By
	}
	rendered, err := engine.Render(chart, all)
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", chart.Name(), err)
	}
	var manifests []Manifest
	for _, file := range slices.Sorted(maps.Keys(rendered)) {
		if path.Ext(file) != ".yaml" {
			continue
		}
		documents, err := split(rendered[file])
		if err != nil {
			return nil, fmt.Errorf("splitting %s: %w", file, err)
		}
		for _, d := range documents {
			manifests = append(manifests, Manifest{Template: path.Base(file), YAML: d})
		}
	}
	return manifests, nil
}

// split returns the documents that have something in them.
func split(text string) ([][]byte, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	var documents [][]byte
	for {
		d, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if d = bytes.TrimSpace(d); len(d) > 0 {
			documents = append(documents, append(d, '\n'))
		}
	}
}
