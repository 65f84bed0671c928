import Foundation

/// How a text, or what was learned from it, is laid out in a row so that deleting it leaves nothing.
///
/// SQLite keeps the first bytes of a row, 489 to 4,061 of them in pages of 4,096, beside other rows
/// in a page of the table's tree, and the rest in pages of its own. When the tree is balanced, rows
/// move to other pages, and where they stood, copies of those first bytes can stay behind in a
/// page's unused middle: `secure_delete` overwrites what is deleted, and these copies are of rows
/// that were alive. The pages of the rest are never moved and are zeroed whole when the row goes. So
/// the first bytes are made to be zeros: this value begins with `leadBytes` of them, and every column
/// after it in its table lies in such pages too.
///
/// The alternative is `VACUUM` after each deletion, which writes the whole file and holds up
/// everybody for as long. This costs one page a row.
enum ErasableContent {
    /// What SQLite calls X, the most that it keeps in the tree: page size − 35; a little more.
    static let leadBytes = 4096

    static func stored(_ content: Data) -> Data { Data(count: leadBytes) + content }
}
