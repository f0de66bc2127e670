package store

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The columns of UIDs and resourceVersions have no type, so that the usual form
// takes little space and any other is kept as it is.

// uidValue is 16 bytes for a UUID that reads the same when printed again, nil for no
// UID, and the text for anything else.
func uidValue(uid types.UID) any {
	if uid == "" {
		return nil
	}
	s := string(uid)
	if len(s) == 36 {
		b, err := hex.DecodeString(s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36])
		if err == nil && formatUID(b) == s {
			return b
		}
	}
	return s
}

// uidOf is the inverse of uidValue. It makes something of any column, and leaves it
// to the checksum to tell what was written.
func uidOf(v any) types.UID {
	switch v := v.(type) {
	case []byte:
		if len(v) == 16 {
			return types.UID(formatUID(v))
		}
		return types.UID(fmt.Sprintf("%x", v))
	case string:
		return types.UID(v)
	case nil:
		return ""
	}
	return types.UID(fmt.Sprint(v))
}

func formatUID(b []byte) string {
	h := hex.EncodeToString(b)
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// versionValue is an integer for a decimal that reads the same when printed again.
func versionValue(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return n
	}
	return s
}

func versionOf(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	}
	return fmt.Sprint(v)
}

// timeValue is 0 for the zero time, which is not in 1970.
func timeValue(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
