package chart

import (
	"bytes"
	"fmt"
)

// note begins every file of the base.
const note = "# Made by \"make generate\" from deploy/helm/crdwatch, with its default values; change it there.\n"

// Base is the kustomize base: its files by their names, as the chart in dir has them with
// its default values.
func Base(dir string) (map[string][]byte, error) {
	const name = "crdwatch"
	manifests, err := Render(dir, nil, Release{Name: name, Namespace: name, By: "kustomize"})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var index bytes.Buffer
	fmt.Fprintf(&index, "%sapiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\nresources:\n", note, name)
	for _, m := range manifests {
		if files[m.Template] == nil {
			files[m.Template] = []byte(note)
			fmt.Fprintf(&index, "- %s\n", m.Template)
		} else {
			files[m.Template] = append(files[m.Template], "---\n"...)
		}
		files[m.Template] = append(files[m.Template], m.YAML...)
	}
	files["kustomization.yaml"] = index.Bytes()
	return files, nil
}
