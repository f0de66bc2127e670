package audit

// atChoices looks at a value with the schemas of allOf, anyOf, oneOf and not.
func (g *glance) atChoices(value any) opinion {
	is := valid
	for _, a := range g.allOf {
		is = both(is, a.at(value))
	}
	if len(g.anyOf) > 0 {
		n := tally(g.anyOf, value)
		switch {
		case n[valid] > 0:
		case n[unsure] > 0:
			is = both(is, unsure)
		default:
			return invalid
		}
	}
	if len(g.oneOf) > 0 {
		n := tally(g.oneOf, value)
		switch {
		case n[unsure] > 0:
			is = both(is, unsure)
		case n[valid] != 1:
			return invalid
		}
	}
	if g.not != nil {
		is = both(is, [...]opinion{unsure: unsure, valid: invalid, invalid: valid}[g.not.at(value)])
	}
	return is
}

func tally(schemas []*glance, value any) (n [3]int) {
	for _, s := range schemas {
		n[s.at(value)]++
	}
	return n
}
