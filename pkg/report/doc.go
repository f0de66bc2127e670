// Package report is what people and machines read of crdwatch.
//
// It owns the Ledger, which numbers every Event and hands it to whoever follows;
// the Filter; the renderers for the terminal; the HTTP API with its live stream;
// the probes; and the metrics. It refuses to talk to the API server of the cluster,
// to know how a resource is watched, and to let a slow reader hold up a monitor.
//
// # One change's way through the package
//
// A monitor hands the Ledger an Event:
//
//	Ledger.Record(ev)       ev gets Seq 42, enters the ring, and everyone who waits
//	                        is woken; nobody is sent anything
//	Ledger.Read(after, n)   each reader pulls from the ring what follows its own
//	                        Cursor, at its own pace
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
// Gone. A plain number cannot name its epoch. Therefore a server without a durable
// history numbers its events from a base that grows with time (LedgerOptions.Base),
// which makes every number of an earlier process one past retention; and a client
// that sends both a cursor and a Last-Event-ID is asked for the cursor's epoch, too.
//
// A reader that is slower than the ring is told so, with the oldest Cursor that can
// still be read: never a silent loss.
package report
