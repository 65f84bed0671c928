/// The framing of a server-sent event stream (WHATWG HTML, section 9.2).
enum ServerSentEvents {
    static let headers: HTTPHeaders = [
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        // Tells nginx not to collect the stream before passing it on.
        "X-Accel-Buffering": "no",
    ]

    /// One event. Serialised JSON has no line breaks, so that one `data:` line holds it.
    static func event(_ value: JSONValue) -> [UInt8] {
        Array("data: ".utf8) + value.serialized() + Array("\n\n".utf8)
    }

    /// What ends a stream of OpenAI's.
    static let done = Array("data: [DONE]\n\n".utf8)
}
