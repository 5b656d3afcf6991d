/// The names that stand for nodes in a scenario: of single nodes, of groups, and of a group's members.
struct NodeNames {
    /// The names that are written, in the order of the file.
    private(set) var written: [String] = []
    private var counts: [String: Int?] = [:]
    private var places: [String: TextPosition] = [:]

    /// Adds a node, or a group of `count`.
    ///
    /// - Returns: why the name is taken; nil where it is not.
    mutating func add(_ name: String, count: Int?, at position: TextPosition) -> String? {
        if let first = places[name] { return "there is already a node '\(name)' in line \(first.line)" }
        if let group = group(ofMember: name), let first = places[group] {
            return "there is already a node '\(name)' in the group '\(group)' of line \(first.line)"
        }
        written.append(name)
        counts[name] = .some(count)
        places[name] = position
        return nil
    }

    /// Members of groups that are named like another node, each with that node and its place.
    var clashes: [(name: String, group: String, position: TextPosition)] {
        written.compactMap { name in
            guard let group = group(ofMember: name), let place = places[name] else { return nil }
            return (name, group, place)
        }
    }

    /// Whether a name stands for a node or several.
    func contains(_ name: String) -> Bool { counts[name] != nil || group(ofMember: name) != nil }

    /// How many nodes a name stands for.
    func size(of name: String) -> Int { (counts[name] ?? 1) ?? 1 }

    /// Whether a name is that of a group, not of a node.
    func isGroup(_ name: String) -> Bool { (counts[name] ?? nil) != nil }

    /// The name that is written for a node: its own, or that of its group.
    func plan(of name: String) -> String { group(ofMember: name) ?? name }

    /// Whether a node has both names.
    func overlap(_ left: String, _ right: String) -> Bool {
        left == right || group(ofMember: left) == right || group(ofMember: right) == left
    }

    /// What a name stands for, one node each.
    func members(of name: String) -> [String] {
        guard let count = counts[name] ?? nil else { return [name] }
        return (1...max(count, 1)).map { "\(name)-\($0)" }
    }

    /// What to do about a name that stands for no node, and for none of the records either where these count too.
    func advice(onUnknown name: String, records: [String] = []) -> String {
        Spelling.advice(
            onUnknown: name, among: written + records, called: records.isEmpty ? "nodes" : "nodes and records")
    }

    /// The group that has a member of this name, as `leaf` has `leaf-2`.
    private func group(ofMember name: String) -> String? {
        guard let dash = name.lastIndex(of: "-") else { return nil }
        let digits = name[name.index(after: dash)...]
        let group = String(name[..<dash])
        guard let count = counts[group] ?? nil, let number = Int(digits), String(number) == digits,
            (1...max(count, 1)).contains(number)
        else { return nil }
        return group
    }
}
