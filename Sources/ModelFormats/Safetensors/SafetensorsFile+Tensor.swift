extension SafetensorsFile {
    /// One tensor of a file: row-major, little-endian, read-only.
    public struct Tensor: Sendable {
        public let name: String
        public let type: TensorType
        /// Row-major; empty for a scalar.
        public let shape: [Int]
        /// Elements: the product of `shape`.
        public let count: Int

        /// The file the tensor is of, for errors.
        let file: String
        let storage: ByteStorage
        let range: Range<Int>

        init(
            entry: SafetensorsHeader.Entry, file: String, storage: ByteStorage, range: Range<Int>
        ) {
            name = entry.name
            type = entry.type
            shape = entry.shape
            count = entry.count
            self.file = file
            self.storage = storage
            self.range = range
        }

        /// The tensor's bytes where they lie in the file.
        ///
        /// The format promises no alignment: use unaligned loads, or check the address. The
        /// pointer is valid inside `body` and for as long as somebody holds this tensor.
        public func withUnsafeBytes<Result>(
            _ body: (UnsafeRawBufferPointer) throws -> Result
        ) rethrows -> Result {
            try withExtendedLifetime(storage) {
                try body(UnsafeRawBufferPointer(rebasing: storage.bytes[range]))
            }
        }

        /// Every element as a `Float`: exact from F32, F16 and BF16, rounded from F64.
        ///
        /// - Precondition: `type.isFloatingPoint`.
        /// - Complexity: O(count); allocates the result.
        public func floats() -> [Float] {
            switch type {
            case .f32:
                return copy(of: Float.self)
            case .f64:
                return map(UInt64.self) { Float(Double(bitPattern: $0)) }
            case .f16:
                return map(UInt16.self) { Float(Float16(bitPattern: $0)) }
            case .bf16:
                return map(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
            default:
                preconditionFailure("floats() of a tensor of type \(type.rawValue)")
            }
        }

        /// Every element as an `Int`, booleans as 0 and 1; U64 over `Int.max` is clamped.
        ///
        /// - Precondition: not `type.isFloatingPoint`.
        /// - Complexity: O(count); allocates the result.
        public func integers() -> [Int] {
            switch type {
            case .i64: return map(Int64.self) { Int($0) }
            case .i32: return map(Int32.self) { Int($0) }
            case .i16: return map(Int16.self) { Int($0) }
            case .i8: return map(Int8.self) { Int($0) }
            case .u64: return map(UInt64.self) { Int(clamping: $0) }
            case .u32: return map(UInt32.self) { Int($0) }
            case .u16: return map(UInt16.self) { Int($0) }
            case .u8: return map(UInt8.self) { Int($0) }
            case .bool: return map(UInt8.self) { $0 == 0 ? 0 : 1 }
            default: preconditionFailure("integers() of a tensor of type \(type.rawValue)")
            }
        }

        /// False when any element is NaN or infinite. Integers are always finite.
        ///
        /// - Complexity: O(count): reads the whole tensor; allocates nothing.
        public func hasOnlyFiniteValues() -> Bool {
            withUnsafeBytes { bytes in
                switch type {
                case .f64: bytes.exponentsAreFinite(mask: 0x7ff0_0000_0000_0000 as UInt64)
                case .f32: bytes.exponentsAreFinite(mask: 0x7f80_0000 as UInt32)
                case .f16: bytes.exponentsAreFinite(mask: 0x7c00 as UInt16)
                case .bf16: bytes.exponentsAreFinite(mask: 0x7f80 as UInt16)
                default: true
                }
            }
        }

        private func copy<Element: BitwiseCopyable>(of _: Element.Type) -> [Element] {
            withUnsafeBytes { bytes in
                [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
                    UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
                    initializedCount = count
                }
            }
        }

        private func map<Bits: BitwiseCopyable, Element>(
            _: Bits.Type, _ transform: (Bits) -> Element
        ) -> [Element] {
            withUnsafeBytes { bytes in
                [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
                    for index in 0..<count {
                        let bits = bytes.loadUnaligned(
                            fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
                        buffer.initializeElement(at: index, to: transform(bits))
                    }
                    initializedCount = count
                }
            }
        }
    }
}
