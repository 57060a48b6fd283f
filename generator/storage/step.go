package storage

// Step is one change of a store, by which a file of a migration comes about.
type Step struct {
	Kind   StepKind
	Entity *Entity // after the release; nil for CreateOwn
	Column string  // the name of one of Entity's
	Index  string  // the name in the store of one of Entity's
	Fence  int     // the release whose fence it is

	Namespace string // of CreateOwn
	Own       string // the table of Prism's own
}

// StepKind says what a step does.
type StepKind int

const (
	CreateTable StepKind = iota // with all columns and indexes
	CreateOwn
	AddColumn
	AddExpires
	AddFence
	Fill // columns from records, by the proxy
	CreateIndex
	IndexExpires
	DropIndex
	DropColumn
	DropFence
	DropTable
)

// Phase says when a file is applied, and is in its name. Phases are in their order.
type Phase int

const (
	PhaseExpand   Phase = iota // before the rollout, beside proxies of the release before
	PhaseFence                 // after it: keeps writers of before out
	PhaseFill                  // no SQL can do it
	PhaseIndex                 // one statement, without a transaction
	PhaseContract              // when nobody goes back
)

func (p Phase) String() string {
	return [...]string{"expand", "fence", "fill", "index", "contract"}[p]
}

// Phase returns when the step is done.
func (s Step) Phase() Phase {
	return [...]Phase{
		CreateTable: PhaseExpand, CreateOwn: PhaseExpand, AddColumn: PhaseExpand, AddExpires: PhaseExpand, AddFence: PhaseFence, Fill: PhaseFill,
		CreateIndex: PhaseIndex, IndexExpires: PhaseIndex, DropIndex: PhaseContract, DropColumn: PhaseContract, DropFence: PhaseContract, DropTable: PhaseContract,
	}[s.Kind]
}

// Alone reports whether the step has a file of its own, which one store runs
// without a transaction.
func (s Step) Alone() bool {
	return s.Kind == CreateIndex || s.Kind == IndexExpires || s.Kind == DropIndex
}

// Subject returns what the step's file is named after: a table, or an index where it
// has a file of its own. Steps of one phase and subject share a file.
func (s Step) Subject() string {
	switch s.Kind {
	case CreateOwn:
		return s.Own
	case CreateIndex, DropIndex:
		return s.Index
	case IndexExpires:
		return s.Entity.Table + "_expires"
	}
	return s.Entity.Table
}

// In returns the namespace of the step.
func (s Step) In() string {
	if s.Entity == nil {
		return s.Namespace
	}
	return s.Entity.Namespace
}
