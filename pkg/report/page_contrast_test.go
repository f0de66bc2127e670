package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// leastContrast is what WCAG 2.2 asks for of text (success criterion 1.4.3), and of what
// shows where a control ends (1.4.11).
const (
	leastContrast     = 4.5
	leastLineContrast = 3
)

// colors are the custom properties of a part of the style.
func colors(t *testing.T, style string) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for _, m := range regexp.MustCompile(`--(\w+): #(\w{6});`).FindAllStringSubmatch(style, -1) {
		rgb, err := strconv.ParseUint(m[2], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		found[m[1]] = luminance(rgb)
	}
	return found
}

// luminance is the relative one of WCAG 2.2.
func luminance(rgb uint64) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb>>(16-8*i)&0xff) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
			continue
		}
		sum += weight * math.Pow((c+0.055)/1.055, 2.4)
	}
	return sum
}

func contrast(a, b float64) float64 {
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

// TestPageCanBeRead: every colour of text on every ground, in light and in dark. No
// colour is set but by these names.
func TestPageCanBeRead(t *testing.T) {
	light, dark, ok := strings.Cut(pageStyle, "@media (prefers-color-scheme: dark)")
	if !ok || strings.Count(pageStyle, "#") != 2*len(colors(t, light)) {
		t.Fatal("there is no dark scheme, or a colour that has no name, or is not in both")
	}
	if black, white := luminance(0), luminance(0xffffff); math.Abs(contrast(black, white)-21) > 1e-9 {
		t.Fatalf("black on white has %f", contrast(black, white))
	}
	for scheme, style := range map[string]string{"light": light, "dark": dark} {
		all := colors(t, style)
		if len(all) < 10 {
			t.Fatalf("%s has %d colours", scheme, len(all))
		}
		for name, color := range all {
			least := leastContrast
			switch name {
			case "ground", "raised":
				continue
			case "line":
				least = leastLineContrast
			}
			for _, ground := range []string{"ground", "raised"} {
				if got := contrast(color, all[ground]); got < least {
					t.Errorf("%s: %s on %s has %.2f, want %.1f", scheme, name, ground, got, least)
				}
			}
		}
	}
}
