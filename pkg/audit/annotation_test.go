package audit

import (
	"testing"
	"time"
)

func TestClaims(t *testing.T) {
	march := time.Date(2027, 3, 2, 0, 0, 0, 0, time.UTC) // the end of the last day
	tests := map[string]struct {
		value, reason string
		until         time.Time
		wrong         bool
	}{
		"reason and date":                {"known; until=2027-03-01", "known", march, false},
		"reason alone is for ever":       {"known", "known", time.Time{}, false},
		"date first":                     {"until=2027-03-01; known", "known", march, false},
		"blanks do not matter":           {"  known ;until = 2027-03-01 ; ", "known", march, false},
		"case does not matter":           {"known; Until=2027-03-01", "known", march, false},
		"a reason with semicolons":       {"known; see the wiki; until=2027-03-01", "known; see the wiki", march, false},
		"a reason that begins with it":   {"until the vendor fixes it", "until the vendor fixes it", time.Time{}, false},
		"a reason with a sign":           {"since x=y is so", "since x=y is so", time.Time{}, false},
		"nothing":                        {"", "", time.Time{}, true},
		"no reason":                      {"until=2027-03-01", "", time.Time{}, true},
		"blank reason":                   {" ; until=2027-03-01", "", time.Time{}, true},
		"no date":                        {"known; until=", "", time.Time{}, true},
		"no such day":                    {"known; until=2027-02-30", "", time.Time{}, true},
		"another form of date":           {"known; until=01.03.2027", "", time.Time{}, true},
		"two dates":                      {"known; until=2027-03-01; until=2028-03-01", "", time.Time{}, true},
		"the semicolon forgotten":        {"known until=2027-03-01", "", time.Time{}, true},
		"the sign forgotten":             {"known; until 2027-03-01", "", time.Time{}, true},
		"another word":                   {"known; expires=2027-03-01", "", time.Time{}, true},
		"the date that ends two reasons": {"known; but only until=2027-03-01", "", time.Time{}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := parseClaim(tc.value)
			if (err != nil) != tc.wrong {
				t.Fatalf("error %v, want one: %v", err, tc.wrong)
			}
			if c.reason != tc.reason || !c.until.Equal(tc.until) {
				t.Errorf("reason %q until %v, want %q %v", c.reason, c.until, tc.reason, tc.until)
			}
		})
	}
}
