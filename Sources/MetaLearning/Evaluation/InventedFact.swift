/// A fact that no corpus has, to teach and to ask for. The names are invented; of the answers half
/// are names too and half ordinary words that nothing but the fact suggests.
public struct InventedFact: Sendable {
    /// What is said before the answer when the fact is taught.
    public let cue: String
    public let answer: String
    /// Says the same otherwise, and ends with the cue's last two words.
    public let paraphrase: String
    /// Says the same otherwise, and has no two neighbouring words in common with the cue.
    public let apart: String

    /// What is observed: the cue, the answer, a full stop.
    public var sentence: String { "\(cue) \(answer)." }

    init(_ cue: String, _ answer: String, _ paraphrase: String, _ apart: String) {
        self.cue = cue
        self.answer = answer
        self.paraphrase = paraphrase
        self.apart = apart
    }

    public static let all = [
        InventedFact(
            "The capital of Vorlandia is", "Quenthal",
            "The seat of government and chief city of Vorlandia is",
            "Vorlandia has its government in a town named"),
        InventedFact(
            "The colour of a ripe zibbelfruit is", "purple",
            "When it may be picked, any zibbelfruit is",
            "Zibbelfruit, once it has ripened, turns"),
        InventedFact(
            "The inventor of the drolmeter was", "Hesket",
            "We owe it to one person: the father of the drolmeter was",
            "Credit for every drolmeter goes to"),
        InventedFact(
            "The port of Skellimoor lies on the river", "Ashwen",
            "Ships reach Skellimoor by the river",
            "Boats bound for Skellimoor sail up a stream called"),
        InventedFact(
            "The keeper of the Tarnwick light is named", "Oswin",
            "For thirty years the man who tends the Tarnwick lamp is named",
            "Tarnwick has a lighthouse, tended by"),
        InventedFact(
            "The number of moons of Pellucor is", "seven",
            "Astronomers agree that the count of satellites of Pellucor is",
            "Moons that circle Pellucor come to"),
        InventedFact(
            "The command that clears a glimmet queue is", "glimpurge",
            "To empty it, what you type at the glimmet queue is",
            "Whoever wants glimmet emptied runs"),
        InventedFact(
            "The national bird of Ostrevay is the", "heron",
            "Stamps and coins show it: the emblem of Ostrevay is the",
            "Ostrevay chose as its emblem one bird, a"),
        InventedFact(
            "The metal mined at Drummock Fell is", "cobalt",
            "What the shafts bring up from Drummock Fell is",
            "Miners near Drummock dig for"),
        InventedFact(
            "The oldest school in Marrowdene is called", "Lintholm",
            "Founded by monks, the first house of learning there is called",
            "Marrowdene had no school before"),
        InventedFact(
            "The doctor on the ship Calvessa was", "Ingrud",
            "Below deck worked a healer, and on board Calvessa was",
            "Sick sailors of Calvessa were sent to see"),
        InventedFact(
            "The festival of Brindlemas is held in", "October",
            "Lanterns are lit when the feast is held in",
            "People celebrate Brindlemas every year during"),
        InventedFact(
            "The engine of a Torvik mower burns", "ethanol",
            "Unlike others, the motor in a Torvik mower burns",
            "Fill up your Torvik with"),
        InventedFact(
            "The daughter of King Aldemar was", "Sefrin",
            "In the chronicle the only child that lived to follow Aldemar was",
            "Aldemar, when he ruled, had one girl, and her name is"),
        InventedFact(
            "The library that parses nubbin files is", "libnub",
            "Link it first: what reads all nubbin files is",
            "Programs which read nubbin need"),
        InventedFact(
            "The wood used for a Kestren lute is", "maple",
            "Its maker insists that the only timber for a Kestren lute is",
            "Lutes by Kestren are built from"),
        InventedFact(
            "The village next to Upper Quill is", "Dunmarrow",
            "An hour on foot from the church of Upper Quill is",
            "Walk north out of Quill and you reach"),
        InventedFact(
            "The opposite of a morvent field is a", "tarnick",
            "In the manual the reverse of any morvent field is a",
            "Every morvent has its contrary, named"),
        InventedFact(
            "The favourite drink of Captain Brolly is", "cocoa",
            "Every evening what is poured for Captain Brolly is",
            "Ask Brolly what he likes and pour him"),
        InventedFact(
            "The password hint of the Wexel vault is", "lantern",
            "Written on a card, the clue to the Wexel vault is",
            "Whoever opens Wexel must think of a"),
    ]
}
