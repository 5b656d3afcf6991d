import VPNNode
import VPNProtocol
import VPNSimulator

/// A matrix for terminals, and as Markdown for documents.
struct MatrixText {
    let report: MatrixReport

    /// The tables, then what failed, then everything in one line.
    var lines: [String] {
        var lines: [String] = []
        for table in report.tables { lines += self.lines(of: table) + [""] }
        for table in report.tables { lines += table.remarkable.filter(isWorthSaying).flatMap(details) }
        let words = Set(report.results.map(\.verdict.word))
        if words.contains(where: { $0 != "ok" }) { lines += MatrixReport.legend }
        return lines + [report.summary]
    }

    private func lines(of table: MatrixReport.Table) -> [String] {
        let columns = report.columns
        let words = table.rows.map { row in row.results.map { $0?.verdict.word ?? "" } }
        var widths = columns.indices.map { column in
            max(columns[column].dialect.rawValue.count, words.map { $0[column].count }.max() ?? 0) + 2
        }
        let margin = 14
        var head = String(repeating: " ", count: margin)
        for (number, cipher) in report.axes.ciphers.enumerated() {
            let last = (number + 1) * report.axes.dialects.count - 1
            let width = widths[(last + 1 - report.axes.dialects.count)...last].reduce(0, +)
            // The name has room above its columns, and a gap behind them.
            let missing = max(1, "\(cipher)".count + 2 - width)
            widths[last] += missing
            head += padded("\(cipher)", width + missing)
        }
        let dialects = line("", columns.map(\.dialect.rawValue), widths, margin)
        return [table.title, trimmed(head), dialects]
            + zip(table.rows, words).map { row, words in
                line("  \(row.device.rawValue)  \(row.mode.rawValue)", words, widths, margin)
            }
    }

    private func line(_ title: String, _ words: [String], _ widths: [Int], _ margin: Int) -> String {
        var line = padded(title, margin)
        for (word, width) in zip(words, widths) { line += padded(word, width) }
        return trimmed(line)
    }

    private func trimmed(_ text: String) -> String {
        String(text.reversed().drop { $0 == " " }.reversed())
    }

    /// A program that is missing is told of once, not in every cell.
    private func isWorthSaying(_ result: CellResult) -> Bool {
        guard result.verdict == .notJudged else { return true }
        return report.results.first { $0.verdict == .notJudged && $0.reasons == result.reasons }?.cell == result.cell
    }

    private func details(_ result: CellResult) -> [String] {
        let lines = result.reasons + (result.parting?.lines ?? [])
        return ["\(result.name): \(result.verdict == .notJudged ? "not judged" : result.verdict.word)"]
            + lines.map { "    \($0)" } + [""]
    }
}

extension MatrixText {
    /// A document in Markdown.
    ///
    /// - Parameter origin: how it was made, as a sentence.
    func markdown(origin: String) -> String {
        var lines = ["# Who gets along with whom", "", origin, ""]
        lines += MatrixReport.legend.map { "- \($0)" } + [""]
        for table in report.tables {
            lines += ["## \(table.title)", ""]
            lines.append(
                "| device | mode |"
                    + report.columns.map { " \($0.cipher)<br>\($0.dialect.rawValue) |" }.joined())
            lines.append("|---|---|" + report.columns.map { _ in "---|" }.joined())
            lines += table.rows.map { row in
                "| \(row.device.rawValue) | \(row.mode.rawValue) |"
                    + row.results.map { " \($0?.verdict.word ?? "") |" }.joined()
            }
            lines.append("")
            for result in table.remarkable where isWorthSaying(result) {
                lines.append("- \(result.name): \(result.reasons.joined(separator: "; "))")
            }
            if table.remarkable.contains(where: isWorthSaying) { lines.append("") }
        }
        return (lines + ["\(report.summary)."]).joined(separator: "\n") + "\n"
    }
}
