package report

import "sync"

// maxResourceLabels is how many resources have series of their own. A cluster can
// have thousands of CRDs; each would cost a dozen series.
const maxResourceLabels = 500

// other is the value of labels beyond their cap.
const other = "other"

// labelCap lets the first max pairs of group and resource through, for the life of
// the process: a series must not change its name between two scrapes.
type labelCap struct {
	max int

	mu   sync.RWMutex
	seen map[[2]string]bool
}

func newLabelCap(max int) *labelCap {
	return &labelCap{max: max, seen: map[[2]string]bool{}}
}

func (c *labelCap) labels(group, resource string) (string, string) {
	if c.admits([2]string{group, resource}) {
		return group, resource
	}
	return other, other
}

func (c *labelCap) admits(key [2]string) bool {
	c.mu.RLock()
	admitted, full := c.seen[key], len(c.seen) >= c.max
	c.mu.RUnlock()
	if admitted || full {
		return admitted
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) < c.max {
		c.seen[key] = true
	}
	return c.seen[key]
}

// conditionCap is a labelCap for the types of conditions, for each resource and in all.
type conditionCap struct {
	mu         sync.Mutex
	byResource map[[2]string]map[string]bool
	all        int
}

func (c *conditionCap) label(resource [2]string, typ string) string {
	if !conditionType.MatchString(typ) {
		return other
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	types := c.byResource[resource]
	switch {
	case types[typ]:
	case len(types) >= maxConditionTypes || c.all >= maxConditionLabels:
		return other
	case types == nil:
		c.byResource[resource] = map[string]bool{typ: true}
		c.all++
	default:
		types[typ] = true
		c.all++
	}
	return typ
}

// maxToken is longer than any reason or verb.
const maxToken = 40

// token guards the labels whose values are few words chosen by the code: whatever
// does not look like one is an error text or worse, and counted as other.
func token(s string) string {
	if s == "" || len(s) > maxToken {
		return other
	}
	for _, r := range s {
		if !isTokenRune(r) {
			return other
		}
	}
	return s
}

func isTokenRune(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
