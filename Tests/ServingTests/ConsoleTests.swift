import Foundation
import Testing

@testable import Serving

@Suite("The console") struct ConsoleTests {
    private static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/CConsole/page")

    @Test(
        "A browser gets the page, other programs where to find what", arguments: Transport.allCases)
    func frontPage(transport: Transport) async throws {
        try await withClient(transport) { client in
            let text = try await client.send("GET", "/", headers: ["Accept": "*/*"])
            #expect(text.status == 200)
            #expect(text.text.contains("/openapi.json") && text.text.contains("fake-core"))
            for accepted in ["text/html,application/xml;q=0.9,*/*;q=0.8", "a/b, Text/HTML"] {
                let page = try await client.send("GET", "/", headers: ["Accept": accepted])
                #expect(page.status == 200)
                #expect(page.headers["Content-Type"] == "text/html; charset=utf-8")
                #expect(page.headers["Vary"] == "Accept")
                #expect(page.text.hasPrefix("<!doctype html>"))
            }
        }
    }

    @Test("Every file of the folder is in the program as it is, under its own type")
    func files() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(names.count > 10)
        #expect(Set(names) == ConsoleFiles().names)
        try await withClient(.router) { client in
            for name in names where name != ConsoleFiles.page {
                let file = try await client.send("GET", "/console/" + name)
                #expect(file.status == 200)
                let bytes = try Data(contentsOf: Self.folder.appendingPathComponent(name))
                #expect(file.body == Array(bytes), "\(name)")
                let type = file.headers["Content-Type"]?.split(separator: ";").first
                #expect(ConsoleFiles.mediaTypes.contains(String(type ?? "")), "\(name)")
            }
            for path in ["index.html", "none.js", "..%2Fshim.h", "%2e%2e"] {
                #expect(try await client.send("GET", "/console/" + path).status == 404)
            }
        }
    }

    @Test("A page that a browser has is not sent again", arguments: Transport.allCases)
    func entityTags(transport: Transport) async throws {
        try await withClient(transport) { client in
            let first = try await client.send("GET", "/console/main.js")
            let tag = try #require(first.headers["ETag"])
            for known in [tag, "W/" + tag, "\"other\", \(tag)"] {
                let again = try await client.send(
                    "GET", "/console/main.js", headers: ["If-None-Match": known])
                #expect(again.status == 304 && again.body.isEmpty)
                #expect(again.headers["ETag"] == tag)
            }
            let changed = try await client.send(
                "GET", "/console/main.js", headers: ["If-None-Match": "\"other\""])
            #expect(changed.status == 200 && changed.body == first.body)
        }
    }

    @Test("The page can load nothing but its own files, and names no other place")
    func policy() async throws {
        try await withClient(.router) { client in
            let page = try await client.send("GET", "/", headers: ["Accept": "text/html"])
            let policy = try #require(page.headers["Content-Security-Policy"])
            let rules = Set(policy.split(separator: ";").map { $0.drop { $0 == " " } })
            #expect(
                rules.isSuperset(of: [
                    "default-src 'none'", "script-src 'self'", "style-src 'self'",
                    "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                    "form-action 'none'", "require-trusted-types-for 'script'",
                ]))
            #expect(!policy.contains("unsafe") && !policy.contains("*"))
            #expect(page.headers["X-Content-Type-Options"] == "nosniff")
            #expect(page.headers["Referrer-Policy"] == "no-referrer")
            // Neither inline scripts nor styles, which the policy would stop, nor other hosts.
            #expect(!page.text.contains("<style") && !page.text.contains("style="))
            #expect(page.text.components(separatedBy: "<script").count == 2)
            #expect(page.text.contains(#"<script type="module" src="console/main.js"></script>"#))
            for name in ConsoleFiles().names {
                let text = String(decoding: ConsoleFiles()[name]!.bytes, as: UTF8.self)
                let hosts = text.components(separatedBy: "://").dropLast().map { $0.suffix(5) }
                // Namespaces, which nobody fetches.
                let isSVG = text.contains("http://www.w3.org/2000/svg")
                #expect(hosts.count == (isSVG ? 1 : 0), "\(name)")
                for maker in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"] {
                    #expect(!text.contains(maker), "\(name): \(maker)")
                }
            }
        }
    }
}
