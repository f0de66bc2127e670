package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// objectRow is an object as it is stored.
type objectRow struct {
	resource, dictionary int64
	watch.SavedObject
}

func (r *objectRow) sum() int64 {
	return sumObject.int(r.resource, r.dictionary, r.Generation).
		strings(r.Namespace, r.Name, string(r.UID), r.ResourceVersion).bytes(r.Body).value()
}

// Objects returns the latest states of a resource's objects, sorted by namespace and
// name, each as of when it is reached; none of a resource that is not known. An
// error ends the iteration, with one exception: an ErrDamaged with an object that has
// no body stands for one that cannot be read, and whoever goes on gets the next.
func (r *Reader) Objects(ctx context.Context, resource types.UID) iter.Seq2[watch.SavedObject, error] {
	return func(yield func(watch.SavedObject, error) bool) {
		l := listing{reader: r, resource: resource, dictionaries: map[int64][]byte{}}
		for {
			page, err := l.next(ctx)
			if err != nil {
				err = fmt.Errorf("reading the objects in %s: %w", r.path, r.suspect(err))
				yield(watch.SavedObject{}, err)
				return
			}
			for _, f := range page {
				if !yield(f.SavedObject, f.err) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// listing is the state of one iteration.
type listing struct {
	reader          *Reader
	resource        types.UID
	begun           bool
	namespace, name string
	// dictionaries makes all states of the iteration share them.
	dictionaries map[int64][]byte
}

type foundState struct {
	watch.SavedObject
	dictionary int64
	err        error
}

func (l *listing) next(ctx context.Context) ([]foundState, error) {
	var page []foundState
	err := l.reader.snapshot(ctx, func(tx *sql.Tx) error {
		var id int64
		err := tx.QueryRowContext(ctx, "SELECT id FROM resources WHERE uid = ?", resourceKey(l.resource)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if page, err = l.read(ctx, tx, id); err != nil {
			return err
		}
		// In the same transaction: later, the dictionary may be gone.
		return l.addDictionaries(ctx, tx, page)
	})
	l.begun = true
	return page, err
}

func (l *listing) read(ctx context.Context, tx *sql.Tx, id int64) ([]foundState, error) {
	condition, args := "resource = ?", []any{id}
	if l.begun {
		condition, args = condition+" AND (namespace, name) > (?, ?)", append(args, l.namespace, l.name)
	}
	rows, err := tx.QueryContext(ctx, `SELECT namespace, name, uid, version, generation, dictionary, sum, body
FROM objects WHERE `+condition+" ORDER BY namespace, name LIMIT ?", append(args, pageSize)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []foundState
	for rows.Next() {
		r := objectRow{resource: id}
		var uid, version any
		var sum int64
		err := rows.Scan(&r.Namespace, &r.Name, &uid, &version, &r.Generation, &r.dictionary, &sum, &r.Body)
		r.UID, r.ResourceVersion = uidOf(uid), versionOf(version)
		if err == nil && sum != r.sum() {
			err = errSum
		}
		l.namespace, l.name = r.Namespace, r.Name
		page = append(page, l.found(r, err))
	}
	return page, rows.Err()
}

func (l *listing) found(r objectRow, err error) foundState {
	f := foundState{SavedObject: r.SavedObject, dictionary: r.dictionary}
	if err != nil {
		f.spoil(err)
	}
	return f
}

func (f *foundState) spoil(err error) {
	f.SavedObject = watch.SavedObject{Namespace: f.Namespace, Name: f.Name}
	f.dictionary = 0
	f.err = damagedf(fmt.Sprintf("the state of %s/%s", f.Namespace, f.Name), "%w", err)
}

func (l *listing) addDictionaries(ctx context.Context, tx *sql.Tx, page []foundState) error {
	for i := range page {
		f := &page[i]
		if f.dictionary == 0 {
			continue
		}
		d, ok := l.dictionaries[f.dictionary]
		if !ok {
			var err error
			if d, err = readDictionary(ctx, tx, f.dictionary); err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
			l.dictionaries[f.dictionary] = d
		}
		if d == nil {
			f.spoil(errors.New("its dictionary is damaged"))
			continue
		}
		f.Dictionary = d
	}
	return nil
}

func readDictionary(ctx context.Context, q querier, id int64) ([]byte, error) {
	var hash, data []byte
	err := q.QueryRowContext(ctx, "SELECT hash, data FROM dictionaries WHERE id = ?", id).Scan(&hash, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, damagedf(fmt.Sprintf("dictionary %d", id), "it is missing")
	}
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(data); !bytes.Equal(hash, got[:]) {
		return nil, damagedf(fmt.Sprintf("dictionary %d", id), "%w", errSum)
	}
	return data, nil
}

// dictionaries finds the number of a dictionary that was seen before, without the
// hash that it is stored by: that one costs more than writing the row. It holds the
// callers' own slices, which their codecs hold as well.
type dictionaries struct {
	seed    maphash.Seed
	entries map[uint64]dictionaryEntry
}

type dictionaryEntry struct {
	data []byte
	id   int64
}

func (d *dictionaries) find(data []byte) (int64, bool) {
	if d.entries == nil {
		return 0, false
	}
	e, ok := d.entries[maphash.Bytes(d.seed, data)]
	return e.id, ok && bytes.Equal(e.data, data)
}

func (d *dictionaries) add(data []byte, id int64) {
	if d.entries == nil {
		d.seed, d.entries = maphash.MakeSeed(), map[uint64]dictionaryEntry{}
	}
	d.entries[maphash.Bytes(d.seed, data)] = dictionaryEntry{data: data, id: id}
}

// forget is for dictionaries that are dropped; without it, rows would come to refer
// to what is not there.
func (d *dictionaries) forget(dropped map[int64]bool) {
	for k, e := range d.entries {
		if dropped[e.id] {
			delete(d.entries, k)
		}
	}
}
