// Package discovery turns the CustomResourceDefinitions of a cluster into the Set
// of resources to watch.
//
// It owns the answer to "which resources, in which version": a Catalog is fed CRDs
// as they are seen and always holds the whole desired Set, never a delta. A
// consumer that compares two Sets by Key sees a CRD that was deleted and created
// again as two different resources, because the Key carries the CRD's UID.
//
// It refuses to talk to the API server and to decide how a resource is watched:
// the CRDs reach it through the same watch, with the same guarantees, as every
// other resource (see package watch), so that there is one watch on them and one
// mechanism that survives its failures.
//
// # One change's way through the package
//
// An administrator stops serving v1alpha1 of widgets.example.com and stores v1:
//
//	Catalog.Apply(crd)  the CRD's revision replaces the earlier one; if its Resource
//	                    did not change, nothing else happens
//	Catalog.Set()       {uid+widgets.v1.example.com: Resource{…}, …}
//
// The entry's Key has changed (same CRD UID, other version): whoever watches
// v1alpha1 moves to v1.
package discovery
