package audit

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// AnnotationPrefix is what the annotations begin with by which an object exempts
// itself: the ID of a rule follows, and the value is "reason; until=2027-03-01". The
// reason is mandatory, until is not.
const AnnotationPrefix = "ignore.crdwatch.io/"

// annotationForm is how messages show what a value should look like.
const annotationForm = `"reason; until=2027-03-01"`

// claim is what an annotation says.
type claim struct {
	reason string
	// last is the day up to which the claim holds, as it was written; "" is for ever.
	last  string
	until time.Time
}

var (
	untilWord = regexp.MustCompile(`(?i)^until\b`)
	// untilInside is an until that the semicolon before it was forgotten for. Taken for
	// a part of the reason it would make an exemption for ever.
	untilInside = regexp.MustCompile(`(?i)\buntil\s*=`)
	setting     = regexp.MustCompile(`^([A-Za-z]+)\s*=`)
)

// parseClaim reads the value of an annotation. What is not understood is an error, and
// never a part of the reason: an exemption that was meant to end must not last.
func parseClaim(value string) (claim, error) {
	var c claim
	var reason []string
	for _, part := range strings.Split(value, ";") {
		part = strings.TrimSpace(part)
		name := setting.FindStringSubmatch(part)
		switch {
		case part == "":
		case name != nil && strings.EqualFold(name[1], "until"):
			if err := c.setUntil(strings.TrimSpace(part[len(name[0]):])); err != nil {
				return claim{}, err
			}
		case untilInside.MatchString(part), untilWord.MatchString(part) && len(reason) > 0:
			return claim{}, fmt.Errorf("%q is not understood", part)
		case name != nil:
			return claim{}, fmt.Errorf("the setting %q is not known", name[1])
		default:
			reason = append(reason, part)
		}
	}
	if c.reason = strings.Join(reason, "; "); c.reason == "" {
		return claim{}, errors.New("it gives no reason")
	}
	return c, nil
}

func (c *claim) setUntil(day string) error {
	if c.last != "" {
		return errors.New("it has two dates")
	}
	end, err := endOfDay(day)
	if err != nil {
		return err
	}
	c.last, c.until = day, end
	return nil
}

// endOfDay is when a day given as 2006-01-02 is over, in UTC: an exemption holds on
// its last day.
func endOfDay(day string) (time.Time, error) {
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date like 2027-03-01", day)
	}
	return start.AddDate(0, 0, 1), nil
}
