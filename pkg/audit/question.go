package audit

import "time"

// Question asks for an object of the cluster, or for all that a selector matches. It
// is comparable, and is its own key among the answers.
type Question struct {
	// Group and either Resource or Kind name the type; "" is the core group. Version
	// is empty where any that is served will do.
	Group, Version, Resource, Kind string
	// Namespace is empty for cluster-scoped objects. Of a namespaced kind, an empty
	// Namespace never finds anything, unless All are asked for.
	Namespace string
	// Name is that of one object. Without it, Selector (labels) chooses several, and
	// All takes each there is; with none of them, only whether the type is served is
	// asked: Found or NotServed.
	Name, Selector string
	// All asks for all objects of the type: those of the Namespace, and of all
	// namespaces if that is empty. Only for types of which a cluster has few objects.
	All bool
	// Whole asks for whole objects; otherwise their metadata is enough.
	Whole bool
	// Follow: the answer changes while nobody touches the asker, and must be known
	// soon. Only for questions that are few in a cluster.
	Follow bool
}

// Outcome is the kind of an Answer.
type Outcome int

// The kinds of an Answer.
const (
	// Unknown: it could not be found out. The zero Answer is Unknown.
	Unknown Outcome = iota
	// Found: Objects has what was asked for.
	Found
	// Absent: there is no such object (or none that the selector matches, or none at
	// all where All are asked for).
	Absent
	// NotServed: there is no such type, or not in this version.
	NotServed
)

// Answer is what the cluster said.
type Answer struct {
	Outcome Outcome
	// Objects are decoded JSON, read-only.
	Objects []map[string]any
	// Message says why the outcome is Unknown, and names what was asked for.
	Message string
	// Forbidden: the outcome is Unknown because the API server does not let us see.
	Forbidden bool
	// Namespaced tells the scope of the type where it is Found.
	Namespaced bool
	// Since is from when on the answer has been this one, as far as somebody watched it
	// change; zero where nobody did. What was Unknown in between does not count.
	Since time.Time
}
