package main

import "slices"

func suite(run string, args ...string) check {
	return check{module: "test", pkg: "reliability", run: "^" + run + "$", args: args, program: true}
}

func engine(run string) check {
	return check{module: "test", pkg: "e2e", run: "^" + run + "$"}
}

func unit(pkg, run string, args ...string) check {
	return check{module: ".", pkg: pkg, run: "^" + run + "$", args: args}
}

// mutants are the bugs that the history has to be safe from. A new guard against a
// loss gets a line here: the bug that it is against.
func mutants() []mutant {
	return slices.Concat(ofComparing(), ofWatching(), ofDegrading(), ofRemembering(), ofRecording(), ofStoring())
}

// ofComparing are bugs in what is told of a list: an object that is compared with what was known of it.
func ofComparing() []mutant {
	outages := suite("TestOutages", "-outages", "2")
	return []mutant{
		{
			name: "tombstones dropped",
			why:  "an object that was deleted while the watch was blind stays in the history as if it lived",
			file: "pkg/watch/handler.go",
			old:  "	if missed {\n		m.bury(r)\n",
			new:  "	if missed {\n		return\n",
			by:   outages,
		},
		{
			name: "equal revisions reported",
			why:  "each new list reports every object that did not change",
			file: "pkg/watch/handler.go",
			old:  "	case before.same(now):\n		m.reshaped(before, now)\n		m.noticed(now, false)\n		return\n",
			new:  "	case before.same(now):\n		m.step(before, now, m.event(now, Modified, m.origin(now)))\n",
			by:   outages,
		},
		{
			name: "another UID taken for an update",
			why:  "an object that was deleted and created again under its name has one life instead of two",
			file: "pkg/watch/handler.go",
			old:  "	case before.uid != now.uid:\n",
			new:  "	case false:\n",
			by:   outages,
		},
		{
			name: "old snapshot kept after a 410",
			why:  "the next restart compares with what was before the gap, and tells it again",
			file: "pkg/watch/handler.go",
			old:  "	m.report(r, Entry{Events: events, Object: r, Old: before})\n",
			new:  "	if r.origin.origin() == Reconciled {\n		m.report(r, Entry{Events: events})\n		return\n	}\n	m.report(r, Entry{Events: events, Object: r, Old: before})\n",
			by:   suite("TestOutages", "-outages", "3"),
		},
		{
			name: "GAP where nothing was lost",
			why:  "whoever reads the history looks for what is missing, and nothing is",
			file: "pkg/watch/relist.go",
			old:  "	known := r.listed || r.rescoped\n",
			new:  "	known := true\n",
			by:   suite("TestResume"),
		},
	}
}

// ofWatching are bugs in what is taken from a watch.
func ofWatching() []mutant {
	return []mutant{
		{
			name: "repeated event reported again",
			why:  "what the API server delivers twice has happened twice",
			file: "pkg/watch/pump.go",
			old:  "err == nil && order <= 0 && event.Type != apiwatch.Bookmark {\n",
			new:  "err == nil && order < -1<<30 && event.Type != apiwatch.Bookmark {\n",
			by:   suite("TestFaults", "-faults", "150"),
		},
		{
			name: "watch not checked against its CRD",
			why:  "the watch of a deleted CRD goes on with the objects of its successor",
			file: "pkg/watch/feed.go",
			old:  "	return f.crd != \"\" && (f.position != \"\" || f.checkFirst)\n",
			new:  "	return false\n",
			by:   engine("TestSuccessorBeforeTheEndIsKnown"),
		},
		{
			name: "listing at a revision that moves on",
			why:  "a busy resource is listed again and again, and its watch never comes back",
			file: "pkg/watch/pump.go",
			old:  "	if p.feed.listedAt() >= exactTries {\n",
			new:  "	if p.feed.listedAt() < 0 {\n",
			by:   engine("TestBusyRelist"),
		},
	}
}

// ofDegrading are bugs on the way to metadata alone, and back.
func ofDegrading() []mutant {
	return []mutant{
		{
			name: "size not counted anew",
			why:  "what the Records take is wrong from the first deletion on, and the wrong resources are reduced",
			file: "pkg/watch/slim.go",
			old:  "	m.recordBytes.Store(sum)\n",
			new:  "	_ = sum\n",
			by:   engine("TestDegradedSize"),
		},
		{
			name: "whole objects listed at another position",
			why:  "what happened between the watch's position and the list's is a gap",
			file: "pkg/watch/slim.go",
			old:  "	p.relist(ctx, position, errRefill)\n",
			new:  "	_ = position\n	p.relist(ctx, \"\", errRefill)\n",
			by:   engine("TestDegrade"),
		},
		{
			name: "a list for whole objects is a gap",
			why:  "who has room again is told of a gap that there is none",
			file: "pkg/watch/relist.go",
			old:  "(!r.drift && !r.refill || r.differences > 0)",
			new:  "(!r.drift || r.differences > 0)",
			by:   engine("TestRefillAfterExpiry"),
		},
	}
}

