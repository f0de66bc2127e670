package watch

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// Record is one revision of one object, compact: what the informer and the diff
// ask for all the time as plain values, everything else compressed. It is
// immutable. It satisfies meta.Accessor, which is all that an informer needs of
// the objects it keeps.
type Record struct {
	// data is namespace/name, or name for a cluster-scoped object, and after it the
	// whole object as compressed JSON, after redaction.
	data string
	// codec made the body and is needed to read it.
	codec *codec
	// resourceVersion and uid are zero where the API server's value does not have
	// the usual form (a decimal, a UUID): then the body has it.
	resourceVersion uint64
	generation      int64
	received        int64 // microseconds since the epoch
	uid             [16]byte
	keyLen, nameAt  uint16 // where the key ends in data, and the name begins
	origin          originCode
}

// GetObjectMeta implements metav1.ObjectMetaAccessor. The key stands for the name: the
// informer makes its key of namespace and name, so it is the same one, and shares the
// memory of this.
func (r *Record) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Name: r.key(), UID: r.UID(), ResourceVersion: r.ResourceVersion(), Generation: r.generation}
}

// key is namespace/name, or name for a cluster-scoped object.
func (r *Record) key() string {
	return r.data[:r.keyLen]
}

// Namespace returns the object's namespace, empty for a cluster-scoped one.
func (r *Record) Namespace() string {
	if r.nameAt == 0 {
		return ""
	}
	return r.data[:r.nameAt-1]
}

// Name returns the object's name.
func (r *Record) Name() string {
	return r.data[r.nameAt:r.keyLen]
}

