import Foundation
import Testing
import VPNCaptures
import VPNNode
import VPNProtocol

@testable import VPNLab
@testable import VPNSimulator
@testable import vpncloud

/// The parts of `lab matrix` that need no kernel.
@Suite("The matrix of programs")
struct MatrixTests {
    private static let own = MatrixProgram(implementation: .own, path: nil)
    private static var absent: MatrixProgram {
        var program = Implementation(name: "absent \"1\"", program: .other("/nonexistent/program"))
        program.dialects = ["1"]
        return MatrixProgram(implementation: program, path: "/some/file \"1\".yaml")
    }
    private static let axes = MatrixAxes(programs: [own, absent])
    private static let cell = MatrixCell(
        connecting: 0, listening: 0, device: .tun, mode: .router, cipher: .chacha20, dialect: .v1)

    @Test("has each program with each, either way, with all settings")
    func cells() {
        #expect(Self.axes.cells.count == 4 * 2 * 4 * 3 * 4)
        #expect(Set(Self.axes.cells).count == 384)
    }

    @Test("can be cut down to so few cells that any two values still meet")
    func pairwise() {
        func pairs(_ cells: [MatrixCell]) -> Set<[String]> {
            Set(
                cells.flatMap { cell in
                    let values = [
                        "\(cell.connecting)-\(cell.listening)", cell.device.rawValue, cell.mode.rawValue,
                        "cipher \(cell.cipher)", "dialect \(cell.dialect.rawValue)",
                    ]
                    return values.flatMap { first in values.filter { $0 != first }.map { [first, $0] } }
                })
        }
        let few = Self.axes.pairwiseCells
        // Two axes of four values each have 16 pairs, and so it takes 16 cells at least.
        #expect((16...24).contains(few.count), "\(few.count)")
        #expect(pairs(few) == pairs(Self.axes.cells))
        #expect(Self.axes.pairwiseCells == few)
    }

    @Test("plays scenarios that hold in the simulator, for all settings", arguments: [DeviceType.tun, .tap])
    func scenarios(device: DeviceType) throws {
        var axes = MatrixAxes(programs: [Self.own])
        axes.devices = [device]
        for cell in axes.cells {
            let plan = CellScenario(cell: cell, programs: axes.programs)
            let scenario = try ScenarioFile.read(Array(plan.text.utf8), name: plan.fileName)
            let report = try ScenarioRun(scenario).finish()
            #expect(report.passed, "\(plan.name): \(report.failureText)")
            let result = CellResult(cell, plan.name, report)
            #expect(result.verdict == .ok && MatrixStep.allCases.allSatisfy { result.outcome(of: $0) == true })
        }
    }

    @Test("writes names and paths into scenarios so that they are read back, whatever is in them")
    func quoting() throws {
        let cell = MatrixCell(
            connecting: 1, listening: 0, device: .tap, mode: .hub, cipher: .none, dialect: .v1)
        let plan = CellScenario(cell: cell, programs: Self.axes.programs)
        #expect(!plan.fileName.contains("\"") && !plan.fileName.contains("/"))
        let scenario = try ScenarioFile.read(Array(plan.text.utf8), name: plan.fileName)
        #expect(scenario.name == plan.name)
        #expect(scenario.nodes.map(\.implementation) == [nil, "/some/file \"1\".yaml"])
    }

    /// Why a program cannot have the settings of a cell.
    private static func refusal(_ cell: MatrixCell, _ change: (inout Implementation) -> Void) throws -> String? {
        var implementation = Implementation.own
        change(&implementation)
        let program = MatrixProgram(implementation: implementation, path: nil)
        let plan = CellScenario(cell: cell, programs: [program])
        let scenario = try ScenarioFile.read(Array(plan.text.utf8), name: plan.fileName)
        return try scenario.refusal(by: [implementation, implementation])
    }

