package audit

// distinct reports whether the items of a list surely differ: scalars, or objects by
// the values of some keys.
func distinct(list []any, keys []string) bool {
	if len(list) == 0 {
		return true
	}
	const few = 8 // below that, comparing all pairs is faster
	if len(keys) < 2 && len(list) > few {
		return distinctByHash(list, keys)
	}
	for i, a := range list {
		if !scalars(a, keys) {
			return false
		}
		for _, b := range list[:i] {
			if same(a, b, keys) {
				return false
			}
		}
	}
	return true
}

func distinctByHash(list []any, keys []string) bool {
	seen := make(map[any]bool, len(list))
	for _, v := range list {
		if !scalars(v, keys) {
			return false
		}
		if len(keys) > 0 {
			v = v.(map[string]any)[keys[0]]
		}
		if seen[v] {
			return false
		}
		seen[v] = true
	}
	return true
}

// scalars reports whether an item, or the values of its keys, are scalars.
func scalars(v any, keys []string) bool {
	if len(keys) == 0 {
		return isScalar(v)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range keys {
		if !isScalar(m[key]) {
			return false
		}
	}
	return true
}

// isScalar leaves out floating point numbers: the API server takes 1.0 for 1 among the
// values of several keys, and not elsewhere.
func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any, float64:
		return false
	}
	return true
}

// same compares two items of scalars.
func same(a, b any, keys []string) bool {
	if len(keys) == 0 {
		return a == b
	}
	x, y := a.(map[string]any), b.(map[string]any)
	for _, key := range keys {
		if x[key] != y[key] {
			return false
		}
	}
	return true
}
