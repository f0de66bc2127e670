package live

import "time"

// pace bounds the share of the time that changes take. The more of them wait for each
// other, the less each costs: the objects of a resource are looked at in one turn. So there
// is nothing to be gained from looking at each at once where thousands change in a second,
// and the watch needs the time.
type pace struct {
	// owed is the rest that is not taken yet, and since the end of the last change.
	owed  time.Duration
	since time.Time
	rest  time.Time
}

// shortest is a rest that is worth it. Who changes little never gets to it.
const shortest = 5 * time.Millisecond

// may tells whether it is time for a change.
func (p *pace) may(now time.Time) bool { return !now.Before(p.rest) }

// took notes how long a change took. Time without any is rest.
func (p *pace) took(began, ended time.Time, share float64) {
	p.owed = max(0, p.owed-began.Sub(p.since))
	p.owed += time.Duration(float64(ended.Sub(began)) * (1/share - 1))
	p.since = ended
	if p.owed >= shortest {
		p.rest, p.since, p.owed = ended.Add(p.owed), ended.Add(p.owed), 0
	}
}
