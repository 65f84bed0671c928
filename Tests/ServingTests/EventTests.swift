import Scheduling
import Testing

@testable import Serving

@Suite("Events over HTTP") struct EventTests {
    private let path = "/v1/sessions/alice/default/events"

    @Test("Events are listed with previews, and whole when that is asked for")
    func lists() async throws {
        try await withClient(.router) { client in
            let listed = try await client.send("GET", path).json()
            let events = try #require(listed["data"]?.elements)
            #expect(
                events.map { $0["kind"] } == ["observe", "completion", "feedback", "checkpoint"])
            #expect(events[0]["text"] == "The heron" && events[0]["preview"] == nil)
            #expect(events[0]["reward"] == -0.5)
            #expect(events[0]["bits_per_byte"] == ["frozen": 3.0, "adapted": 2.0])
            #expect(events[1]["bits_per_byte"] == nil)
            #expect(events[0]["forgotten"] == false)
            #expect(events[1]["preview"] == "Long" && events[1]["text"] == nil)
            // Letters alone do not tell a control token from its name.
            #expect(events[0]["token_ids"] == nil)
            #expect(events[1]["token_ids"] == [0, 5])
            let verdict = events[2]["verdicts"]?.elements.first
            #expect(verdict?["answer"] == " heron" && verdict?["answer_token_ids"] == nil)
            #expect(verdict?["prompt"] == "The" && verdict?["prompt_token_ids"] == [0])
            #expect(events[3]["target"] == "ckpt-1")
            #expect(listed["has_more"] == false)
            let whole = try await client.send("GET", path + "?text=true&limit=1&after=ev_1").json()
            #expect(whole["data"]?.elements.first?["text"] == "Long")
            #expect(whole["has_more"] == true)
            let one = try await client.send("GET", path + "/ev_2").json()
            #expect(one["text"] == "Long")
            for (query, status) in [("?text=yes", 400), ("?limit=0", 400), ("?after=none", 404)] {
                #expect(try await client.send("GET", path + query).status == status)
            }
            #expect(try await client.send("GET", path + "/none").status == 404)
        }
    }

    @Test("Forgetting answers the receipt, or says why not and what to do")
    func forgets() async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("DELETE", path + "/ev_1")
            #expect(answer.status == 200)
            let receipt = try answer.json()
            #expect(receipt["object"] == "event.forgotten")
            #expect(receipt["event"] == "ev_1" && receipt["session"] == "alice/default")
            #expect(receipt["erased"] == true)
            #expect(receipt["replayed_events"] == 2)
            let session = try #require(receipt["sessions"]?.elements.first)
            #expect(session["revision"]?["before"] == 4 && session["revision"]?["after"] == 5)
            #expect(session["hash"]?["after"] == "bb")
            let checkpoint = receipt["checkpoints"]?.elements.first
            #expect(checkpoint?["id"] == "ckpt-1")
            #expect(checkpoint?["failed_probe"]?["name"] == "counting")
            for (event, status, code) in [
                ("none", 404, "event_not_found"), ("ev_4", 422, "not_forgettable"),
                ("ev_3", 409, "cannot_forget"), ("ev_2", 503, "not_erased"),
            ] {
                let refusal = try await client.send("DELETE", path + "/" + event)
                #expect(refusal.status == status)
                #expect(try refusal.json()["error"]?["code"] == .string(code))
            }
        }
    }
}
