package main

import (
	"fmt"
	"io"
	"strings"
)

// table shows results side by side, and their ratios.
type table[R any] struct {
	columns  []string
	measures []measureOf[R]
	results  map[string][]R // by column
	ratios   []quotient
	// differences come after the ratios.
	differences []quotient
	objects     int
}

// quotient is a column that is made of two others.
type quotient struct{ of, to string }

// write writes Markdown.
func (t table[R]) write(w io.Writer) {
	header := append([]string{""}, t.columns...)
	for _, q := range t.ratios {
		header = append(header, q.of+" ÷ "+q.to)
	}
	for _, q := range t.differences {
		header = append(header, q.of+" − "+q.to)
	}
	fmt.Fprintf(w, "| %s |\n|---%s\n", strings.Join(header, " | "), strings.Repeat("|---:", len(header)-1)+"|")
	for _, m := range t.measures {
		fmt.Fprintf(w, "| %s |\n", strings.Join(t.row(m), " | "))
	}
}

func (t table[R]) row(m measureOf[R]) []string {
	cells := []string{m.name}
	for _, name := range t.columns {
		cells = append(cells, m.cell(t.results[name], t.objects))
	}
	for _, q := range t.ratios {
		cells = append(cells, ratio(t.median(m, q.of), t.median(m, q.to)))
	}
	for _, q := range t.differences {
		cells = append(cells, m.format(t.median(m, q.of)-t.median(m, q.to)))
	}
	return cells
}

func (t table[R]) median(m measureOf[R], column string) float64 {
	return m.median(t.results[column], t.objects)
}

// writeBudgets writes the table of what was promised, if anything was.
func writeBudgets(w io.Writer, rows string) {
	if rows != "" {
		fmt.Fprintf(w, "\n| crdwatch's | | at most | measured | |\n|---|---|---|---|---|\n%s", rows)
	}
}
