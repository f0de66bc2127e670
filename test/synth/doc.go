// Package synth makes up what a cluster full of a provider's resources holds:
// types with schemas that look like generated ones, and objects of them.
//
// It owns one promise: the same seed gives the same types and the same objects,
// and no two objects are alike. It refuses to talk to the API server.
//
// An object follows the pattern of Crossplane's managed resources, which make up
// most of the large clusters that we know of: spec.forProvider says what is wanted,
// status.atProvider repeats it as the provider reports it and adds identifiers, and
// status.conditions says how it went. A value is one of two things. Picked values
// come from a vocabulary of the field's own, as enumerations, regions and classes
// do. Random values are different in each object, as identifiers, addresses, dates
// and numbers are; Share says how much of an object is what. As in generated APIs,
// about a quarter of the fields are small objects: references, and blocks of one to
// five settings, alone or in lists.
package synth
