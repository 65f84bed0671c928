public struct Page: Sendable {
    public var limit: Int
    public var after: String?
    public init(limit: Int = 100, after: String? = nil) {
        self.limit = limit
        self.after = after
    }
}

public struct Listing<Item: Sendable>: Sendable {
    public var items: [Item]
    public var hasMore: Bool
    public init(items: [Item], hasMore: Bool) {
        self.items = items
        self.hasMore = hasMore
    }
}
