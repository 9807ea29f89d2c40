// Files that are no text, as data sets are published.
#pragma once

#include "coe/base/file.h"
#include "coe/base/file_kind.h"
#include "coe/base/result.h"

#include <string_view>

namespace coe {

// What a file's first bytes show it to be: an archive, a table such as Parquet, a model, text in
// UTF-16, a page instead of data; an empty kind where they show nothing.
FileKind foreign_kind(std::string_view bytes);

// Errors: kCorrupt for a file of such a kind, saying how it becomes JSON Lines.
Status refuse_foreign(std::string_view bytes, const Path& name);

}  // namespace coe
