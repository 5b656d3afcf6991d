import ArgumentParser

/// `vpncloud sim replay FILE`: does once more what a node has recorded.
struct SimReplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Replay what a running node has recorded with --record.",
        discussion: """
            Tells a new node all that the recorded one was told, with the same times, and compares what comes out, round by \
            round. The first difference is shown with its time, its round, and what differs. The key of the network is not \
            needed, and not in the file (docs/recording.md).

            The exit status is 0 when all is the same, 1 when something differs or the file is damaged, and 2 for wrong \
            options. A file that just stops, as after a power failure, is replayed as far as it goes.

            EXAMPLES:
              vpncloud sim replay node.rec -v
              vpncloud sim replay node.rec --pcap captures
            """)

    @Argument(help: "The recording.", completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp(
            "Write what the node exchanged with its device and its peers to pcap files in this folder.",
            valueName: "dir"), completion: .directory)
    var pcap: String?

    @Option(
        help: ArgumentHelp("Write the event log, every message a line, to this file.", valueName: "file"),
        completion: .file())
    var log: String?

    @Flag(
        name: [.short, .customLong("verbose")],
        help: "Print what happens: once for events, twice for frames too, three times for every message.")
    var verbosity: Int

    func run() throws {
        let lines = try log.map { path throws(Failure) in try LineOutput(eventLog: path) }
        let session = try ReplaySession(file, captures: pcap, log: lines, verbosity: verbosity)
        if try session.run() == .different { throw ExitCode(1) }
    }
}
