import EngramStorage
import Engrams
import ModelFormats

extension ServiceError {
    /// What a failure below means to a client; a cancellation stays one.
    static func from(_ error: any Error) -> any Error {
        switch error {
        case let error as ServiceError: error
        case is CancellationError: error
        case let error as StorageError: from(storage: error)
        case let error as EngramError: ServiceError.refused(reason: error.description)
        case let error as ModelFormatError: ServiceError.refused(reason: error.description)
        default: error
        }
    }

    private static func from(storage error: StorageError) -> ServiceError {
        switch error {
        case .userNotFound(let id): .userNotFound(id)
        case .sessionNotFound(let id): .sessionNotFound(id)
        case .sessionExists(let id): .sessionExists(id)
        case .checkpointNotFound(let id): .checkpointNotFound(id)
        case .checkpointInUse(let id): .checkpointInUse(id)
        case .accessKeyNotFound(let id): .keyNotFound(id)
        case .closed: .draining
        case .diskFull: .storageFull(reason: error.description)
        case .corrupt, .unreadable: .storageDamaged(reason: error.description)
        default: .storage(reason: error.description)
        }
    }
}
