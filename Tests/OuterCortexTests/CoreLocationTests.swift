import Foundation
import Testing
import TinyCore

@testable import OuterCortex

@Suite("Where a core is") struct CoreLocationTests {
    private func folder(of names: [String]) throws -> String {
        let folder = TemporaryPlace.path("location")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for name in names { try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        return folder
    }

    @Test("A GGUF file has its folder beside it; of several files any stands for the first")
    func files() throws {
        let names = (1...3).map { "small-0000\($0)-of-00003.gguf" }
        let folder = try folder(of: names + ["other.gguf"])
        let other = try CoreLocation(folder + "/other.gguf")
        #expect(other.model == folder + "/other.gguf" && other.folder == folder + "/other")
        for name in names {
            let location = try CoreLocation("\(folder)/\(name)")
            #expect(location.model == "\(folder)/\(names[0])")
            #expect(location.folder == folder + "/small-00001-of-00003")
            #expect(location.name == "small-00001-of-00003")
        }
        #expect(throws: (any Error).self) { try CoreLocation(folder) }
    }

    @Test("A folder with one model in several files is that model")
    func folder() throws {
        let names = (1...2).map { "small-0000\($0)-of-00002.gguf" }
        let folder = try folder(of: names)
        let location = try CoreLocation(folder)
        #expect(location.model == "\(folder)/\(names[0])" && location.folder == folder)
    }
}
