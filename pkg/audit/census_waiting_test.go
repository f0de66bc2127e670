package audit

import (
	"testing"
	"time"
)

// at returns a time of which only the day and the hour are given, in November.
func at(day, hour int) time.Time {
	return time.Date(2026, time.November, day, hour, 0, 0, 0, time.UTC)
}

func waiting(metadata, status map[string]any) *Object {
	content := map[string]any{"metadata": metadata}
	if status != nil {
		content["status"] = status
	}
	return NewObject(content, 100)
}

func TestWaitingSince(t *testing.T) {
	created := "2026-11-01T10:00:00Z"
	entry := func(subresource, time, field string) any {
		return map[string]any{"manager": "m", "operation": "Update", "subresource": subresource, "time": time,
			"fieldsType": "FieldsV1", "fieldsV1": map[string]any{field: map[string]any{}}}
	}
	written := []any{
		entry("", "2026-11-02T10:00:00Z", "f:spec"), entry("", "2026-11-03T10:00:00Z", "f:metadata"),
		entry("status", "2026-11-04T10:00:00Z", "f:status"),
	}
	metadata := func(generation int64, more ...string) map[string]any {
		m := map[string]any{"name": "a", "creationTimestamp": created, "generation": generation, "managedFields": written}
		if len(more) > 0 {
			m["deletionTimestamp"] = more[0]
		}
		return m
	}
	for name, c := range map[string]struct {
		object *Object
		want   time.Time
	}{
		"without status, since it was created":       {waiting(metadata(1), nil), at(1, 10)},
		"an empty status is none":                    {waiting(metadata(1), map[string]any{}), at(1, 10)},
		"behind, since the spec was written":         {waiting(metadata(3), map[string]any{"observedGeneration": int64(2)}), at(2, 10)},
		"up to date":                                 {waiting(metadata(3), map[string]any{"observedGeneration": int64(3)}), time.Time{}},
		"a status that tells of no generation":       {waiting(metadata(3), map[string]any{"phase": "Ready"}), time.Time{}},
		"a deletion makes a generation, and no spec": {waiting(metadata(3, created), map[string]any{"observedGeneration": int64(2)}), time.Time{}},
		"what is deleted waits for something else":   {waiting(metadata(1, created), nil), time.Time{}},
		"a controller that writes a generation of 0": {waiting(metadata(3), map[string]any{"observedGeneration": int64(0)}), time.Time{}},
	} {
		if got := waitingSince(c.object); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestCensusForgetsWhatGoes: waiting and blocking objects that are taken out leave
// nothing behind.
func TestCensusForgetsWhatGoes(t *testing.T) {
	c := NewCensus()
	early := waiting(map[string]any{"name": "a", "namespace": "n", "creationTimestamp": "2026-11-01T10:30:00Z"}, nil)
	deleted := waiting(map[string]any{"name": "b", "namespace": "n", "creationTimestamp": "2026-11-01T10:30:00Z",
		"deletionTimestamp": "2026-11-02T10:00:00Z", "finalizers": []any{"example.com/keep"}}, nil)
	c.Add(early)
	c.Add(deleted)
	if got := c.Waiting[at(1, 10)]; got == nil || got.Objects != 1 || got.Sample != "n/a" {
		t.Errorf("waiting: %+v", c.Waiting)
	}
	if got := c.Blocking[Blocker{"n", "example.com/keep"}]; got == nil || got.Objects != 1 || got.Sample != "n/b" {
		t.Errorf("blocking: %+v", c.Blocking)
	}
	c.Remove(early)
	c.Remove(deleted)
	if len(c.Waiting) != 0 || len(c.Blocking) != 0 {
		t.Errorf("left: %+v, %+v", c.Waiting, c.Blocking)
	}
}
