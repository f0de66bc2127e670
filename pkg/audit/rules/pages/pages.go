package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const indexName = "README.md"

// render returns the files by their names.
func render(rules []audit.Rule) map[string][]byte {
	files := map[string][]byte{indexName: index(rules)}
	for _, r := range rules {
		files[r.ID+".md"] = page(r)
	}
	return files
}

func index(rules []audit.Rule) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Made by "make generate"; edit pkg/audit/rules/docs instead. -->
# The rules of crdwatch audit

IDs are stable for ever. Times, sizes and counts are defaults, which
[the configuration](../AUDIT.md#thresholds) can set. How findings are ignored, accepted and printed stands in
[AUDIT.md](../AUDIT.md); ` + "`crdwatch audit --explain RULE`" + ` shows a page in the terminal.

| rule | name | severity | checked | what it finds |
|---|---|---|---|---|
`)
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s | %s |\n", r.ID, r.ID, r.Name, r.Severity, checked(r), strings.ReplaceAll(r.Summary(), "|", `\|`))
	}
	return b.Bytes()
}

// page is that of the rule with what its value tells, below the heading.
func page(r audit.Rule) []byte {
	heading, text, _ := strings.Cut(r.Page(), "\n")
	return fmt.Appendf(nil, "<!-- Made by \"make generate\"; edit pkg/audit/rules/docs/%s.md instead. -->\n%s\n\nSeverity: **%s**. Checked %s. [All rules](%s)\n%s",
		r.ID, heading, r.Severity, checked(r), indexName, text)
}

// checked says when a rule is applied.
func checked(r audit.Rule) string {
	var when string
	switch r.About {
	case audit.AboutCRD:
		when = "for each CRD"
	case audit.AboutObject:
		when = "for each object"
	default:
		when = "for each exemption"
	}
	if r.Live {
		when += ", by `crdwatch serve`"
	}
	return when
}

// write makes dir have these files, and no other pages.
func write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	there, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	for _, path := range there {
		if _, ok := files[filepath.Base(path)]; ok {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
