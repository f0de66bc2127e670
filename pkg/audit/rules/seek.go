package rules

import (
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// sought is a place in the spec of an object that speaks of something which should be in
// the cluster, with the question whether it is.
type sought struct {
	path     string
	question audit.Question
}

// finder says what a node of a spec speaks of, if it does, and whether to look below.
type finder func(*node) (q audit.Question, found, deeper bool)

// seek goes through the spec of an object in a cluster, sorted by path. One that is being
// deleted does not need anything any more.
func seek(in *audit.Input, find finder) []sought {
	if in.Offline || in.Object.GetDeletionTimestamp() != nil {
		return nil
	}
	var all []sought
	specNode(in).walk(func(n *node) bool {
		q, found, deeper := find(n)
		if found {
			all = append(all, sought{n.path(), q})
		}
		return deeper
	})
	slices.SortFunc(all, func(a, b sought) int { return strings.Compare(a.path, b.path) })
	return all
}

// judgeEach makes findings of those that something is wrong with. Judge returns no Message
// if all is well, and the answer that does not tell if it cannot.
func judgeEach(all []sought, judge func(audit.Question) (f audit.Finding, doubt *audit.Answer)) (findings []audit.Finding, unknown doubts) {
	for _, s := range all {
		f, doubt := judge(s.question)
		if doubt != nil {
			unknown.add(s.question, *doubt)
		}
		if f.Message != "" {
			f.Path = s.path
			findings = append(findings, f)
		}
	}
	return findings, unknown
}
