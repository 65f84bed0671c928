import EngramStorage
import Engrams
import Testing

@testable import Scheduling

@Suite struct EngramResidencyTests {
    private func session(_ name: String, bytes: Int) -> ResidentSession {
        let identity = CortexIdentity(
            core: "c", sparseAutoencoder: "s", rule: "r", vocabularySize: 4, latentCount: 0,
            hiddenSize: 8)
        return ResidentSession(
            record: SessionRecord(
                id: SessionID(name)!, base: nil, origin: nil, learn: "none", created: 0,
                updated: 0),
            engram: .empty(identity: identity), ledger: SafetyLedger(zone: SafeZone(), start: 0),
            snapshotSequence: 0, tokensSinceSnapshot: 0,
            byteCount: bytes)
    }

    @Test("The session that was used longest ago goes first")
    func leastRecentlyUsed() {
        var residency = EngramResidency(byteLimit: 30)
        for name in ["a", "b", "c"] {
            #expect(residency.keep(session(name, bytes: 10)).isEmpty)
        }
        #expect(residency.use(SessionID("a")!) != nil)
        #expect(residency.keep(session("d", bytes: 10)).map(\.id.description) == ["b/default"])
        #expect(residency.use(SessionID("b")!) == nil)
        #expect(residency.byteCount == 30)
    }

    @Test("A session too big for the bound stays alone")
    func oversized() {
        var residency = EngramResidency(byteLimit: 30)
        _ = residency.keep(session("a", bytes: 10))
        _ = residency.keep(session("b", bytes: 10))
        #expect(residency.keep(session("big", bytes: 99)).count == 2)
        #expect(residency.sessions.map(\.id.description) == ["big/default"])
        #expect(residency.keep(session("a", bytes: 10)).map(\.id.description) == ["big/default"])
        #expect(residency.byteCount == 10)
    }

    @Test("Replacing a session counts it once")
    func replacing() {
        var residency = EngramResidency(byteLimit: 30)
        _ = residency.keep(session("a", bytes: 10))
        _ = residency.keep(session("a", bytes: 25))
        #expect(residency.byteCount == 25)
        residency.remove(SessionID("a")!)
        residency.remove(SessionID("a")!)
        #expect(residency.byteCount == 0)
        #expect(residency.count == 0)
    }
}
