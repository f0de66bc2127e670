package report

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/crdwatch/crdwatch/pkg/store"
)

// StoreCheck is what was found in a data directory. Its JSON form is a public contract.
type StoreCheck struct {
	Directory string `json:"directory"`
	Sound     bool   `json:"sound"`
	// Complete: everything was read. A history that cannot be opened is not.
	Complete bool `json:"complete"`
	// What was read.
	Events    int64 `json:"events"`
	Objects   int64 `json:"objects"`
	Resources int64 `json:"resources"`
	// Faults are in words; OmittedFaults counts those that were found and are not
	// listed.
	Faults        []string `json:"faults"`
	OmittedFaults int      `json:"omittedFaults"`

	StoreEvidence
}

// StoreEvidence is what earlier damage left. It makes the history that is in use no
// less sound.
type StoreEvidence struct {
	SetAside    []SetAside `json:"setAside"`
	NotedDamage string     `json:"notedDamage"`
}

// SetAside is a damaged history that was set aside.
type SetAside struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// NewStoreCheck makes it of a report. failure is why the check could not be finished
// if damage was the reason, and then one of the faults.
func NewStoreCheck(dir string, rep store.Report, failure error, e store.Evidence) StoreCheck {
	c := StoreCheck{
		Directory: dir, Complete: failure == nil,
		Events: rep.Events, Objects: rep.Objects, Resources: rep.Resources,
		Faults: list(rep.Faults), OmittedFaults: rep.Omitted, StoreEvidence: newStoreEvidence(e),
	}
	if failure != nil {
		c.Faults = append(c.Faults, failure.Error())
	}
	c.Sound = len(c.Faults) == 0
	return c
}

func newStoreEvidence(e store.Evidence) StoreEvidence {
	out := StoreEvidence{SetAside: []SetAside{}, NotedDamage: e.Noted}
	for _, p := range e.Aside {
		out.SetAside = append(out.SetAside, SetAside{Path: p.Name, Bytes: p.Bytes})
	}
	return out
}

// StoreCheckFormats lists the formats of PrintStoreCheck, the default first.
func StoreCheckFormats() []string { return []string{Text, JSON} }

// PrintStoreCheck renders the check in one of StoreCheckFormats, in one call of w.Write.
func PrintStoreCheck(w io.Writer, format string, c StoreCheck, palette Palette) error {
	switch format {
	case Text:
		return writeOnce(w, storeCheckText(c, palette), nil)
	case JSON:
		out, err := marshalIndent(c)
		return writeOnce(w, out, err)
	}
	return unknownFormat(format, StoreCheckFormats())
}

func writeOnce(w io.Writer, out []byte, err error) error {
	if err == nil {
		_, err = w.Write(out)
	}
	return err
}

func storeCheckText(c StoreCheck, palette Palette) []byte {
	var b bytes.Buffer
	if c.Sound {
		fmt.Fprintf(&b, "The history in %s is sound.\n", plain(c.Directory))
	} else {
		verdict := fmt.Sprintf("The history in %s is damaged: %s.", plain(c.Directory), count(int64(len(c.Faults)+c.OmittedFaults), "fault"))
		fmt.Fprintln(&b, paint(palette.Bad, verdict))
	}
	for _, f := range c.Faults {
		fmt.Fprintf(&b, "  - %s\n", plain(f))
	}
	if c.OmittedFaults > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", c.OmittedFaults)
	}
	end := "."
	if !c.Complete {
		end = ", then the check could not go on."
	}
	fmt.Fprintf(&b, "Checked %s, the latest state of %s, and %s%s\n",
		count(c.Events, "event"), count(c.Objects, "object"), count(c.Resources, "checkpoint"), end)
	if !c.Sound && c.Complete {
		b.WriteString("Everything else can be read.\n")
	}
	if !c.Sound {
		fmt.Fprintf(&b, "To begin anew, stop the server and move %s away.\n", plain(filepath.Join(c.Directory, "history")))
	}
	c.write(&b)
	return b.Bytes()
}

// write adds what damage left, if any.
func (e StoreEvidence) write(b *bytes.Buffer) {
	for _, a := range e.SetAside {
		fmt.Fprintf(b, "A damaged history was set aside in %s (%s): look at it, then move it away.\n",
			plain(a.Path), binarySize(a.Bytes))
	}
	if e.NotedDamage != "" {
		fmt.Fprintf(b, "Damage was seen in use: %s. The next start of a server reads everything, and sets the history aside if it is broken.\n",
			plain(e.NotedDamage))
	}
}

// count is a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// binarySize writes bytes in the units of resource quantities, with three digits.
func binarySize(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/(1<<10), 0
	for v >= 999.5 && unit < 3 {
		v, unit = v/(1<<10), unit+1
	}
	digits := 0
	switch {
	case v < 9.995:
		digits = 2
	case v < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%.*f %ciB", digits, v, "KMGT"[unit])
}
