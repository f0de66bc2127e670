package diff

import "reflect"

// equal compares two JSON values. Numbers are compared by value: the same 5 is an
// int64 or a float64 depending on who decoded it.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case int64:
		return equalInt(a, b)
	case float64:
		return equalFloat(a, b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && equalMaps(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func equalInt(a int64, b any) bool {
	switch b := b.(type) {
	case int64:
		return a == b
	case float64:
		return equalNumbers(a, b)
	}
	return false
}

func equalFloat(a float64, b any) bool {
	switch b := b.(type) {
	case float64:
		return a == b
	case int64:
		return equalNumbers(b, a)
	}
	return false
}

// equalNumbers compares both ways, so that a large integer does not equal the
// float that it would be rounded to. 1<<63 does not fit in an int64.
func equalNumbers(i int64, f float64) bool {
	return float64(i) == f && f < 1<<63 && int64(f) == i
}

func equalMaps(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, av := range a {
		if bv, ok := b[k]; !ok || !equal(av, bv) {
			return false
		}
	}
	return true
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
