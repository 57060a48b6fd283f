// Package memory is the run-time half of the memory backend: a store that lives
// and ends with the process. It is for tests and for data that may be lost.
//
// A namespace is one map in the order of its keys. A record stands in it under
// its own key and once more for each index that it is in, so that every list is
// a walk along the map. Values are encoded so that the order of the bytes is
// that of the values: see Key.
//
// Writes happen one after the other, reads beside one another. A batch is
// applied as a whole or not at all, and no reader sees a part of it. Versions
// are counted per namespace, from a number that is drawn when the store is opened,
// so that one of before is not issued again. Page tokens are sealed with a key of
// this process. Expired records are not served, and take memory
// until they are swept.
//
// Records have no checksum: they never leave the memory of the process, which
// would hold the checksum too.
//
// Nothing bounds the memory that the records take but what clients put.
package memory
