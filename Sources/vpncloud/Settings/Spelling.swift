/// Advice about names that do not exist.
enum Spelling {
    /// The most names that are compared, which takes a moment each.
    private static let maximumCompared = 200
    /// The most names that a message lists.
    private static let maximumListed = 40

    /// The name that was probably meant, else all of them.
    ///
    /// - Parameter kind: what the names are, in the plural.
    static func advice(onUnknown name: String, among names: [String], called kind: String) -> String {
        let normalised = name.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }
        let nearest = names.prefix(maximumCompared).map { known in
            (known, min(editDistance(Array(known), normalised), editDistance(Array(known), Array(name))))
        }.min { $0.1 < $1.1 }
        if let (known, distance) = nearest, distance <= max(2, name.count / 3), distance < name.count {
            return "did you mean '\(known)'?"
        }
        guard !names.isEmpty else { return "there are no \(kind)" }
        let listed = names.prefix(maximumListed).joined(separator: ", ")
        return "the \(kind) are \(listed)\(names.count > maximumListed ? ", …" : "")"
    }

    /// How many characters must be inserted, deleted, or replaced (Levenshtein).
    private static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        // A text much longer than any key is far from all of them.
        guard right.count <= 64 else { return .max }
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (character == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, min(row[column], diagonal) + 1)
            }
        }
        return row[right.count]
    }
}
