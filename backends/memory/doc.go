// Package memory is the run-time half of the memory backend: a store that lives
// and ends with the process. It is for tests and for data that may be lost.
//
// A namespace is one map in the order of its keys. A record is in it under its
// own key and once more for each index it belongs to, so every list is a walk
// along the map. Values are encoded so that the bytes sort as the values do:
// see tuple.Key.
//
// Writes are serial, reads concurrent. A batch is applied whole or not at all,
// and no reader sees a part of it. Versions are counted per namespace, from a
// random number chosen when the store is opened, so that no earlier version is
// issued again. Page tokens are sealed with a key of this process. Expired
// records are not served, but take memory until they are swept.
//
// Records have no checksum: they never leave the memory of the process, and a
// checksum would be in the same memory.
//
// The memory that records take is not bounded.
package memory
