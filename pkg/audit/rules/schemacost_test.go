package rules

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// BenchmarkSchema tells what the rules that read whole schemas cost for one CRD: a
// typical one of 15 KB and a large one of 300 KB, without validation rules and with as
// many as Gateway API's HTTPRoute has (about 70).
func BenchmarkSchema(b *testing.B) {
	for _, size := range []struct {
		name         string
		bytes, rules int
	}{
		{"typical", 15_000, 0}, {"typical-cel", 15_000, 4}, {"large", 300_000, 0}, {"large-cel", 300_000, 70},
	} {
		text := largeCRD(size.bytes, size.rules, "")
		for _, r := range []audit.Rule{breakingRevision(), noStatusSubresource(), recreateRejected(), preserveUnknown(), costlyCEL(), hygiene()} {
			b.Run(size.name+"/"+r.ID, func(b *testing.B) {
				earlier := parseText(b, largeCRD(size.bytes, size.rules, "of old"))
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer() // what is derived of a CRD is derived once
					in := &audit.Input{CRD: parseText(b, text), Earlier: earlier, Census: audit.NewCensus()}
					b.StartTimer()
					if _, err := r.Check(in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestLargeCRDIsClean: what the benchmark measures is a CRD that the API server takes;
// and the libraries, which share its schemas, leave it as it is.
func TestLargeCRDIsClean(t *testing.T) {
	text := largeCRD(60_000, 10, "")
	crd, earlier := parseText(t, text), parseText(t, text)
	for _, r := range []audit.Rule{breakingRevision(), noStatusSubresource(), recreateRejected(), preserveUnknown(), costlyCEL(), hygiene()} {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			findings, err := r.Check(&audit.Input{CRD: crd, Earlier: earlier})
			if err != nil || len(findings) > 0 {
				t.Errorf("%v %v", findings, err)
			}
			if d := gocmp.Diff(parseText(t, text).CustomResourceDefinition, crd.CustomResourceDefinition); d != "" {
				t.Errorf("the CRD was changed, -want +got:\n%s", d)
			}
		})
	}
}

// TestDerivedOnce: a CRD is judged whenever its objects change, and must not be
// compiled each time; what is shared must not be changed by who gets it.
func TestDerivedOnce(t *testing.T) {
	costly := strings.NewReplacer(`"maxItems":16,`, "", "self.ports.exists(p, p.port > 1024)", "self.ports.all(p, self.ports.exists_one(q, q == p))")
	crd := parseText(t, costly.Replace(largeCRD(5_000, 1, "")))
	for key, r := range map[string]audit.Rule{"CRD017": recreateRejected(), "CRD020 {50 10}": costlyCEL()} {
		e := audit.Evaluator{Rules: []audit.Rule{r}}
		first, second := e.Evaluate(audit.AboutCRD, &audit.Input{CRD: crd}), e.Evaluate(audit.AboutCRD, &audit.Input{CRD: crd})
		if len(first.Findings) == 0 || len(first.Findings) != len(second.Findings) || first.Findings[0].Message != second.Findings[0].Message {
			t.Errorf("%s: first %v, then %v", r.ID, first.Findings, second.Findings)
		}
		derived := crd.Derive(key, func() any { t.Errorf("%s: derived twice", r.ID); return nil })
		if derived == nil {
			t.Errorf("%s: nothing is kept", r.ID)
		}
	}
}

// largeCRD makes a CRD of about so many bytes, with so many validation rules. The
// description is how a revision differs from another.
func largeCRD(bytes, rules int, description string) string {
	const group = `"%s":{"type":"object","description":"Group of settings %s, as long as such words are.","properties":{
"name":{"type":"string","description":"Its name, which is unique among all of them.","maxLength":63},
"size":{"type":"integer","format":"int32","description":"How large it is.","minimum":0,"default":1},
"mode":{"type":"string","description":"What is done.","enum":["Always","Never","Sometimes"]},
"ports":{"type":"array","maxItems":16,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port"],"items":{"type":"object","required":["port"],"properties":{
"port":{"type":"integer","description":"A port."},"target":{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true}}}},
"labels":{"type":"object","maxProperties":16,"additionalProperties":{"type":"string","maxLength":63}}}%s}`
	const rule = `,"x-kubernetes-validations":[{"rule":"!has(self.name) || self.name.startsWith('a') || self.mode == 'Never' || self.ports.exists(p, p.port > 1024)","message":"it does not fit"}]`
	var groups []string
	for length := 0; length < bytes; length += len(groups[len(groups)-1]) {
		validation := ""
		if len(groups) < rules {
			validation = rule
		}
		groups = append(groups, fmt.Sprintf(group, fmt.Sprintf("group%d", len(groups)), description, validation))
	}
	return `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"heavies.example.com"},
"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"heavies","singular":"heavy","kind":"Heavy","listKind":"HeavyList"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{
"apiVersion":{"type":"string"},"kind":{"type":"string"},"metadata":{"type":"object"},"spec":{"type":"object","properties":{` + strings.Join(groups, ",") + `}}}}}}]}}`
}

func parseText(t testing.TB, text string) *audit.CRD {
	t.Helper()
	var content map[string]any
	if err := utiljson.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	crd, err := audit.ParseCRD(content)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}
