package watch

import "context"

// tellSynced has the handler know, when it has all that came before, that the resource is
// synced. Before that it is not, whatever its watch brings meanwhile: with very many
// objects the handler needs minutes, and the next bookmark comes within one. Taking that
// for the proof that all is well made a server ready that knew half of its objects.
func (p *pump) tellSynced(ctx context.Context, synced func()) {
	p.feed.settling.Store(true)
	p.mark(ctx, func() {
		synced()
		p.feed.settling.Store(false)
	})
}

// settled reports whether the handler has whatever was listed, or missed before a restart:
// then a watch that delivers is all that it takes to be synced. A mark that is lost, with
// the watch that it was in, is followed by another list, and its mark.
func (f *feed) settled() bool { return !f.settling.Load() && !f.catchesUp() }