    @Test("knows what a program cannot do before it is started")
    func refusals() throws {
        #expect(try Self.refusal(Self.cell) { _ in } == nil)
        let missing = try Self.refusal(Self.cell) { $0.program = .other("/nonexistent/program") }
        #expect(missing == "vpncloud: there is no program '/nonexistent/program'")
        let folder = try Self.refusal(Self.cell) { $0.program = .other("/tmp") }
        #expect(folder == "vpncloud: there is no program '/tmp'")
        let old = try Self.refusal(Self.cell) { $0.dialects = ["0.8"] }
        #expect(old == "vpncloud does not speak the dialect 1")
        func onlyHub(_ implementation: inout Implementation) {
            implementation.settings.removeAll { $0.key == "mode" }
            implementation.unsupported = ["mode": "hub"]
        }
        #expect(try Self.refusal(Self.cell, onlyHub) == "vpncloud has no option for mode: router")
        let hub = MatrixCell(
            connecting: 0, listening: 0, device: .tun, mode: .hub, cipher: .aes256, dialect: .manual)
        #expect(try Self.refusal(hub, onlyHub) == nil)
    }

    @Test(
        "can start the programs that files come with, in each dialect that they speak",
        .enabled(if: ProjectSources.exist, "the sources that the tests were built from are not here"),
        arguments: ["vpncloud", "reference", "field-0.8", "field-0.9", "field-1.x"])
    func startable(name: String) throws {
        let file = try ImplementationFile.read("\(ProjectSources.root.path)/implementations/\(name).yaml")
        for cell in MatrixAxes(programs: [Self.own]).cells where file.dialects.contains(cell.dialect.rawValue) {
            let refusal = try Self.refusal(cell) { implementation in
                implementation = file
                // Whether it is here makes no difference.
                implementation.program = .own
            }
            #expect(refusal == nil, "\(cell.settings)")
        }
    }

    private func scenario(_ change: (String) -> String = { $0 }) throws -> Scenario {
        let plan = CellScenario(cell: Self.cell, programs: [Self.own])
        return try ScenarioFile.read(Array(change(plan.text).utf8), name: "cell.yaml")
    }

    @Test("finds no parting where both say the same at other times, and again")
    func noParting() throws {
        let model = try Conversation.simulated(try scenario(), Self.cell)
        #expect(model.utterances.count > 20)
        #expect(Parting(of: model, from: model) == nil)
        let slow = try scenario { text in
            text.replacing("internet: {}", with: "internet: { latency: 80ms }")
                .replacing("{ name: listens,", with: "{ name: listens, start: 1500ms,")
        }
        let seen = try Conversation.simulated(slow, Self.cell)
        #expect(seen.utterances != model.utterances)
        let parting = Parting(of: seen, from: model)
        #expect(parting == nil, "\(parting?.lines ?? [])")
    }

    @Test("shows the first packet that is another one, decoded, beside the one that was to come")
    func parting() throws {
        let model = try Conversation.simulated(try scenario(), Self.cell)
        let other = try scenario { $0.replacing("subnets: [10.0.2.0/24]", with: "subnets: []") }
        let seen = try Conversation.simulated(other, Self.cell)
        let parting = try #require(Parting(of: seen, from: model))
        #expect(parting.side == .connecting)
        #expect(parting.said == "init, stage 0 (request), its id, no subnets, timeout 1800 s")
        #expect(parting.expected == "init, stage 0 (request), its id, subnets 10.0.2.0/24, timeout 1800 s")
        #expect(parting.bytes?.hasPrefix("76706e01") == true)
        let foreign = try Conversation.simulated(
            try scenario { $0.replacing("{ name: connects,", with: "{ name: connects, shared_key: other,") }, Self.cell)
        let refused = try #require(Parting(of: foreign, from: model))
        #expect(refused.said?.hasSuffix("bytes that is not opened: another key, or damaged") == true)
        #expect(refused.expected?.hasPrefix("init, stage 0") == true)
        let silent = try Conversation(of: Self.cell, addresses: [])
        let nothing = try #require(Parting(of: silent, from: model))
        #expect(nothing.said == nil && nothing.bytes == nil && nothing.expected?.hasPrefix("init, stage 0") == true)
    }

    /// A matrix of one cell that is well, one that is not, and one that cannot be.
    private func report() throws -> MatrixReport {
        var axes = Self.axes
        (axes.devices, axes.modes) = ([.tun], [.router])
        (axes.ciphers, axes.dialects) = ([.none, .chacha20], [.v1])
        let cells = axes.cells
        let results = try cells.map { cell in
            let plan = CellScenario(cell: cell, programs: axes.programs)
            if cell.listening == 1 { return CellResult(cell, plan.name, refusal: "it is <absent>") }
            func played(_ scenario: Scenario) throws -> CellResult {
                var report = try ScenarioRun(scenario).finish()
                report.world = .lab
                return CellResult(cell, plan.name, report)
            }
            guard cell.connecting == 1 else { return try played(try scenario()) }
            let broken = try scenario { $0.replacing("  - { at: 13000ms, stop: connects }\n", with: "") }
            var result = try played(broken)
            result.parting = Parting(
                of: try Conversation.simulated(broken, Self.cell),
                from: try Conversation.simulated(try scenario(), Self.cell))
            return result
        }
        return MatrixReport(axes: axes, results: results)
    }

