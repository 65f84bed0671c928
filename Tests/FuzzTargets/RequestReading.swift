import Serving

enum RequestReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        guard let document = try? JSONParser.parse(input) else { return false }
        let written = document.serialized()
        let again = try must("reading back") { try JSONParser.parse(written) }
        try expect(again == document, "the document changes")
        try expect(again.serialized() == written, "the bytes change")
        return true
    }

    static func seeds() -> [[UInt8]] {
        [
            #"{"user":"alice","prompt":["a","\u00e9\ud83d\ude00"],"max_tokens":16,"#
                + #""temperature":0.7,"stop":null,"stream":true,"plasticity":{"mode":"compare"}}"#,
            #"{"text":"line\n\t\"quoted\" \\ \/ \b\f\r","reward":-1e-3,"session":"a/b"}"#,
            #"[[],{},0,-0.0,1E+30,9223372036854775807,-9223372036854775808,1.7976931348623157e308]"#,
            #"{"terms":[{"checkpoint":"a","scale":1},{"session":"b","scale":-0.5}],"into":"c"}"#,
        ].map { Array($0.utf8) }
    }
}
