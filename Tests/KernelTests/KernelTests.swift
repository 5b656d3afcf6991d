import Testing

/// The built program, in network namespaces with the real kernel.
///
/// One lab at a time: the nodes of several would compete for the processor, and some tests measure time.
@Suite(
    "With the real kernel", .serialized, .enabled(if: Lab.isPossible, Lab.needs), .timeLimit(.minutes(SoakLength.limit))
)
struct KernelTests {}
