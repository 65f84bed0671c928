import Engrams

// A key's record is as it is: names and times are readable of everybody, and from a digest of 256
// random bits nothing leads back.
extension SealedStore {
    func accessKeys() async throws(StorageError) -> [AccessKeyRecord] {
        try await store.accessKeys()
    }

    func addAccessKey(_ key: AccessKeyRecord) async throws(StorageError) {
        try await store.addAccessKey(key)
    }

    func changeAccessKey(_ id: String, of user: UserID, settings: [UInt8])
        async throws(StorageError)
    {
        try await store.changeAccessKey(id, of: user, settings: settings)
    }

    func deleteAccessKey(_ id: String, of user: UserID) async throws(StorageError) {
        try await store.deleteAccessKey(id, of: user)
    }

    func noteUse(of keys: [AccessKeyUse]) async throws(StorageError) {
        try await store.noteUse(of: keys)
    }
}
