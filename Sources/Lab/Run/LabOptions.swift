package import VPNSimulator

/// What a run in the lab needs besides the scenario.
package struct LabOptions {
    /// The path of the program that nodes are where nothing else is said.
    package var program: String
    /// A folder for what nodes and commands read and write.
    package var folder: String
    /// The programs of the scenario's nodes, one for each of its plans.
    package var implementations: [Implementation]
    /// Reads a statistics file; nil for what is none.
    package var readStatistics: ([UInt8]) -> StatisticsPicture?
    /// Gets every packet; nil where nobody wants them.
    package var capture: ((CapturedPacket) -> Void)?
    /// Gets a line for each thing that happens; nil where nobody wants them.
    package var line: ((String) -> Void)?
    /// Whether what is set up stays until a signal comes.
    package var keeps = false

    package init(
        program: String, folder: String, implementations: [Implementation],
        readStatistics: @escaping ([UInt8]) -> StatisticsPicture?
    ) {
        self.program = program
        self.folder = folder
        self.implementations = implementations
        self.readStatistics = readStatistics
    }
}
