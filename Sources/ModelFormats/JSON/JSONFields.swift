/// Typed, bounded reading of the members of one object of a configuration file, with errors that
/// name file and key.
struct JSONFields: ConfigValues {
    let file: String
    let object: JSONObject
    /// "" for the document itself, "rope_scaling." for an object inside it.
    var path = ""

    /// Reads a document whose root must be an object.
    init(bytes: [UInt8], file: String) throws(ModelFormatError) {
        let root = try JSONScanner.parse(bytes, file: file)
        guard case .object(let object) = root else {
            throw .malformed(
                file: file, location: "the document",
                problem: "\(root.kind) where an object must be",
                remedy: "Check that this is the right file.")
        }
        self.file = file
        self.object = object
    }

    init(file: String, object: JSONObject, path: String) {
        self.file = file
        self.object = object
        self.path = path
    }

    /// The value of `key`; nil when it is absent or null.
    subscript(key: String) -> JSONValue? {
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    func wrongType(_ key: String, _ value: JSONValue, expected: String) -> ModelFormatError {
        .malformed(
            file: file, location: "key \(path)\(key)",
            problem: "\(value.kind) where \(expected) must be", remedy: "Correct the file.")
    }

    func unsupported(_ key: String, _ found: String, supported: String) -> ModelFormatError {
        .unsupported(
            file: file, found: "\(path)\(key) = \(found)", supported: supported,
            remedy: "Use a model of a supported kind.")
    }

    func missing(_ key: String) -> ModelFormatError {
        .missing(
            file: file, item: "the key \(path)\(key)",
            remedy: "Check that this is the right file and that it is complete.")
    }

    func require<Value>(_ key: String, _ value: Value?) throws(ModelFormatError) -> Value {
        guard let value else { throw missing(key) }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelFormatError) -> Int? {
        guard let value = self[key] else { return nil }
        // Python writes 64.0 for an integer now and then; 64.5 is a mistake.
        let exact = value.integerValue ?? value.doubleValue.flatMap { Int(exactly: $0) }
        guard let exact else { throw wrongType(key, value, expected: "an integer") }
        guard range.contains(exact) else {
            throw .outOfBounds(
                file: file, location: path + key, found: "\(exact)",
                allowed: "\(range.lowerBound) to \(range.upperBound)", remedy: "Correct the file.")
        }
        return exact
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(ModelFormatError) -> Double? {
        guard let value = self[key] else { return nil }
        guard let number = value.doubleValue else {
            throw wrongType(key, value, expected: "a number")
        }
        guard range.contains(number) else {
            throw .outOfBounds(
                file: file, location: path + key, found: "\(number)",
                allowed: "\(range.lowerBound) to \(range.upperBound)", remedy: "Correct the file.")
        }
        return number
    }

    func bool(_ key: String) throws(ModelFormatError) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let bool = value.boolValue else {
            throw wrongType(key, value, expected: "true or false")
        }
        return bool
    }

    func string(_ key: String) throws(ModelFormatError) -> String? {
        guard let value = self[key] else { return nil }
        guard let string = value.stringValue else {
            throw wrongType(key, value, expected: "a string")
        }
        return string
    }

    func array(_ key: String) throws(ModelFormatError) -> [JSONValue]? {
        guard let value = self[key] else { return nil }
        guard let array = value.arrayValue else {
            throw wrongType(key, value, expected: "an array")
        }
        return array
    }

    func fields(_ key: String) throws(ModelFormatError) -> JSONFields? {
        guard let value = self[key] else { return nil }
        guard let object = value.objectValue else {
            throw wrongType(key, value, expected: "an object")
        }
        return JSONFields(file: file, object: object, path: "\(path)\(key).")
    }
}

extension JSONFields {
    /// An array of objects; empty when the key is absent or null.
    func objects(_ key: String) throws(ModelFormatError) -> [JSONFields] {
        var objects: [JSONFields] = []
        for (index, value) in (try array(key) ?? []).enumerated() {
            guard let object = value.objectValue else {
                throw wrongType("\(key)[\(index)]", value, expected: "an object")
            }
            objects.append(
                JSONFields(file: file, object: object, path: "\(path)\(key)[\(index)]."))
        }
        return objects
    }
}
