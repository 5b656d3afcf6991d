import Foundation
import TestTapes
import Testing
import VPNNode
import VPNSimulator

@testable import vpncloud

/// The scenarios of the repository, with every node recorded.
@Suite("Every node of each scenario")
struct ScenarioReplayTests {
    /// The nodes that are recorded of one scenario at most, of those that start first.
    private static let mostNodes = 12

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "scenarios").path

    private static let files: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    @Test(
        "replays exactly", .enabled(if: !files.isEmpty, "the sources that the tests were built from are not here"),
        arguments: files)
    func replays(file: String) throws {
        let scenario = try readScenario(ofFile: "\(Self.folder)/\(file)")
        let run = try ScenarioRun(scenario)
        var tapes: [Tape] = []
        run.network.recorder = { _ in
            guard tapes.count < Self.mostNodes else { return nil }
            let tape = Tape()
            tapes.append(tape)
            return tape.recorder
        }
        try run.advance(to: run.end)
        #expect(!tapes.isEmpty)
        for tape in tapes {
            let played = Played(tape.bytes)
            #expect(played.error == nil)
            let replay = try RecordingReplay(try #require(played.head))
            for entry in played.entries.dropFirst() { try replay.take(entry) }
            #expect(replay.counts.inputs > 0 && replay.counts.inputs == played.inputs.count)
        }
    }
}
