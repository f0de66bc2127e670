package load

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// chunk is how many bytes are made before they are sent.
const chunk = 64 << 10

// list answers with a page of the objects, as they are now. A page of an older revision
// is gone when something has changed since.
func (h handler) list(w http.ResponseWriter, t *table, q query) {
	slots, revision := t.snapshot(&h.world.revisions)
	asked := q.from.Revision
	if q.exact {
		asked = q.revision
	}
	if asked != 0 {
		if newest := t.newestChange(); asked < newest {
			refuse(w, expired(asked, newest))
			return
		}
		revision = asked
	}
	var live []int
	for i := range slots {
		if !slots[i].gone {
			live = append(live, i)
		}
	}
	if q.from.Number > len(live) {
		refuse(w, apierrors.NewBadRequest("continue: there is no such place"))
		return
	}
	page := live[q.from.Number:]
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatUint(revision, 10)}
	if q.limit > 0 && len(page) > q.limit {
		remaining := int64(len(page) - q.limit)
		page = page[:q.limit]
		meta.RemainingItemCount = &remaining
		meta.Continue = position{Revision: revision, Number: q.from.Number + q.limit}.String()
	}
	w.Header().Set("Content-Type", "application/json")
	b := t.listHead(nil, q, meta)
	for i, number := range page {
		if i > 0 {
			b = append(b, ',')
		}
		o := t.subject(number, slots[number])
		if b = t.appendItem(b, q, &o); len(b) < chunk {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return
		}
		b = b[:0]
	}
	_, _ = w.Write(append(t.listTail(b, q, meta), '\n')) // who has gone away needs no answer
}

// newestChange is the revision of the last change.
func (t *table) newestChange() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.newest, t.forgotten)
}

// listHead is a list up to its items, listTail what follows them. The fields are in the
// order of the API server: that of a map for custom resources, where items come before kind,
// and that of the Go type for others.
func (t *table) listHead(b []byte, q query, meta metav1.ListMeta) []byte {
	if !t.custom(q) {
		kind, version := t.listKind(q)
		b = append(b, `{"kind":"`+kind+`","apiVersion":"`+version+`","metadata":`...)
		return append(append(b, encoded(meta)...), `,"items":[`...)
	}
	_, version := t.listKind(q)
	return append(b, `{"apiVersion":"`+version+`","items":[`...)
}

func (t *table) listTail(b []byte, q query, meta metav1.ListMeta) []byte {
	if !t.custom(q) {
		return append(b, "]}"...)
	}
	kind, _ := t.listKind(q)
	fields := map[string]any{"continue": meta.Continue, "resourceVersion": meta.ResourceVersion}
	if meta.RemainingItemCount != nil {
		fields["remainingItemCount"] = *meta.RemainingItemCount
	}
	b = append(b, `],"kind":"`+kind+`","metadata":`...)
	return append(append(b, encoded(fields)...), '}')
}

// appendItem writes an object of a list. Those of a Go type do not say what they are.
func (t *table) appendItem(b []byte, q query, o *subject) []byte {
	if q.partial || t.custom(q) {
		return q.render(t)(b, o)
	}
	start := len(b)
	b = q.render(t)(b, o)
	return slices.Replace(b, start, start+len(crdHead), '{')
}

// custom: the objects are of no Go type.
func (t *table) custom(q query) bool { return t.plural != "" && !q.partial }

func (t *table) listKind(q query) (kind, version string) {
	if q.partial {
		return "PartialObjectMetadataList", "meta.k8s.io/v1"
	}
	return t.kind + "List", t.group + "/" + t.version
}

func encoded(v any) []byte {
	text, _ := json.Marshal(v) // strings and numbers
	return text
}
