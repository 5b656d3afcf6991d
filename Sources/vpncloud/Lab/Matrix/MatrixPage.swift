import VPNNode
import VPNProtocol
import VPNSimulator

/// A matrix as a page of HTML that needs nothing else: tables in colours, and what is to be said of each cell that is not ok.
struct MatrixPage {
    let report: MatrixReport

    private static let style = """
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: .9rem; }
        th, td { border: 1px solid #ddd; padding: .2rem .6rem; text-align: center; }
        th { background: #f4f4f4; font-weight: 600; } tbody th { text-align: left; }
        .ok { background: #d9f2dc; } .failed { background: #f9d6d5; font-weight: 600; } .not_judged { color: #777; }
        td a { color: inherit; } .good { color: #18722b; } .bad { color: #a61b1b; }
        pre { background: #f7f7f7; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
        @media (prefers-color-scheme: dark) {
          body { background: #181818; color: #ddd; } th { background: #262626; } th, td { border-color: #3a3a3a; }
          .ok { background: #1d3b23; } .failed { background: #55201f; } pre { background: #222; }
          .good { color: #7bd08d; } .bad { color: #f28b82; }
        }
        """

    /// The page, in UTF-8.
    var text: String {
        let verdict = report.isGood ? "good" : "bad"
        var lines = [
            "<!DOCTYPE html>", #"<html lang="en">"#, "<head>", #"<meta charset="utf-8">"#,
            #"<meta name="viewport" content="width=device-width, initial-scale=1">"#,
            "<title>Who gets along with whom</title>", "<style>", Self.style, "</style>", "</head>", "<body>",
            "<h1>Who gets along with whom</h1>", "<p class=\"\(verdict)\">\(xmlText(report.summary))</p>", "<ul>",
        ]
        lines += MatrixReport.legend.map { "<li>\(xmlText($0))</li>" } + ["</ul>"]
        for (number, table) in report.tables.enumerated() { lines += self.lines(of: table, number) }
        return (lines + ["</body>", "</html>"]).joined(separator: "\n") + "\n"
    }

    private func lines(of table: MatrixReport.Table, _ number: Int) -> [String] {
        var lines = ["<h2>\(xmlText(table.title))</h2>", #"<div class="wide">"#, "<table>", "<thead>"]
        let span = report.axes.dialects.count
        lines.append(
            #"<tr><th rowspan="2">device</th><th rowspan="2">mode</th>"#
                + report.axes.ciphers.map { "<th colspan=\"\(span)\">\($0)</th>" }.joined() + "</tr>")
        lines.append("<tr>\(report.columns.map { "<th>\($0.dialect.rawValue)</th>" }.joined())</tr>")
        lines += ["</thead>", "<tbody>"]
        for row in table.rows {
            let cells = row.results.map { result in
                guard let result else { return "<td></td>" }
                let word = result.verdict.word
                let text = result.verdict == .ok ? word : "<a href=\"#\(anchor(result, number))\">\(word)</a>"
                return "<td class=\"\(result.verdict.name)\">\(text)</td>"
            }
            lines.append(
                "<tr><th>\(row.device.rawValue)</th><th>\(row.mode.rawValue)</th>\(cells.joined())</tr>")
        }
        lines += ["</tbody>", "</table>", "</div>"]
        for result in table.remarkable {
            lines.append("<h3 id=\"\(anchor(result, number))\">\(xmlText(result.cell.settings))</h3>")
            let text = (result.reasons + (result.parting?.lines ?? [])).joined(separator: "\n")
            lines.append("<pre>\(xmlText(text))</pre>")
        }
        return lines
    }

    private func anchor(_ result: CellResult, _ number: Int) -> String {
        let cell = result.cell
        return "t\(number)-\(cell.device.rawValue)-\(cell.mode.rawValue)-\(cell.cipher)-\(cell.dialect.rawValue)"
    }
}
