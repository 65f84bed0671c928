public import Engrams

extension InMemoryStore {
    public func accessKeys() throws(StorageError) -> [AccessKeyRecord] {
        try requireOpen()
        return keys.values.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }

    public func addAccessKey(_ key: AccessKeyRecord) throws(StorageError) {
        try requireOpen()
        try key.requireStorable()
        guard keys[key.id] == nil else { throw .accessKeyExists(key.id) }
        keys[key.id] = key
    }

    public func changeAccessKey(_ id: String, of user: UserID, settings: [UInt8])
        throws(StorageError)
    {
        try requireOpen()
        guard keys[id]?.user == user else { throw .accessKeyNotFound(id) }
        keys[id]?.settings = settings
    }

    public func deleteAccessKey(_ id: String, of user: UserID) throws(StorageError) {
        try requireOpen()
        guard keys[id]?.user == user else { throw .accessKeyNotFound(id) }
        keys[id] = nil
    }

    public func noteUse(of uses: [AccessKeyUse]) throws(StorageError) {
        try requireOpen()
        for use in uses { try use.requireStorable() }
        for use in uses {
            keys[use.id]?.lastUsed = use.lastUsed
            keys[use.id]?.usage = use.usage
        }
    }
}
