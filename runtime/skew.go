package runtime

// RunPrismGenerateOrRequirePrism_0_1 is referenced by all code that Prism 0.1
// generates. The runtime has such a constant for each version whose code it
// supports, so code that is too old or too new does not compile, and the error
// says what to do: generate it again with the Prism of go.mod, or require in
// go.mod the Prism that generated it. A version's constant is removed when
// something that its code uses changes.
const RunPrismGenerateOrRequirePrism_0_1 = true