    @Test("is printed as tables, with what failed and why")
    func text() throws {
        let lines = MatrixText(report: try report()).lines
        #expect(
            lines.prefix(4) == [
                "vpncloud connects to vpncloud", "              none  chacha20", "              1     1",
                "  tun  router ok    ok",
            ])
        #expect(lines.last == "8 cells: 2 ok, 2 failed, 4 not judged")
        #expect(lines.contains { $0.hasSuffix(": CLOSE") })
        #expect(
            lines.contains {
                $0.contains("{ always: { disconnected: [[listens], [connects]] }, from: 14300ms, to: 14900ms }: ")
            })
        #expect(lines.contains { $0.contains("they part at ") && $0.hasSuffix("where connects says") })
        #expect(lines.contains("      close"))
        #expect(lines.count { $0.hasSuffix("it is <absent>") } == 1, "what is missing is told of once")
    }

    @Test("is a document in Markdown with a cell for each")
    func markdown() throws {
        let text = MatrixText(report: try report()).markdown(origin: "Made here.")
        #expect(text.hasPrefix("# Who gets along with whom\n\nMade here.\n\n- ok: "))
        #expect(text.contains("| tun | router | ok | ok |\n"))
        #expect(text.contains("| tun | router | CLOSE | CLOSE |\n"))
        #expect(text.hasSuffix("8 cells: 2 ok, 2 failed, 4 not judged.\n"))
    }

    @Test("is a page of HTML whose links lead to what is said of a cell")
    func page() throws {
        let text = MatrixPage(report: try report()).text
        #expect(text.hasPrefix("<!DOCTYPE html>"))
        #expect(text.contains(##"<td class="failed"><a href="#t2-tun-router-none-1">CLOSE</a></td>"##))
        #expect(text.contains(#"<h3 id="t2-tun-router-none-1">"#))
        #expect(text.contains("it is &lt;absent&gt;") && !text.contains("<absent>"))
        for tag in ["table", "tr", "td", "th", "h2", "h3", "pre", "ul", "body"] {
            let (opened, closed) = (
                text.components(after: "<\(tag)"), text.components(after: "</\(tag)>")
            )
            #expect(opened == closed && opened > 0, "\(tag)")
        }
    }

    @Test("is JSON with verdict, steps and the packets where cells part, and JUnit")
    func documents() throws {
        let document = MatrixDocument(report: try report())
        let root = try #require(try YAMLNode.parse(Array(document.json.utf8)))
        #expect(root["format"]?.text == "vpncloud-matrix" && root["passed"]?.text == "false")
        #expect(root["counts"]?["cells"]?.number == 8 && root["counts"]?["failed"]?.number == 2)
        let cells = try #require(root["cells"]?.items)
        #expect(
            cells.map { $0["verdict"]?.text } == ["ok", "ok"] + Array(repeating: "not_judged", count: 2)
                + ["failed", "failed"] + Array(repeating: "not_judged", count: 2))
        #expect(cells[4]["steps"]?["restarts"]?.text == "true" && cells[4]["steps"]?["closes"]?.text == "false")
        #expect(cells[4]["parting"]?["said"]?.text == nil && cells[4]["parting"]?["expected"]?.text == "close")
        #expect(cells[4]["connecting"]?.text == "absent \"1\"")
        let junit = document.junit
        #expect(
            junit.contains("<testsuites name=\"vpncloud lab\" tests=\"8\" failures=\"2\" errors=\"0\" skipped=\"4\""))
        #expect(junit.contains("<testsuite name=\"vpncloud connects to vpncloud\" tests=\"2\""))
    }
}

extension String {
    /// How often another text is in it, where neither a letter nor a digit follows.
    fileprivate func components(after text: String) -> Int {
        ranges(of: text).count { range in
            range.upperBound == endIndex || !self[range.upperBound].isLetter && !self[range.upperBound].isNumber
        }
    }
}
