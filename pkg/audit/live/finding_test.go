package live

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// full has something else in every field.
func full(t *testing.T) audit.Finding {
	t.Helper()
	var f audit.Finding
	fill(t, reflect.ValueOf(&f).Elem(), "it")
	f.Fingerprint = audit.Fingerprint(f.Rule, f.Subject, f.Path)
	return f
}

func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 22, 12, len(name), 0, 123456789, time.FixedZone("", 3600))))
		return
	case []string:
		v.Set(reflect.ValueOf([]string{"web/" + name}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.String:
		v.SetString("the " + name)
	case reflect.Int:
		v.SetInt(int64(len(name)))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("%s is a %s: this test does not know what to put there", name, v.Type())
	}
}

// TestAKeptFindingIsWhole: what is kept of a finding is all of it.
func TestAKeptFindingIsWhole(t *testing.T) {
	for name, change := range map[string]func(*audit.Finding){
		"everything":      func(*audit.Finding) {},
		"alike":           func(f *audit.Finding) { f.Summary = f.Message },
		"for any object":  func(f *audit.Finding) { f.General = "" },
		"no summary":      func(f *audit.Finding) { f.Summary, f.General = "", "" },
		"always":          func(f *audit.Finding) { f.Since, f.Due, f.Until = time.Time{}, time.Time{}, time.Time{} },
		"since a time":    func(f *audit.Finding) { f.Due, f.Until = time.Time{}, time.Time{} },
		"of one":          func(f *audit.Finding) { f.Count, f.Samples = 1, []string{} },
		"of none":         func(f *audit.Finding) { f.Count, f.Samples = 0, []string{} },
		"of one in a few": func(f *audit.Finding) { f.Count = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := full(t)
			change(&f)
			other := f.Subject
			for _, subject := range []*audit.Subject{nil, {Name: "another"}, &other} {
				kept, err := newFinding(&f, subject)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(f, kept.whole()); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
				if shared := kept.subject == subject; shared != (subject == &other) {
					t.Errorf("the subject is shared: %t", shared)
				}
			}
		})
	}
}

// TestSameFindings: findings are the same if nothing of them differs.
func TestSameFindings(t *testing.T) {
	one, fields := full(t), reflect.TypeFor[audit.Finding]()
	kept, err := newFinding(&one, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := newFinding(&one, nil); err != nil || !kept.same(again) || kept.alike != again.alike {
		t.Errorf("a finding is not the same as itself (%v)", err)
	}
	for i := range fields.NumField() {
		other := one
		v := reflect.ValueOf(&other).Elem().Field(i)
		v.SetZero()
		if fields.Field(i).Name == "Fingerprint" {
			other.Fingerprint = audit.Fingerprint("", audit.Subject{}, "")
		}
		kept2, err := newFinding(&other, nil)
		if err != nil {
			t.Fatal(err)
		}
		if kept.same(kept2) || kept2.same(kept) {
			t.Errorf("the same with another %s", fields.Field(i).Name)
		}
	}
	for name, text := range map[string]string{"none": "", "short": one.Fingerprint[2:], "long": one.Fingerprint + "00", "others": fmt.Sprintf("%064s", "x")} {
		one.Fingerprint = text
		if _, err := newFinding(&one, nil); err == nil {
			t.Errorf("%s: a fingerprint %q is taken", name, text)
		}
	}
}