// ofRemembering are bugs in what is made of an earlier process.
func ofRemembering() []mutant {
	return []mutant{
		{
			name: "damaged memory trusted",
			why:  "objects that cannot be read are taken for unchanged until their next write",
			file: "pkg/watch/recall.go",
			old:  "	known.resumes = !m.damaged && ",
			new:  "	known.resumes = ",
			by:   engine("TestDamagedMemory"),
		},
		{
			name: "memory of another scope trusted",
			why:  "the watch goes on as if what it never watched had not changed",
			file: "pkg/watch/recall.go",
			old:  ` && c.Scope == p.feed.scope`,
			new:  "",
			by:   engine("TestChangedScope"),
		},
		{
			name: "a type that was passed by is new",
			why:  "whoever selects more is told that all objects were created just now",
			file: "pkg/watch/reconcile.go",
			old:  "	m.passed[r.UID] = true\n	return true\n",
			new:  "	return false\n",
			by:   engine("TestWidenedSelection"),
		},
		{
			name: "orphans forgotten in silence",
			why:  "the objects of a CRD that went in the last moment of a process never end",
			file: "pkg/watch/orphan.go",
			old:  "	told := c.Position != \"\" || c.Origin != \"\"\n",
			new:  "	told := false\n",
			by:   engine("TestOrphans"),
		},
	}
}

// ofRecording are bugs on the way to the store.
func ofRecording() []mutant {
	return []mutant{
		{
			name: "checkpoint before commit",
			why:  "what was not committed when the program was killed is never asked for again",
			file: "pkg/report/commit.go",
			old:  "		if err := r.commit(ctx, batch); err != nil {\n",
			new:  "		if err := r.commit(ctx, store.Batch{Checkpoints: batch.Checkpoints}); err != nil {\n			return err\n		}\n		if err := r.commit(ctx, batch); err != nil {\n",
			by:   suite("TestKills"),
		},
		{
			name: "checkpoint behind its events",
			why:  "after a restart what is in the history is told again",
			file: "pkg/report/batch.go",
			old:  "			checkpoints[known] = c\n",
			new:  "			_ = known\n",
			by:   unit("pkg/report", "TestBatchesLeaveWhatTheirEntriesWould"),
		},
		{
			name: "state not saved with its event",
			why:  "after a restart the next change is compared with an older revision, or with none",
			file: "pkg/report/batch.go",
			old:  "	b.States = lastStates(entries)\n",
			new:  "	if b.States = lastStates(entries); len(b.Events) > 0 {\n		b.States = nil\n	}\n",
			by:   suite("TestResume"),
		},
		{
			name: "events visible before commit",
			why:  "a client has seen an event that a crash undoes, and misses the one that gets its number",
			file: "pkg/report/commit.go",
			old:  "		if err := r.commit(ctx, batch); err != nil {\n			return err\n		}\n		r.opts.Ledger.publish(batch.Events)\n",
			new:  "		r.opts.Ledger.publish(batch.Events)\n		if err := r.commit(ctx, batch); err != nil {\n			return err\n		}\n",
			by:   unit("pkg/report", "TestEventsAreSeenOnlyOnceTheyAreKept"),
		},
		{
			name: "queue overflow drops",
			why:  "what comes while the disk is slow is missing",
			file: "pkg/report/recorder.go",
			old:  "		r.room.Wait()\n",
			new:  "		return false\n",
			by:   unit("pkg/report", "TestFullQueueHoldsTheMonitorUp"),
		},
	}
}

// ofStoring are bugs of the store itself, which has many more tests of its own.
func ofStoring() []mutant {
	return []mutant{
		{
			name: "second sync after a failed one",
			why:  "the kernel reports a failed write once; the next sync seems to go well, and what was lost is taken for kept",
			file: "pkg/store/quarantine.go",
			old:  "	return isDamage(err) || c == sqlite3.SQLITE_IOERR_FSYNC || c == sqlite3.SQLITE_IOERR_DIR_FSYNC\n",
			new:  "	_ = c\n	return isDamage(err)\n",
			by:   unit("pkg/store", "TestFailingSync", "-rounds", "1"),
		},
	}
}
