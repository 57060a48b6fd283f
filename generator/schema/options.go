package schema

import "slices"

// Paths in a descriptor's proto, as source locations number them.
var (
	packageStatement = []int32{2}
	importStatement  = []int32{3}
	fileOption       = []int32{8, 57600}
	goPackageOption  = []int32{8, 11}
	entityOption     = []int32{7, 57600}
	fieldOption      = []int32{8, 57600}
	jsonNameOption   = []int32{10}
)

// Numbers of the members of options, named as message and member in
// options.proto.
const (
	fileContractPackage = 1

	entityNamespace  = 1
	entityKeyValue   = 2
	entityIndex      = 3
	entityCapacity   = 4
	entityDurability = 5
	entityTTL        = 6
	entityPlural     = 8
	entityTable      = 9

	entityAcknowledge   = 11
	acknowledgementRule = 1

	indexName     = 1
	indexEquality = 2
	indexOrdered  = 3

	keyValueWithout = 1

	capacityPeakReads      = 1
	capacityPeakWrites     = 2
	capacityRecords        = 3
	capacityBytesPerRecord = 4

	fieldPartitionKey = 1
	fieldSortKey      = 2
	fieldIndex        = 3
	fieldPii          = 4
	fieldRequired     = 5
	fieldMinLength    = 6
	fieldMaxLength    = 7
	fieldRange        = 8
	fieldColumn       = 9
	fieldMinItems     = 10
	fieldMaxItems     = 11

	piiProtection = 2
)

// option returns the path of a member of an option.
func option(path []int32, members ...int32) []int32 {
	return append(slices.Clone(path), members...)
}
