import ArgumentParser
import Engrams

/// Sites of an engram, with commas between them on the command line.
struct SiteList: ExpressibleByArgument, ExpressibleByArrayLiteral, Equatable {
    var sites: Set<PlasticSite>

    static let help = ArgumentHelp(
        "Leave these sites out, with commas between them: "
            + PlasticSite.allCases.map(\.rawValue).joined(separator: ", ") + ".",
        valueName: "sites")

    init(arrayLiteral elements: PlasticSite...) { sites = Set(elements) }

    /// Nil for a name that is none.
    init?(argument: String) {
        let found = argument.split(separator: ",").map { PlasticSite(rawValue: String($0)) }
        guard !found.isEmpty, !found.contains(nil) else { return nil }
        sites = Set(found.compactMap { $0 })
    }

    var defaultValueDescription: String { "none" }

    /// In the order of the sites.
    var names: [String] { PlasticSite.allCases.filter(sites.contains).map(\.rawValue) }
}
