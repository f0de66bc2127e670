package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"
)

// parseAmount reads an amount that is not negative.
func parseAmount[T Amount](text string) (amount T, err error) {
	switch amount := any(&amount).(type) {
	case *time.Duration:
		*amount, err = parseDuration(text)
	case *Bytes:
		*amount, err = parseBytes(text)
	case *Percent:
		var n int
		number, ok := strings.CutSuffix(text, "%")
		n, err = parseCount(strings.TrimSpace(number))
		if !ok || err != nil {
			err = fmt.Errorf("%q is no share such as 50%%", text)
		}
		*amount = Percent(n)
	case *int:
		*amount, err = parseCount(text)
	case *float64:
		*amount, err = strconv.ParseFloat(text, 64)
		if err != nil || !(*amount >= 0) { // NaN too is not
			err = fmt.Errorf("%q is no number such as 0.5", text)
		}
	}
	return amount, err
}

// parseDuration takes the durations of Prometheus, which knows days, and those of Go,
// which knows parts of an hour.
func parseDuration(text string) (time.Duration, error) {
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 90s, 15m, 12h or 7d", text)
	}
	return d, nil
}

// parseBytes refuses a part of a byte: in 512m, m is a thousandth.
func parseBytes(text string) (Bytes, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() < 0 || q.CmpInt64(q.Value()) != 0 {
		return 0, fmt.Errorf("%q is no size such as 200Ki or 1Mi", text)
	}
	return Bytes(q.Value()), nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no whole number such as 10", text)
	}
	return n, nil
}

// formatAmount writes an amount so that parseAmount reads the same.
func formatAmount[T Amount](amount T) string {
	switch amount := any(amount).(type) {
	case time.Duration:
		return formatDuration(amount)
	case Bytes:
		return resource.NewQuantity(int64(amount), resource.BinarySI).String()
	case Percent:
		return strconv.Itoa(int(amount)) + "%"
	case float64:
		return strconv.FormatFloat(amount, 'g', -1, 64)
	}
	return fmt.Sprint(amount)
}

// formatDuration counts in days, not in weeks and years as Prometheus does.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	days, rest := d/day, model.Duration(d%day).String()
	switch {
	case days == 0:
		return rest
	case d%day == 0:
		return fmt.Sprintf("%dd", days)
	}
	return fmt.Sprintf("%dd%s", days, rest)
}
