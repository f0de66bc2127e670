package rules

import (
	"regexp"
	"strings"
)

// item is what a path says of the position in a list.
var item = regexp.MustCompile(`\[[^\]]*\]`)

// isHeartbeat reports whether a path is one whose value changes all the time for good
// reason: a heartbeat, a lease, the time or resourceVersion of something last seen.
func isHeartbeat(path string) bool {
	name := item.ReplaceAllString(path, "")
	name = name[strings.LastIndexAny(name, "./")+1:]
	lower := strings.ToLower(name)
	for _, part := range [...]string{"heartbeat", "resourceversion", "timestamp"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	for _, end := range [...]string{"Time", "At", "Seen", "-time", "-at"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	rest, last := strings.CutPrefix(name, "last")
	return last && rest != "" && (rest[0] == '-' || rest[0] == '_' || rest[0] >= 'A' && rest[0] <= 'Z') ||
		lower == "time" || lower == "uptime" || lower == "age" ||
		strings.HasSuffix(path, "control-plane.alpha.kubernetes.io/leader")
}
