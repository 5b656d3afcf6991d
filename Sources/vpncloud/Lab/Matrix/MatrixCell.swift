import VPNLab
import VPNNode
import VPNProtocol

/// What two programs are to do with each other: one waits, the other connects, both with the same settings.
struct MatrixCell: Hashable {
    /// The indices of the programs.
    let connecting: Int
    let listening: Int
    let device: DeviceType
    let mode: ForwardingMode
    let cipher: CryptoMethod
    let dialect: Dialect

    /// The settings that tell it from others: `tun, router, aes256, dialect 1`.
    var settings: String { "\(device.rawValue), \(mode.rawValue), \(cipher), dialect \(dialect.rawValue)" }
}

/// A program of a matrix.
struct MatrixProgram {
    let implementation: Implementation
    /// The absolute path of its file; nil for this program.
    let path: String?

    var name: String { implementation.name }
}

/// Programs, and the values of each setting that they are to have with each other.
struct MatrixAxes {
    var programs: [MatrixProgram]
    var devices: [DeviceType] = [.tun, .tap]
    var modes: [ForwardingMode] = [.hub, .switch, .router, .normal]
    var ciphers = CryptoMethod.allCases
    var dialects = Dialect.allCases

    /// Each program with each, either way, with all settings. In the order in which a table has them.
    var cells: [MatrixCell] {
        programs.indices.flatMap { connecting in
            programs.indices.flatMap { listening in cells(from: connecting, to: listening) }
        }
    }

    private func cells(from connecting: Int, to listening: Int) -> [MatrixCell] {
        devices.flatMap { device in
            modes.flatMap { mode in
                ciphers.flatMap { cipher in
                    dialects.map { dialect in
                        MatrixCell(
                            connecting: connecting, listening: listening, device: device, mode: mode, cipher: cipher,
                            dialect: dialect)
                    }
                }
            }
        }
    }

    /// So few of the cells that any two values which meet in one of all meet in one of these. Faults that it takes three
    /// settings to show may be missed.
    var pairwiseCells: [MatrixCell] {
        let cells = cells
        var missing = Set(cells.flatMap(\.meetings))
        var chosen: [MatrixCell] = []
        while !missing.isEmpty {
            // The first of those with the most that is missing: the choice is always the same.
            var best: (cell: MatrixCell, count: Int)?
            for cell in cells {
                let count = cell.meetings.count { missing.contains($0) }
                if count > best?.count ?? 0 { best = (cell, count) }
            }
            guard let best else { break }
            missing.subtract(best.cell.meetings)
            chosen.append(best.cell)
        }
        return cells.filter(chosen.contains)
    }
}

extension MatrixCell {
    /// All pairs of its values, each with the places that they stand in.
    fileprivate var meetings: [[String]] {
        let values = [
            "\(connecting) to \(listening)", device.rawValue, mode.rawValue, "\(cipher)", dialect.rawValue,
        ].enumerated().map { "\($0.offset) \($0.element)" }
        return values.indices.flatMap { first in
            values[(first + 1)...].map { [values[first], $0] }
        }
    }
}
