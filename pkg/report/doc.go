// Package report is what people and machines read of crdwatch.
//
// It owns the Recorder, which commits what happened to the history; the Ledger, which
// numbers every Event and hands it to whoever follows; the Filter; the renderers for
// the terminal; the HTTP API with its live stream, its description in OpenAPI, and the page
// that shows it; the probes; and the metrics. It refuses to talk to the API server of the
// cluster, to know how a resource is watched, and to let a slow reader hold up a monitor.
//
// # One change's way through the package
//
// A monitor hands the Recorder an Entry: an Event, the object as it is now, and how far
// its resource is known:
//
//	Recorder.Record(e)      e waits with others for a commit; too many of them make
//	                        the monitor wait
//	Recorder.Run            numbers the Events of a batch, 42 among them, and commits
//	                        it with the objects and checkpoints
//	Ledger.publish(events)  only now: they enter the ring, and everyone who waits is
//	                        woken; nobody is sent anything
//	Ledger.scan(after, f)   each reader pulls what follows its own Cursor, at its own
//	                        pace: from the history what the ring does not have, from
//	                        the ring the rest
//	Filter.Apply(ev)        what this reader asked for of the Event, or nothing
//	Printer.Print(w, ev)    or the handler's JSON page, NDJSON or SSE stream
//
// # Where a reader stands
//
// A reader's position is the sequence number of the last event that it has seen. It
// travels in two forms, and either is accepted wherever a position is. Server-sent
// events carry the plain number as their id, which browsers send back by themselves
// as Last-Event-ID. Everything else carries a Cursor, which also names the epoch of
// the Ledger, so that one of an earlier process is recognised and answered with 410
// Gone. A plain number cannot name its epoch. Therefore the numbers of a ledger, or of
// a history, begin at a base that grows with time (LedgerOptions.Base,
// store.Options.Base), which makes every number of an earlier one past retention; and
// a client that sends both a cursor and a Last-Event-ID is asked for the cursor's
// epoch, too.
//
// The epoch and the numbers of a Ledger with a history are those of the history, and
// outlive the process: either form is good after a restart, too, until it is past
// retention.
//
// A reader that is slower than what is kept is told so, with the oldest Cursor that can
// still be read: never a silent loss. And an event that the disk has damaged is passed
// over, but not in silence: a page names it, a stream sends an event of that name, and
// an answer in lines breaks off at its end.
//
// Without a history the Recorder gives what it gets to the Ledger at once, and what
// leaves the ring is gone.
package report
