package runtime

// RunPrismGenerateOrRequirePrism_0_1 is named by all code that Prism 0.1
// generates. A runtime has the constants of the versions whose code it serves,
// so that code which is too old or too new for it does not compile, with an
// error that says what to do: generate it anew with the Prism of go.mod, or
// require in go.mod the Prism that generated it. The constant of a version goes
// when something that its code uses changes.
const RunPrismGenerateOrRequirePrism_0_1 = true
