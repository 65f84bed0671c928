/// Where it is decided what sessions are, one thing at a time: who may change one, what is in memory
/// of it, what its journal says next. Whoever looks something up there acts on what still holds, as
/// long as it waits for nobody in between. Nothing that takes a millisecond is done there.
@globalActor
actor SchedulerActor {
    static let shared = SchedulerActor()
}
