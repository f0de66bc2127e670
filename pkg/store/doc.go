// Package store owns the history on disk: the events, the latest state of each
// object, a checkpoint per resource, which findings are open, and how many objects each
// resource had. It refuses to know what they mean: the ledger numbers events and gathers
// them into batches, the watch makes and reads states and decides which of them it
// trusts, and both redact before anything comes here.
//
// The contract is a Batch that is written whole or not at all and is on disk when
// Commit returns, and a Query that finds events by what people ask for. It says
// nothing of SQLite; package storetest tests it, for this implementation and any to
// come.
//
// # On disk
//
//	DIR/lock                  locked by the one process that writes; says which
//	DIR/history/history.db    SQLite 3 with a write-ahead log (history.db-wal, -shm)
//	DIR/history/suspect       damage was seen in use: the next Open reads everything
//	DIR/damaged-<time>/       a history that was set aside
//
// A history that begins is made as DIR/history.new and renamed, so that one that is
// in place is whole, and one that is not whole was damaged.
//
// # When things go wrong
//
// Damage is set aside or stops the program, never passed over:
//
//   - Rows carry a checksum over all their columns, verified whenever they are read.
//     One event or state that cannot be read is reported in its place, and those
//     after it are read: a flipped bit costs what it hit. The watch takes a state
//     that cannot be read for a snapshot that cannot be trusted.
//   - A history of which Open finds that the file is missing, cut off, empty or no
//     database, that its structure is broken, or that a checkpoint is not what was
//     written, is set aside by renaming its directory, and one begins anew: watching
//     goes on, and the evidence is kept. That happens once. With one set aside
//     already, Open refuses and names both, so that a failing disk is not filled with
//     copies.
//   - Damage that is seen while the history is in use stops all writing at once and
//     is noted. The next Open then reads everything, sets the history aside if it is
//     broken and goes on with it if it is not.
//   - A failed sync stops all writing: what reached the disk is not known. The next
//     Open knows.
//   - A full disk fails the batch and nothing else: ErrFull, and it may be tried again.
//   - A directory that cannot be written to, one in use by another process, one of
//     another cluster, and one of a newer program stop Open. Nothing is wrong with
//     them that setting them aside would mend.
//
// What a checksum of rows cannot see is a row that is not found: through a damaged
// index, or a page that was put back to an older state. Reading all events notices
// numbers that are missing; Check compares the indexes as well. And a write-ahead log
// that was damaged between a crash and the next start ends where the damage is: what
// follows in it is lost, and asked of the API server again, as the checkpoints that
// went with it are lost too.
package store
