package generator

// Disk and WriteThrough let a test end the process at any step of Write.
type Disk = disk

var WriteThrough = write
