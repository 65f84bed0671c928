/// Whether a request's head leaves no doubt where the request ends and for whom it is (RFC 9112,
/// sections 3.2, 5.1 and 6.3).
///
/// libmicrohttpd believes the first of two lengths, and a chunked body beside a length. Another
/// program on the way may believe the other, and then a part of the body is a request of its own
/// to one of the two. So a head with any doubt is refused, and its connection closed.
///
/// What libmicrohttpd 0.9.75 does not show cannot be judged here: it ends a value at a NUL, drops a
/// header without a name, and adds a folded line to its header's *name*.
enum RequestFraming {
    /// - Throws: `.malformedRequest`.
    static func check(_ head: HTTPRequest) throws(RequestError) {
        func require(_ holds: Bool, _ reason: String) throws(RequestError) {
            if !holds { throw .malformedRequest(reason: reason) }
        }
        try require(head.method.utf8.allSatisfy(isTokenCharacter), "the method is no word")
        // Bytes beyond ASCII pass: people type names with them.
        try require(
            head.target.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f },
            "the target has a space or a control character")
        for field in head.headers.fields {
            try require(
                !field.name.isEmpty && field.name.utf8.allSatisfy(isTokenCharacter),
                "a header's name is empty, or has a space or another character that none may have")
            // A folded line has become a part of the name: it was the value.
            try require(
                !["content-length", "transfer-encoding"].contains {
                    field.name.utf8.count > $0.utf8.count
                        && field.name.lowercased().hasPrefix($0)
                }, "a header that a body's end depends on is folded")
            try require(
                field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 },
                "a header's value has a control character")
        }
        let hosts = head.headers.values(of: "Host").count
        try require(hosts <= 1, "\(hosts) Host headers")
        let isOld = head.version == "HTTP/1.0"
        try require(hosts == 1 || isOld, "no Host header")
        let lengths = head.headers.values(of: "Content-Length")
        try require(lengths.count <= 1, "\(lengths.count) Content-Length headers")
        if let length = lengths.first {
            try require(
                !length.isEmpty && length.utf8.allSatisfy { (0x30...0x39).contains($0) },
                "Content-Length is no whole number")
        }
        let codings = head.headers.values(of: "Transfer-Encoding")
        guard !codings.isEmpty else { return }
        try require(lengths.isEmpty, "Content-Length and Transfer-Encoding together")
        try require(!isOld, "Transfer-Encoding in HTTP/1.0")
        try require(
            codings.count == 1 && codings[0].lowercased() == "chunked",
            "a Transfer-Encoding other than chunked")
    }

    /// RFC 9110's `tchar`.
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
