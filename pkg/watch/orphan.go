package watch

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// load reads how far an earlier process came.
func (m *Manager) load(ctx context.Context) error {
	if m.opts.Snapshots == nil {
		return nil
	}
	checkpoints, err := m.opts.Snapshots.Checkpoints(ctx)
	if err != nil {
		return err
	}
	m.saved = make(map[types.UID]Checkpoint, len(checkpoints))
	for _, c := range checkpoints {
		m.saved[c.Resource] = c
	}
	if c, ok := m.saved[m.crds.snapshot().Resource.UID]; ok {
		m.crds.feed.memory = m.memory(c)
		m.revision = m.currentRevision(ctx)
		m.crds.feed.started = m.revision
	}
	return nil
}

// currentRevision is where the API server is now. resourceVersions of different
// resources need not be comparable; those of custom resources are of one etcd, and
// nothing but the words resumed and ready hang on it. Empty if it does not answer.
func (m *Manager) currentRevision(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, m.opts.Timing.AnswerWithin)
	defer cancel()
	list, err := m.opts.Clients.metadata.Resource(discovery.CRDs().GVR).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		m.opts.Logger.Debug("asking for the current revision", "error", err)
		return ""
	}
	return list.GetResourceVersion()
}

func (m *Manager) memory(c Checkpoint) *memory {
	return &memory{snapshots: m.opts.Snapshots, checkpoint: c, log: m.opts.Logger}
}

// reportOrphans ends what an earlier process began: the end of a CRD is known, but that
// of its objects was not reported.
func (m *Manager) reportOrphans(ctx context.Context, present map[types.UID]bool) {
	for uid, c := range m.saved {
		if uid != discovery.CRDs().UID && !present[uid] {
			m.reportOrphan(ctx, c)
		}
	}
}

func (m *Manager) reportOrphan(ctx context.Context, c Checkpoint) {
	// Where only a namespace is watched, no object of a cluster-scoped type was kept.
	r := discovery.Resource{CRD: c.CRD, UID: c.Resource, Kind: c.Ref.Kind, Namespaced: true}
	r.GVR.Group, r.GVR.Version, r.GVR.Resource = c.Ref.Group, c.Ref.Version, c.Ref.Resource
	mon := m.newMonitor(r, Scope{})
	mon.known = c
	// Of a first list that never completed nothing was told, unless all was news.
	told := c.Position != "" || c.Origin != ""
	if _, selected := m.selector(r); selected && told && !m.reportObjects(ctx, mon) {
		return
	}
	mon.record(Entry{Forgotten: true})
}

// reportObjects reports the end of all saved objects, or as many as ctx lets it.
func (m *Manager) reportObjects(ctx context.Context, mon *monitor) (all bool) {
	c := mon.known
	for o, err := range m.opts.Snapshots.Objects(ctx, c.Resource) {
		switch {
		case ctx.Err() != nil:
			return false
		case err != nil && o.Name == "":
			m.opts.Logger.Error("reading the saved objects of a deleted CRD", "resource", c.CRD, "error", err)
			return false // the next start tries again
		case err != nil:
			// Its UID is not known, so there is nothing to be said of it.
			m.opts.Logger.Error("reading a saved object of a deleted CRD", "resource", c.CRD, "object", o.Name, "error", err)
			continue
		}
		r := Restore(o)
		mon.record(Entry{Events: mon.deleted(r, Reconciled), Object: r, Deleted: true})
	}
	return true
}
