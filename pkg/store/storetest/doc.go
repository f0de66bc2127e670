// Package storetest states the contract of a history, for any implementation to be
// tested against. It refuses to know how one is stored.
package storetest

import (
	"context"
	"iter"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Store is what is tested.
type Store interface {
	Commit(ctx context.Context, b store.Batch) error
	FirstSeq(ctx context.Context) (uint64, error)
	LastSeq(ctx context.Context) (uint64, error)
	Epoch() uint64
	Checkpoints(ctx context.Context) ([]watch.Checkpoint, error)
	Objects(ctx context.Context, resource types.UID) iter.Seq2[watch.SavedObject, error]
	OpenFindings(ctx context.Context) ([]watch.Event, error)
	Counts(ctx context.Context) ([]watch.Counts, error)
	Events(ctx context.Context, q store.Query) iter.Seq2[watch.Event, error]
	Prune(ctx context.Context) error
	Check(ctx context.Context) (store.Report, error)
	Stats(ctx context.Context) (store.Stats, error)
	Close() error
}

// Open opens the history at a place, which is empty at first and of the test alone.
// A history that was closed is opened again with all that it had.
type Open func(ctx context.Context, place string, opts store.Options) (Store, error)

// Run runs all tests.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *place){
		"an empty history":                          testEmpty,
		"a batch survives":                          testSurvives,
		"a batch that does not continue":            testSequence,
		"a batch is whole or not at all":            testAtomic,
		"states are replaced and deleted":           testStates,
		"a successor survives the deletion":         testSuccessor,
		"checkpoints move":                          testCheckpoints,
		"a forgotten resource":                      testForgotten,
		"dictionaries are shared":                   testDictionaries,
		"open findings":                             testFindings,
		"open findings survive retention":           testFindingsKept,
		"counts":                                    testCounts,
		"unusual values":                            testUnusual,
		"queries":                                   testQueries,
		"pages":                                     testPages,
		"expired cursors":                           testExpired,
		"retention by age":                          testAge,
		"retention by size":                         testSize,
		"retention overtakes a reader":              testOvertaken,
		"commits, queries and pruning concurrently": testConcurrent,
		"another cluster":                           testCluster,
		"statistics":                                testStats,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &place{dir: t.TempDir(), open: open})
		})
	}
}
