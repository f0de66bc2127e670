package scan

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// crdPage is the number of CRDs that a LIST asks for at once: they are large.
const crdPage = 50

// definition is a CRD as it is kept: compressed, but for what everybody asks.
type definition struct {
	resource discovery.Resource
	peer     audit.Peer
	packed   []byte
}

// newDefinition packs a CRD. The object is only read.
func newDefinition(u *unstructured.Unstructured) (*definition, error) {
	r, err := discovery.Parse(u)
	if err != nil {
		return nil, err
	}
	packed, err := pack(u.Object)
	if err != nil {
		return nil, fmt.Errorf("keeping CRD %s: %w", r.CRD, err)
	}
	return &definition{
		resource: r, packed: packed,
		peer: audit.Peer{
			CRD: r.CRD, Group: r.GVR.Group, Plural: r.GVR.Resource, Singular: r.Singular, Kind: r.Kind,
			ShortNames: r.ShortNames, Objects: -1,
		},
	}, nil
}

// name is plural.group.
func (d *definition) name() string {
	return d.resource.CRD
}

// parse decodes the CRD.
func (d *definition) parse() (*audit.CRD, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(d.packed)))
	if err != nil {
		return nil, fmt.Errorf("unpacking CRD %s: %w", d.name(), err)
	}
	crd, err := audit.DecodeCRD(text)
	if err != nil {
		return nil, fmt.Errorf("unpacking CRD %s: %w", d.name(), err)
	}
	return crd, nil
}

// open decodes the CRD, and makes what redacts objects of a version of it. A schema
// that cannot be used still redacts what it was seen to name, and all that needs none.
func (d *definition) open(version string) (*audit.CRD, *diff.Schema, error) {
	crd, err := d.parse()
	if err != nil {
		return nil, nil, err
	}
	v := crd.Version(version)
	if v == nil {
		return crd, diff.Deduced(), nil
	}
	redaction, err := v.Redaction()
	return crd, redaction, err
}

func pack(content map[string]any) ([]byte, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(packed.Bytes()), nil
}

// readCRDs lists all CRDs.
func (s *scan) readCRDs(ctx context.Context) error {
	crds := discovery.CRDs()
	l := lister{client: s.Clients.Pages().Resource(crds.GVR), most: crdPage}
	var err error
	for {
		var page []unstructured.Unstructured
		if page, err = l.next(ctx); err != nil || page == nil {
			break
		}
		if l.restarted {
			s.crds = nil
		}
		for i := range page {
			s.keep(&page[i])
			page[i] = unstructured.Unstructured{}
		}
	}
	if err != nil {
		return fmt.Errorf("listing %s: %w", crds.CRD, err)
	}
	slices.SortFunc(s.crds, func(a, b *definition) int { return cmp.Compare(a.name(), b.name()) })
	return nil
}

// keep takes a CRD in. One that makes no sense is not evaluated, and hides no other.
func (s *scan) keep(crd *unstructured.Unstructured) {
	d, err := newDefinition(crd)
	if err != nil {
		s.notEvaluated(crd.GetName(), unreadableCRD, err)
		return
	}
	s.crds = append(s.crds, d)
}
