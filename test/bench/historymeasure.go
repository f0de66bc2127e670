package main

import (
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/test/bench/internal/recorder"
)

// The measures that budgets of the scenario history speak of.
var (
	receivedBytes = measureOf[starting]{name: "bytes received from the API server", format: size,
		value: func(s starting, _ int) float64 { return float64(s.Bytes) }}
	lateP99 = measureOf[loading]{name: "write acknowledged → event at the client, p99", format: milliseconds, ranged: true,
		value: func(l loading, _ int) float64 { return l.P99.Seconds() }}
)

func startMeasures() []measureOf[starting] {
	return []measureOf[starting]{
		{name: "time to /readyz", format: seconds2, ranged: true,
			value: func(s starting, _ int) float64 { return s.Ready.Seconds() }},
		{name: "CPU of crdwatch until then", format: seconds2,
			value: func(s starting, _ int) float64 { return s.Program.Seconds() }},
		{name: "CPU of the API server meanwhile", format: seconds2,
			value: func(s starting, _ int) float64 { return s.Server.Seconds() }},
		receivedBytes,
		{name: "requests to the API server", format: integer,
			value: func(s starting, _ int) float64 { return float64(s.Requests) }},
		{name: "peak RSS until ready", format: mebibytes,
			value: func(s starting, _ int) float64 { return float64(s.Peak) }},
		{name: "RSS as it stands", format: mebibytes,
			value: func(s starting, _ int) float64 { return float64(s.RSS) }},
	}
}

func pacedMeasures() []measureOf[loading] {
	return append([]measureOf[loading]{
		{name: "write acknowledged → event at the client, p50", format: milliseconds, ranged: true,
			value: func(l loading, _ int) float64 { return l.Median.Seconds() }},
		lateP99,
		{name: "the latest event", format: milliseconds,
			value: func(l loading, _ int) float64 { return l.Most.Seconds() }},
		{name: "writes acknowledged per second", format: integer, value: writesPerSecond},
	}, loadMeasures()...)
}

func fullMeasures() []measureOf[loading] {
	return append([]measureOf[loading]{
		{name: "events per second, until the last had arrived", format: integer, ranged: true,
			value: func(l loading, _ int) float64 { return float64(l.Writes) / l.Elapsed.Seconds() }},
		{name: "writes acknowledged per second", format: integer, value: writesPerSecond},
		{name: "write acknowledged → event at the client, p99", format: milliseconds,
			value: func(l loading, _ int) float64 { return l.P99.Seconds() }},
	}, loadMeasures()...)
}

func writesPerSecond(l loading, _ int) float64 { return float64(l.Writes) / l.Writing.Seconds() }

// loadMeasures tell what the limit was.
func loadMeasures() []measureOf[loading] {
	used := func(name string, by func(loading) time.Duration) measureOf[loading] {
		return measureOf[loading]{name: name, format: cpus, value: func(l loading, _ int) float64 { return l.share(by(l)) }}
	}
	return []measureOf[loading]{
		{name: "CPU of crdwatch per event", format: microseconds,
			value: func(l loading, _ int) float64 { return l.Program.Seconds() / float64(max(1, l.Writes)) }},
		used("CPUs used by crdwatch", func(l loading) time.Duration { return l.Program }),
		used("CPUs used by the API server", func(l loading) time.Duration { return l.Server }),
		used("CPUs used by the writers and the client", func(l loading) time.Duration { return l.Bench }),
		used("CPUs used by everything else", func(l loading) time.Duration { return l.Other }),
		{name: "CPUs busy", format: cpus, value: func(l loading, _ int) float64 { return l.machine() }},
		{name: "RSS afterwards", format: mebibytes, value: func(l loading, _ int) float64 { return float64(l.RSS) }},
	}
}

func engineMeasures() []measureOf[recorder.Result] {
	return []measureOf[recorder.Result]{
		{name: "events per second", format: integer, ranged: true,
			value: func(r recorder.Result, _ int) float64 { return float64(r.Events) / r.Elapsed.Seconds() }},
		{name: "CPU per event", format: microseconds,
			value: func(r recorder.Result, _ int) float64 { return r.CPU.Seconds() / float64(max(1, r.Events)) }},
		{name: "CPUs used", format: cpus,
			value: func(r recorder.Result, _ int) float64 { return r.CPU.Seconds() / r.Elapsed.Seconds() }},
	}
}

func diskMeasures() []measureOf[store.Stats] {
	all := []measureOf[store.Stats]{
		{name: "bytes per event, with its indexes", format: bytesOf,
			value: func(s store.Stats, _ int) float64 { return s.BytesPerEvent }},
		{name: "bytes per object, with the dictionaries", format: bytesOf,
			value: func(s store.Stats, _ int) float64 { return s.BytesPerObject }},
		{name: "events", format: integer, value: func(s store.Stats, _ int) float64 { return float64(s.Events) }},
		{name: "objects", format: integer, value: func(s store.Stats, _ int) float64 { return float64(s.Objects) }},
		{name: "all", format: size, value: func(s store.Stats, _ int) float64 { return float64(s.Bytes) }},
	}
	for i, name := range []string{store.PartEvents, store.PartEventIndexes, store.PartObjects, store.PartDictionaries,
		store.PartCheckpoints, store.PartOther, store.PartFree, store.PartLog} {
		all = append(all, measureOf[store.Stats]{name: "of it: " + name, format: size,
			value: func(s store.Stats, _ int) float64 { return float64(s.Parts[i].Bytes) }})
	}
	return all
}
