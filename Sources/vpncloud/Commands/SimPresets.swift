import ArgumentParser
import VPNSimulator

/// `vpncloud sim presets`: prints what the presets of NAT boxes stand for.
struct SimPresets: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presets", abstract: "Print the presets of NAT boxes with their axes (RFC 4787 and 6888).")

    func run() {
        let presets = NATModel.Preset.allCases.map { (name: $0.rawValue, axes: NATModel($0).axes) }
        var rows = [[""] + presets.map(\.name)]
        for (index, axis) in NATModel().axes.enumerated() {
            rows.append([axis.name] + presets.map { $0.axes[index].value })
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            print(line)
        }
    }
}
