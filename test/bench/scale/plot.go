package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/crdwatch/crdwatch/test/bench/internal/opponent"
)

// figure is one figure of a result.
type figure struct {
	name, file string
	value      func(opponent.Result) float64
	format     func(float64) string
}

func figures() []figure {
	return []figure{
		{"time to sync, s", "time", func(r opponent.Result) float64 { return r.Sync.Seconds() }, decimal(1)},
		{"CPU until synced, s", "cpu", func(r opponent.Result) float64 { return r.CPU.Seconds() }, decimal(1)},
		{"peak RSS until synced, MiB", "peak", func(r opponent.Result) float64 { return float64(r.Synced.Peak) / (1 << 20) }, decimal(0)},
		{"heap after a collection, MiB", "heap", func(r opponent.Result) float64 { return float64(r.Collected.Heap) / (1 << 20) }, decimal(1)},
		{"heap allocated until synced, MiB", "allocated", func(r opponent.Result) float64 { return float64(r.Synced.Allocated-r.Idle.Allocated) / (1 << 20) }, decimal(0)},
		{"CPU of the stand-in meanwhile, s", "", func(r opponent.Result) float64 { return r.ServerCPU.Seconds() }, decimal(1)},
		{"goroutines", "", func(r opponent.Result) float64 { return float64(r.Goroutines) }, decimal(0)},
		{"TCP connections dialled", "", func(r opponent.Result) float64 { return float64(r.Dialled) }, decimal(0)},
	}
}

func decimal(places int) func(float64) string {
	return func(v float64) string { return strconv.FormatFloat(v, 'f', places, 64) }
}

// median of a figure of a program at a size; false where the program did not run.
func (c *curve) median(f figure, program string, size int) (float64, bool) {
	var values []float64
	for _, r := range c.results[program][size] {
		values = append(values, f.value(r))
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	return values[len(values)/2], true
}

// write writes one table for each figure, as Markdown.
func (c *curve) write(w io.Writer, o options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### By the number of %s\n\n", c.name)
	for _, f := range figures() {
		fmt.Fprintf(&b, "| %s | %s |\n|---%s\n", f.name, strings.Join(o.only, " | "), strings.Repeat("|---:", len(o.only))+"|")
		for _, size := range c.sizes {
			fmt.Fprintf(&b, "| %d %s |", size, c.name)
			for _, program := range o.only {
				v, ok := c.median(f, program, size)
				cell := "–"
				if ok {
					cell = f.format(v)
				}
				fmt.Fprintf(&b, " %s |", cell)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	for _, program := range o.only {
		for _, size := range c.sizes {
			if why := c.refused[program][size]; why != "" {
				fmt.Fprintf(&b, "%s at %d %s: %s.\n", program, size, c.name, why)
			}
		}
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// plot writes one SVG for each figure that has a name for its file.
func (c *curve) plot(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range figures() {
		if f.file == "" {
			continue
		}
		if err := c.draw(f, filepath.Join(dir, fmt.Sprintf("%s-%s.svg", strings.ToLower(c.name), f.file))); err != nil {
			return fmt.Errorf("plotting %s: %w", f.name, err)
		}
	}
	return nil
}

// draw draws a figure over the sizes. Both axes are logarithmic: what grows in proportion
// rises as fast as the sizes do.
func (c *curve) draw(f figure, path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "", c.name, f.name
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plainTicks(), plainTicks()
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, program := range slices.Sorted(maps.Keys(c.results)) {
		var points plotter.XYs
		for _, size := range c.sizes {
			if v, ok := c.median(f, program, size); ok && v > 0 {
				points = append(points, plotter.XY{X: float64(size), Y: v})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, marks.Color, marks.Shape = plotutil.Color(i), plotutil.Color(i), draw.CircleGlyph{}
		line.Width = vg.Points(1.5)
		p.Add(line, marks)
		p.Legend.Add(program, line, marks)
	}
	p.X.Max *= 1.5 // room for half of the last label
	return p.Save(14*vg.Centimeter, 10*vg.Centimeter, path)
}

// plainTicks labels powers of ten without exponents.
func plainTicks() plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		ticks := plot.LogTicks{Prec: -1}.Ticks(low, high)
		for i := range ticks {
			if ticks[i].Label != "" {
				ticks[i].Label = strconv.FormatFloat(ticks[i].Value, 'f', -1, 64)
			}
		}
		return ticks
	})
}
