// Package watch keeps the live state of every custom resource and turns each
// change of it into an Event.
//
// It owns the Manager and its monitors, one for each CRD; the compact Records that
// stand for the objects in memory; and the way from two Records to an Event. It
// refuses to store, filter for a reader, or render anything: a Sink receives every
// Event.
//
// # One change's way through the package
//
//	feed     the dynamic client that an informer sees. Its watch does not end: the
//	         feed renews it behind the informer's back from the last
//	         resourceVersion, on its own schedule, and knows why it ended. Only
//	         "410 Gone" gets through, so that the informer lists and compares.
//	sketch   what the watch client decodes of an object: its identity. The rest
//	         stays JSON, since it is compressed at once; it is decoded when it
//	         has changed, or may hold something to redact.
//	informer client-go's shared informer, from a DynamicSharedInformerFactory of
//	         the monitor's own. Its Transform makes a Record of each sketch.
//	monitor  is the informer's handler. It compares the old and the new Record,
//	         and hands the Sink an Entry before it takes the next one: the Event, the
//	         new Record, and how far the resource is known with both.
//
// Whoever keeps the entries can go on after a restart (Options.Snapshots): the feed
// replays what was kept to the informer as if it were a list, and the watch goes on
// from the checkpoint. Where that is not possible, because the API server has forgotten
// or what was kept is damaged, of another scope, or of a list that was not complete,
// the informer lists and compares, as after any 410.
//
// The feed and the monitor sit at the two ends of the informer's queues, which
// cannot be looked into. What they must tell each other in step with the objects
// ("the list is complete", "the gap ends here") travels through these queues as a
// mark: an object that exists only for the informer.
//
// # When memory is short
//
// With a memory budget (Options.MemoryBudget), the resources that take most are watched
// on with the metadata of their objects alone when it is nearly used up, and with whole
// objects again when there is room: see choose for which, and slimming for how. Neither
// is an event, nor does one get lost by it: a change of the spec shows as another
// generation. What is not seen meanwhile is what changes in the status. The Records say
// of themselves what they are, also where they are kept: a process that finds metadata
// goes on with that.
//
// CustomResourceDefinitions are watched by a monitor like all others. It also
// feeds the discovery.Catalog, from which the Manager learns what to watch.
package watch
