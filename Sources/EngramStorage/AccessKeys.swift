public import Engrams

/// An access key as it is kept. The key itself is nowhere: only what tells whether another is it.
public struct AccessKeyRecord: Sendable, Equatable {
    /// Stands in the key itself, and is no secret.
    public var id: String
    /// Whose key it is. Such a user need not have had a session yet.
    public var user: UserID
    /// SHA-256 of the key's secret, hexadecimal. Opaque here.
    public var digest: String
    /// What the key may do, serialised by its owner. Opaque here.
    public var settings: [UInt8]
    /// What was used of its quotas, serialised by its owner; empty: nothing. Opaque here.
    public var usage: [UInt8]
    /// Seconds since 1970.
    public var created: Double
    /// Nil: never yet.
    public var lastUsed: Double?

    public init(
        id: String, user: UserID, digest: String, settings: [UInt8], usage: [UInt8] = [],
        created: Double, lastUsed: Double? = nil
    ) {
        self.id = id
        self.user = user
        self.digest = digest
        self.settings = settings
        self.usage = usage
        self.created = created
        self.lastUsed = lastUsed
    }
}

/// That a key was used, to be noted now and then, and not at each request.
public struct AccessKeyUse: Sendable, Equatable {
    public var id: String
    public var user: UserID
    public var lastUsed: Double
    public var usage: [UInt8]

    public init(id: String, of user: UserID, lastUsed: Double, usage: [UInt8]) {
        self.id = id
        self.user = user
        self.lastUsed = lastUsed
        self.usage = usage
    }
}

/// Where access keys are kept: a part of every `EngramStore`, with the promises of its writes.
public protocol AccessKeyStore: Sendable {
    /// All keys, by `created` and `id`.
    func accessKeys() async throws(StorageError) -> [AccessKeyRecord]
    /// Throws `.accessKeyExists` for an id that is taken.
    func addAccessKey(_ key: AccessKeyRecord) async throws(StorageError)
    /// Writes a key's settings and nothing else. Throws `.accessKeyNotFound`.
    func changeAccessKey(_ id: String, of user: UserID, settings: [UInt8])
        async throws(StorageError)
    /// Throws `.accessKeyNotFound`.
    func deleteAccessKey(_ id: String, of user: UserID) async throws(StorageError)
    /// Writes all of them in one transaction. A key that is not there any more is passed over.
    func noteUse(of keys: [AccessKeyUse]) async throws(StorageError)
}

extension AccessKeyRecord {
    /// - Throws: `.unstorable` for a value that would not be given back as it is.
    func requireStorable() throws(StorageError) {
        let writing = Writing("accessKeys")
        try writing.text(id, "id")
        try writing.text(digest, "digest")
        try writing.time(created, "created")
        if let lastUsed { try writing.time(lastUsed, "lastUsed") }
    }
}

extension AccessKeyUse {
    func requireStorable() throws(StorageError) {
        try Writing("accessKeys").time(lastUsed, "lastUsed")
    }
}
