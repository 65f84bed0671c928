import OuterCortex

extension CortexTask {
    /// Does all of it, here and now.
    func runToEnd() {
        while !advance() {}
    }
}
