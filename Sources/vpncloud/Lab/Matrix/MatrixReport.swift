import VPNNode
import VPNProtocol
import VPNSimulator

/// The results of a matrix, as tables that all formats have: one for each two programs.
struct MatrixReport {
    /// The results of two programs.
    struct Table {
        let connecting: String
        let listening: String
        let rows: [Row]
        /// All of its cells.
        let results: [CellResult]

        /// The cells that failed or were not judged.
        var remarkable: [CellResult] { results.filter { $0.verdict != .ok } }
        var title: String { "\(connecting) connects to \(listening)" }
    }

    /// The results with one device and mode, in the order of ``columns``; nil where the matrix has no such cell.
    struct Row {
        let device: DeviceType
        let mode: ForwardingMode
        let results: [CellResult?]
    }

    let axes: MatrixAxes
    let results: [CellResult]

    /// Cipher and dialect of each column.
    var columns: [(cipher: CryptoMethod, dialect: Dialect)] {
        axes.ciphers.flatMap { cipher in axes.dialects.map { (cipher, $0) } }
    }

    var tables: [Table] {
        let found = Dictionary(results.map { ($0.cell, $0) }) { first, _ in first }
        var tables: [Table] = []
        for connecting in axes.programs.indices {
            for listening in axes.programs.indices {
                let own = results.filter { ($0.cell.connecting, $0.cell.listening) == (connecting, listening) }
                guard !own.isEmpty else { continue }
                let rows = axes.devices.flatMap { device in
                    axes.modes.map { mode in
                        Row(
                            device: device, mode: mode,
                            results: columns.map { cipher, dialect in
                                found[
                                    MatrixCell(
                                        connecting: connecting, listening: listening, device: device, mode: mode,
                                        cipher: cipher, dialect: dialect)]
                            })
                    }
                }
                tables.append(
                    Table(
                        connecting: axes.programs[connecting].name, listening: axes.programs[listening].name,
                        rows: rows.filter { $0.results.contains { $0 != nil } },
                        results: own))
            }
        }
        return tables
    }

    var failed: Int { results.count { if case .failed = $0.verdict { true } else { false } } }
    var notJudged: Int { results.count { $0.verdict == .notJudged } }
    var isGood: Bool { failed == 0 }

    /// All in one line: `384 cells: 380 ok, 4 failed, 0 not judged`.
    var summary: String {
        let late = results.count { $0.isSecondTry && $0.verdict == .ok }
        let counts = "\(results.count - failed - notJudged) ok, \(failed) failed, \(notJudged) not judged"
        return "\(Count(results.count, "cell")): \(counts)\(late > 0 ? "; \(late) only at the second try" : "")"
    }

    /// What the words of failed cells mean.
    static let legend = [
        "ok: they connect, 1400 bytes pass both ways, they survive a restart and close cleanly",
        "CONNECT, DATA, RESTART, CLOSE: the first of these that fails; RULES: something that has to hold in any scenario",
        "-: not judged",
    ]
}
