// Files that are not what they were taken for: what their first bytes show, and the way out.
#pragma once

#include <span>
#include <string_view>

namespace coe {

struct FileKind {
  std::string_view what;  // "a gzip archive"; empty when nothing is recognised
  std::string_view hint;
};

struct FileSignature {
  std::string_view prefix;
  FileKind kind;
};

// The kind of the first of `signatures` that `start` begins with; an empty one where none is.
FileKind match_signature(std::string_view start, std::span<const FileSignature> signatures);

// `start`: the first bytes of a file, some hundreds of them. Knows archives, downloads that failed
// and text in other encodings; formats of models and of tables are for those who read them.
FileKind file_kind(std::string_view start);

}  // namespace coe