// UID returns the object's UID.
func (r *Record) UID() types.UID {
	if r.uid == [16]byte{} {
		return types.UID(r.metadata("uid"))
	}
	var b [36]byte
	hex.Encode(b[0:8], r.uid[0:4])
	hex.Encode(b[9:13], r.uid[4:6])
	hex.Encode(b[14:18], r.uid[6:8])
	hex.Encode(b[19:23], r.uid[8:10])
	hex.Encode(b[24:36], r.uid[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return types.UID(b[:])
}

// ResourceVersion returns the revision's resourceVersion.
func (r *Record) ResourceVersion() string {
	if r.resourceVersion == 0 {
		return r.metadata("resourceVersion")
	}
	return strconv.FormatUint(r.resourceVersion, 10)
}

// Size is the number of bytes that the Record takes in memory, without what the
// informer's index adds.
func (r *Record) Size() int {
	const fixed = 80
	return fixed + len(r.data)
}

// Object decodes the whole object, as Unstructured content. The caller owns it.
func (r *Record) Object() (map[string]any, error) {
	obj, _, err := r.Content()
	return obj, err
}

// Content is Object, with the size of the object as JSON.
func (r *Record) Content() (obj map[string]any, size int, err error) {
	err = r.read(func(text []byte) error {
		size = len(text)
		if err := json.Unmarshal(text, &obj); err != nil {
			return fmt.Errorf("decoding the record of %s: %w", r.key(), err)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return obj, size, nil
}

// Schema returns the OpenAPI v3 schema of one version of a CRD that the Record is of, as
// JSON, or nothing if the version has none.
func (r *Record) Schema(version string) (schema []byte, err error) {
	err = r.read(func(text []byte) (err error) {
		schema, err = discovery.SchemaOf(text, version)
		return err
	})
	return schema, err
}

// read hands the object's JSON to a function, which must not keep it. Its error is that
// of the function, or says why the object cannot be read.
func (r *Record) read(take func(text []byte) error) error {
	var taken error
	err := r.codec.decode(r.data[r.keyLen:], r.abridged, func(text []byte) { taken = take(text) })
	if err != nil {
		return fmt.Errorf("decompressing the record of %s: %w", r.key(), err)
	}
	return taken
}

// Key is namespace/name, or name for a cluster-scoped object.
func (r *Record) Key() string { return r.key() }

// Generation returns the revision's metadata.generation.
func (r *Record) Generation() int64 { return r.generation }

// Unreadable reports whether only the name is known of what an earlier process kept.
func (r *Record) Unreadable() bool { return r.lost() }

// After reports whether r is a later revision than o, of whatever object of the same
// resource.
func (r *Record) After(o *Record) bool {
	if r.resourceVersion != 0 && o.resourceVersion != 0 {
		return r.resourceVersion > o.resourceVersion
	}
	return later(r.ResourceVersion(), o.ResourceVersion())
}

// metadata is the slow way to a metadata field of unusual form.
func (r *Record) metadata(field string) string {
	obj, err := r.Object()
	if err != nil {
		return ""
	}
	meta, _ := obj["metadata"].(map[string]any)
	value, _ := meta[field].(string)
	return value
}

// Saved returns the Record in a form that can be kept. It shares the codec's memory.
func (r *Record) Saved() SavedObject {
	return SavedObject{
		Namespace: r.Namespace(), Name: r.Name(), UID: r.UID(),
		ResourceVersion: r.ResourceVersion(), Generation: r.generation,
		Dictionary: r.codec.dictionary, Body: []byte(r.data[r.keyLen:]),
	}
}

// remembered reports whether the Record is what an earlier process kept.
func (r *Record) remembered() bool {
	origin := r.origin.origin()
	return origin == originSaved || origin == originLost
}

// listed reports whether the Record came with a list.
func (r *Record) listed() bool {
	return r.remembered() || r.origin.origin() == Reconciled
}

// lost reports whether only the name is left of what an earlier process kept.
func (r *Record) lost() bool { return r.origin.origin() == originLost }

// same reports whether both are the same revision of the same object.
func (r *Record) same(o *Record) bool {
	if r.resourceVersion != 0 && o.resourceVersion != 0 {
		return r.resourceVersion == o.resourceVersion && r.uid == o.uid
	}
	return r.ResourceVersion() == o.ResourceVersion() && r.UID() == o.UID()
}

// newRecord makes the Record of an object, given as JSON. Its metadata is read from u. It
// takes longer, and makes a smaller Record, if it is to last.
func newRecord(c *codec, u map[string]any, text []byte, now time.Time, lasting bool) *Record {
	meta, _ := u["metadata"].(map[string]any)
	r := &Record{codec: c, received: now.UnixMicro()}
	namespace, _ := meta["namespace"].(string)
	key, _ := meta["name"].(string)
	if namespace != "" {
		key = namespace + "/" + key
		r.nameAt = uint16(len(namespace) + 1)
	}
	r.keyLen = uint16(len(key))
	rv, _ := meta["resourceVersion"].(string)
	r.resourceVersion, _ = strconv.ParseUint(rv, 10, 64)
	uid, _ := meta["uid"].(string)
	r.uid = parseUID(uid)
	r.generation, _ = meta["generation"].(int64)
	r.data = key
	r.data = c.encode(key, text, r.abridged, lasting)
	return r
}

// What a Record knows anyway, and what no dictionary can hold because it is different
// in each object, is not compressed with it: a byte stands for it that is no JSON.
const (
	uidByte, versionByte, nameByte = "\x01", "\x02", "\x03"
	// shortName is one that is not worth a search.
	shortName = 4
)

// abridged yields the values and their bytes. No value has another one's byte in it, so
// they can be replaced one after the other, and back in the same order.
func (r *Record) abridged(yield func(value, b string) bool) {
	if r.uid != [16]byte{} && !yield(string(r.UID()), uidByte) {
		return
	}
	if r.resourceVersion != 0 && !yield(`"`+r.ResourceVersion()+`"`, versionByte) {
		return
	}
	if name := r.Name(); len(name) > shortName {
		yield(name, nameByte)
	}
}

// parseUID returns the bytes of a UUID in its usual form, and zero for anything
// that would not read the same when it is printed again.
func parseUID(s string) (uid [16]byte) {
	if len(s) != 36 || strings.ToLower(s) != s {
		return uid
	}
	var digits [32]byte
	n := 0
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') {
			return [16]byte{}
		}
		if !dash {
			digits[n] = s[i]
			n++
		}
	}
	if _, err := hex.Decode(uid[:], digits[:]); err != nil {
		return [16]byte{}
	}
	return uid
}

// ref names the type of an object of r.
func ref(r discovery.Resource) ResourceRef {
	return ResourceRef{Group: r.GVR.Group, Version: r.GVR.Version, Resource: r.GVR.Resource, Kind: r.Kind}
}
