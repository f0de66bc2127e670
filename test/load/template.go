package load

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// hole is a place in a template that is filled for each object.
type hole int

const (
	noHole hole = iota
	nameHole
	namespaceHole
	uidHole
	versionHole    // metadata.resourceVersion
	generationHole // a number
	specHole       // how often the spec was changed
	momentHole     // when the object was last changed, in microseconds since the epoch
	timeHole       // the same in seconds, as RFC 3339 writes it
	groupHole
	kindHole
	pluralHole
	singularHole
)

// markers stand for the holes in the JSON that a template is cut from. That of a number is a
// number, and that of a time a time, since that is what they are decoded as.
var markers = map[hole]string{
	nameHole: "⟦name⟧", namespaceHole: "⟦namespace⟧", uidHole: uidMarker, versionHole: "⟦version⟧",
	specHole: "⟦spec⟧", momentHole: "⟦moment⟧", timeHole: "2031-11-13T17:19:23Z",
	groupHole: "⟦group⟧", kindHole: "⟦kind⟧", pluralHole: "⟦plural⟧", singularHole: "⟦singular⟧",
	generationHole: strconv.Itoa(generationMarker),
}

// generationMarker is a number that no made-up object has.
// uidMarker is the same for who needs a constant.
const uidMarker = "⟦uid⟧"

const generationMarker = 7310042197004213

// segment is some text, and the hole after it.
type segment struct {
	text []byte
	hole hole
}

// template is the JSON of an object, with holes.
type template []segment

// cut finds the markers in a text.
func cut(text []byte) template {
	var t template
	for {
		at, found := len(text), noHole
		for h, marker := range markers {
			if i := bytes.Index(text, []byte(marker)); i >= 0 && i < at {
				at, found = i, h
			}
		}
		t = append(t, segment{slices.Clip(bytes.Clone(text[:at])), found})
		if found == noHole {
			return t
		}
		text = text[at+len(markers[found]):]
	}
}

// names are what the holes are filled with that are the same for all objects of a table.
type names struct {
	group, version, kind, plural, singular string
}

// subject is an object: which one, and how it is now.
type subject struct {
	names
	table  uint64 // the number of the table, for what must differ between tables
	number int
	slot
}

// append fills the holes.
func (t template) append(b []byte, o *subject) []byte {
	for _, s := range t {
		b = o.fill(append(b, s.text...), s.hole)
	}
	return b
}

func (o *subject) fill(b []byte, h hole) []byte {
	switch h {
	case nameHole:
		return o.appendName(b)
	case namespaceHole:
		return append(b, o.namespace()...)
	case uidHole:
		return o.appendUID(b)
	case versionHole:
		return strconv.AppendUint(b, o.revision, 10)
	case generationHole:
		return strconv.AppendUint(b, uint64(o.specs)+1, 10)
	case specHole:
		return strconv.AppendUint(b, uint64(o.specs), 10)
	case momentHole:
		return strconv.AppendInt(b, o.moment, 10)
	case timeHole:
		return time.UnixMicro(o.moment).UTC().AppendFormat(b, time.RFC3339)
	case groupHole:
		return append(b, o.group...)
	case kindHole:
		return append(b, o.kind...)
	case pluralHole:
		return append(b, o.plural...)
	case singularHole:
		return append(b, o.singular...)
	}
	return b
}

const (
	// namespaces is how many the objects are spread over.
	namespaces = 50
	// A name ends with so many characters that tell objects of a table apart, and so many
	// that nobody could guess.
	orderDigits, randomDigits = 4, 6
	// alphabet is in the order of its bytes.
	alphabet = "234567abcdefghijklmnopqrstuvwxyz"
)

// namespace of the object, whatever its type.
func (o *subject) namespace() string {
	n := o.number % namespaces
	return "team-" + string([]byte{byte('0' + n/10), byte('0' + n%10)})
}

func (o *subject) appendName(b []byte) []byte {
	b = append(append(b, o.singular[:min(len(o.singular), 12)]...), '-')
	// Names are in the order of the numbers.
	for shift := 5 * (orderDigits - 1); shift >= 0; shift -= 5 {
		b = append(b, alphabet[o.number>>shift&31])
	}
	digits := mix(o.table, uint64(o.number), 0)
	for range randomDigits {
		b = append(b, alphabet[digits&31])
		digits >>= 5
	}
	return b
}

// appendUID writes a UUID of version 4, another one for each life of the object.
func (o *subject) appendUID(b []byte) []byte {
	high, low := mix(o.table, uint64(o.number), 2*uint64(o.lives)+1), mix(o.table, uint64(o.number), 2*uint64(o.lives)+2)
	return fmt.Appendf(b, "%08x-%04x-4%03x-8%03x-%012x", high>>32, high>>16&0xffff, high&0xfff, low>>48&0xfff, low&0xffffffffffff)
}

// mix makes one number of three that says nothing of them: SplitMix64
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
func mix(a, b, c uint64) uint64 {
	var z uint64
	for _, n := range [...]uint64{a, b, c} {
		z += n + 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}
